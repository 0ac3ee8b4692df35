"""evaluate: measures the answers on test, beside a trivial predictor's, and writes the report."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import Field

from onecycle.decide import intervals, worth
from onecycle.decide.kinds import KINDS
from onecycle.params import Section
from onecycle.paths import Paths, read_json, whole, write_json
from onecycle.progress import say
from onecycle.tables import write_predictions

if TYPE_CHECKING:
    from onecycle.learn.datasets import Dataset
    from onecycle.learn.learner import Learner


Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
KEPT = ["id", "x", "title", "y", "group"]  # of the items table, in predictions.parquet


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
        card: of the model card.
    """

    draws: int = Field(1000, ge=100)
    seed: int = Field(0, ge=0)
    card: Card = Card()


def run(paths: Paths, params: Params, threads: int, asked: dict[str, Any]) -> None:
    """Writes metrics, intervals, predictions, the report, and what makes the model a bundle.

    Args:
        paths: the problem's files.
        params: the section.
        threads: of torch.
        asked: all sections of the problem and `threads`, for the lineage.

    Raises:
        UserError: the model is damaged, or its scores are not finite.
    """
    from onecycle.blocks.pair import Pairs
    from onecycle.learn import device, saved
    from onecycle.learn.datasets import split_items
    from onecycle.report import card, lineage, page, reference
    from onecycle.report.rated import RatedItems

    device.use_threads(threads)
    learner = saved.load(paths.model(), paths.data("pixels"))
    parts = split_items(paths.data("items.parquet"), paths.data("split.parquet"), KEPT)
    judged = "test" if "test" in parts else "valid"
    blocks = learner.data.blocks
    part = blocks.encode(parts[judged])
    decision = read_json(paths.model("decision.json"))
    train_y = blocks.encode(parts["train"]).y.numpy()
    scores = learner.predict(part)

    found = measure(part, scores, train_y, decision, params)
    for values in found.values():
        values["split"] = judged
    write_json(paths.report("intervals.json"), found)
    flat = {name: values["value"] for name, values in found.items()}
    write_json(paths.report("metrics.json"), {"n": len(part), **flat})

    kind = KINDS[decision["kind"]]
    vocab = getattr(blocks.y, "vocab", [])
    answers = kind.answers(scores, decision, vocab, part.size_px)
    known = part.items[[name for name in KEPT if name in part.items]]
    predictions = pd.concat([known, answers], axis=1)
    with whole(paths.report("predictions.parquet")) as partial:
        write_predictions(partial, predictions, scores)
    weighed = weigh(learner, parts, judged, scores, decision, params)
    rated = None
    if isinstance(blocks.x, Pairs):
        rated = RatedItems.of(learner, parts, judged, draws=params.draws, seed=params.seed)
    led = lineage.write(paths, asked)
    page.write(paths, blocks, predictions, kind.headline, rated, weighed)
    card.write(paths, led, params.card.model_dump())
    y_range = getattr(learner.recipe, "y_range", None)
    reference.write(paths, part, scores, answers, decision, y_range)
    say(summary(found, kind.headline))


def measure(
    part: "Dataset", scores: Array, train_y: Array, decision: dict[str, Any], params: Params
) -> dict[str, dict[str, Any]]:
    """Every metric and its baseline's, each with its 95 % interval from the same resamples."""
    kind, y, size_px = KINDS[decision["kind"]], part.y.numpy(), part.size_px
    trivial = kind.baseline(train_y, len(part), scores.shape[1])

    def both(weights: Array) -> dict[str, Array]:
        model = kind.metrics(scores, y, decision, weights, size_px)
        base = kind.metrics(trivial, y, kind.default(), weights, size_px)
        return model | {f"baseline_{name}": values for name, values in base.items()}

    groups = part.groups
    found: dict[str, Any] = dict(
        intervals.measure(both, len(part), groups, draws=params.draws, seed=params.seed)
    )
    if intervals.within_groups(groups):
        for values in found.values():
            values["within_groups"] = True
    return found


def weigh(
    learner: "Learner",
    parts: dict[str, pd.DataFrame],
    judged: str,
    scores: Array,
    decision: dict[str, Any],
    params: Params,
) -> worth.Worth:
    """What the decision is worth: the items that it was fitted on are predicted once more."""

    def scored(name: str, scores: Array | None = None) -> worth.Scored:
        part = learner.data.blocks.encode(parts[name])
        found = learner.predict(part) if scores is None else scores
        return worth.Scored(name, found, part.y.numpy(), part.groups, part.size_px)

    fitted = decision["fitted_on"]["part"]
    return worth.weigh(
        KINDS[decision["kind"]],
        decision,
        scored(judged, scores),
        None if fitted == judged else scored(fitted),
        draws=params.draws,
        seed=params.seed,
    )


def summary(found: dict[str, dict[str, Any]], headline: str) -> str:
    """One line: the headline metric, its interval and its baseline."""
    value, base = found[headline], found[f"baseline_{headline}"]
    return (
        f"{headline} {value['value']:.4g} [{value['low']:.4g}, {value['high']:.4g}] "
        f"on {value['n']:,} {value['split']} items; trivial predictor {base['value']:.4g}"
    )
