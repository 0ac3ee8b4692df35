"""The report: one self-contained page, and the tables behind what it shows."""

import pandas as pd

from onecycle.decide.sample import Sample
from onecycle.decide.worth import Worth
from onecycle.foreign import write_csv
from onecycle.learn.datasets import Blocks
from onecycle.paths import Paths, whole, write_whole
from onecycle.report import (
    asked,
    bars,
    data,
    gallery,
    pictures,
    provenance,
    results,
    slices,
    split,
    training,
)
from onecycle.report.facts import Facts
from onecycle.report.kinds import SHOWN
from onecycle.report.parts import Section
from onecycle.report.rated import RatedItems
from onecycle.report.template import template


def write(
    paths: Paths,
    blocks: Blocks,
    predictions: pd.DataFrame,
    sample: Sample,
    parts: pd.DataFrame,
    rated: RatedItems | None = None,
    worth: Worth | None = None,
) -> Facts:
    """Writes `report.html`, `plots/` and `pictures/`; the same inputs give the same bytes.

    Args:
        paths: the problem's files; those that evaluate depends on are read, and intervals.json.
        blocks: the model's input and target block.
        predictions: `id x y group`, the kind's answers and `loss`, a row for each judged item.
        sample: the same items as the metrics see them.
        parts: the score in parts of them, as `onecycle.decide.slices` has it.
        rated: of a recommender, its ratings and embeddings.
        worth: the decision beside its rivals.

    Returns:
        What the page tells of.
    """
    facts = Facts.read(paths, blocks, predictions, sample, parts, rated, worth)
    frames = SHOWN[facts.decision["kind"]].frames(facts) | {"slices.csv": parts}
    frames |= worth.frames if worth else {}
    sections = told(facts, frames)
    html = render(facts, frames, sections)
    with whole(paths.report("plots")) as partial:
        partial.mkdir()
        for name, frame in frames.items():
            write_csv(partial / name, frame)
    with whole(paths.report("pictures")) as partial:
        partial.mkdir()
        pictures.write(partial, sections, bars.drawn(frames))
    write_whole(paths.report("report.html"), html)
    return facts


def told(facts: Facts, frames: dict[str, pd.DataFrame]) -> list[Section]:
    """What follows the result: first what it is worth, then where it errs, then how it came."""
    kind = SHOWN[facts.decision["kind"]]
    return [
        asked.section(facts, kind),
        split.section(facts),
        gallery.section(facts, kind),
        *kind.details(facts, frames),
        *slices.sections(facts),
        kind.decision(facts, frames),
        training.training(facts.trained),
        data.section(facts),
        training.recipe(facts.trained),
        *provenance.section(facts.lineage),
    ]


def render(facts: Facts, frames: dict[str, pd.DataFrame], sections: list[Section]) -> str:
    """The page, from the result down to the lineage."""
    return template("page.html").render(
        problem=facts.problem,
        headline=results.headline(facts, SHOWN[facts.decision["kind"]].trivial),
        caveats=results.caveats(facts),
        metrics=results.rows(facts),
        method=results.method(facts),
        sections=sections,
        files=sorted(frames),
    )
