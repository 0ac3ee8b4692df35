"""evaluate: measures the answers on test, beside a trivial predictor's, and writes the report."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import Field

from onecycle.decide import intervals, slices, worth
from onecycle.decide.kinds import KINDS
from onecycle.decide.sample import Sample
from onecycle.errors import DiskError, UserError
from onecycle.params import Section, nearest
from onecycle.paths import Paths, read_json, whole, write_json
from onecycle.progress import say
from onecycle.tables import PAIRS, kept_columns, read_schema, write_predictions

if TYPE_CHECKING:
    from onecycle.learn.datasets import Dataset


Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
KEPT = ["id", "x", "title", "y", "group"]  # of the items table, in predictions.parquet
SIZES = ["width", "height"]  # of a picture as published, in pixels: columns to slice by


class Card(Section):
    """What the model card says that nothing else tells.

    Attributes:
        license: Hugging Face's name of it, such as `apache-2.0`; null leaves it out.
        intended_use: what the model is for, in sentences; null: that it is not stated.
        not_for: what it is not for; null: what holds of any model.
    """

    license: str | None = None
    intended_use: str | None = None
    not_for: str | None = None


class Params(Section):
    """How the score is measured.

    Attributes:
        draws: resamples behind each 95 % interval.
        seed: of the resamples.
        slices: columns of the items table, and `width` and `height` of pictures, by whose values
            the score is told too. Null: those that `prepare.keep` kept, and the pictures' sizes.
        card: of the model card.
    """

    draws: int = Field(1000, ge=100)
    seed: int = Field(0, ge=0)
    slices: list[str] | None = None
    card: Card = Card()


def run(paths: Paths, params: Params, threads: int, asked: dict[str, Any]) -> None:
    """Writes metrics, intervals, predictions, the report, and what makes the model a bundle.

    Args:
        paths: the problem's files.
        params: the section.
        threads: of torch.
        asked: all sections of the problem and `threads`, for the lineage.

    Raises:
        UserError: the model is damaged, its scores are not finite, or the items lack a column that
            is to be sliced by.
    """
    from onecycle.blocks.pair import Pairs
    from onecycle.learn import device, saved
    from onecycle.learn.datasets import split_items
    from onecycle.report import card, index, lineage, page, reference
    from onecycle.report.rated import RatedItems

    device.use_threads(threads)
    learner = saved.load(paths.model(), paths.data("pixels"))
    by = to_slice(paths.data("items.parquet"), params)
    columns = list(dict.fromkeys([*KEPT, *by]))
    parts = split_items(paths.data("items.parquet"), paths.data("split.parquet"), columns)
    judged = "test" if "test" in parts else "valid"
    blocks, decision = learner.data.blocks, read_json(paths.model("decision.json"))
    part = blocks.encode(parts[judged])
    sample = sample_of(part, learner.predict(part), decision, params)

    found = measure(sample, blocks.encode(parts["train"]).y.numpy())
    for values in found.values():
        values["split"] = judged
    write_json(paths.report("intervals.json"), found)
    flat = {name: values["value"] for name, values in found.items()}
    write_json(paths.report("metrics.json"), {"n": len(part), **flat})

    kind, vocab = KINDS[decision["kind"]], getattr(blocks.y, "vocab", [])
    answers = kind.answers(sample.scores, decision, vocab, part.size_px)
    known = part.items[[name for name in KEPT if name in part.items]]
    predictions = pd.concat([known, answers], axis=1)
    predictions["loss"] = kind.losses(sample.scores, sample.y, decision, part.size_px)
    with whole(paths.report("predictions.parquet")) as partial:
        write_predictions(partial, predictions, sample.scores)

    names, fitted = (judged, decision["fitted_on"]["part"]), None
    if judged != names[1]:  # those that the decision was fitted on are predicted once more
        part_of_fit = blocks.encode(parts[names[1]])
        fitted = sample_of(part_of_fit, learner.predict(part_of_fit), decision, params)
    rated = RatedItems.of(learner, parts, judged) if isinstance(blocks.x, Pairs) else None
    lineage.write(paths, asked)
    weighed = worth.weigh(kind, sample, fitted, names)
    sliced = slice_up(part, sample, by)
    facts = page.write(paths, blocks, predictions, sample, sliced, rated, weighed)
    card.write(facts, params.card.model_dump(), paths.model("README.md"))
    y_range = getattr(learner.recipe, "y_range", None)
    reference.write(paths, part, sample.scores, answers, decision, y_range)
    with suppress(OSError, DiskError):  # it is no output of this stage, nor anything that stops it
        index.write(paths.root)
    say(summary(found, kind.headline))


def to_slice(items: Path, params: Params) -> list[str]:
    """The columns to slice by.

    Raises:
        UserError: the items have no such column.
    """
    schema = read_schema(items)
    sizes = [] if schema.field("x").type == PAIRS else SIZES
    if params.slices is None:
        return kept_columns(items) + sizes
    known = [name for name in schema.names if name != "split"] + sizes  # as split_items has them
    for name in params.slices:
        if name not in known:
            hint = nearest(name, known)
            raise UserError(f"evaluate.slices: the items have no column '{name}'; {hint}")
    return params.slices


def sample_of(part: "Dataset", scores: Array, decision: dict[str, Any], params: Params) -> Sample:
    """Items of a part, and how they are resampled: by group where every item has one."""
    y = part.y.numpy()
    return Sample(scores, y, decision, part.groups, part.size_px, params.draws, params.seed)


def measure(sample: Sample, train_y: Array) -> dict[str, dict[str, Any]]:
    """Every metric and its baseline's, each with its 95 % interval from the same resamples."""
    kind, width = KINDS[sample.decision["kind"]], sample.scores.shape[1]

    def both(weights: Array) -> dict[str, Array]:
        model = kind.metrics(sample.scores, sample.y, sample.decision, weights, sample.size_px)
        base = kind.trivial(train_y, sample.y, width, weights, sample.size_px)
        return model | {f"baseline_{name}": values for name, values in base.items()}

    found: dict[str, Any] = dict(sample.measure(both))
    if intervals.within_groups(sample.groups):
        for values in found.values():
            values["within_groups"] = True
    return found


def slice_up(part: "Dataset", sample: Sample, names: list[str]) -> pd.DataFrame:
    """The headline by the values of some columns."""
    sizes = {} if part.size_px is None else dict(zip(SIZES, part.size_px.T, strict=True))
    cells = {
        name: part.items[name] if name in part.items else pd.Series(sizes[name]) for name in names
    }
    return slices.measure(sample, cells)


def summary(found: dict[str, dict[str, Any]], headline: str) -> str:
    """One line: the headline metric, its interval and its baseline."""
    value, base = found[headline], found[f"baseline_{headline}"]
    return (
        f"{headline} {value['value']:.4g} [{value['low']:.4g}, {value['high']:.4g}] "
        f"on {value['n']:,} {value['split']} items; trivial predictor {base['value']:.4g}"
    )
