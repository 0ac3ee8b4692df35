"""evaluate: measures the answers on test, beside a trivial predictor's, and writes the report."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import Field

from onecycle.decide import intervals
from onecycle.decide.kinds import KINDS
from onecycle.params import Section
from onecycle.paths import Paths, read_json, whole, write_json
from onecycle.progress import say
from onecycle.tables import write_predictions

if TYPE_CHECKING:
    from onecycle.learn.datasets import Dataset


Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
KEPT = ["id", "x", "title", "y", "group"]  # of the items table, in predictions.parquet


class Params(Section):
    """How the score is measured.

    Attributes:
        draws: resamples behind each 95 % interval.
        seed: of the resamples.
    """

    draws: int = Field(1000, ge=100)
    seed: int = Field(0, ge=0)


def run(paths: Paths, params: Params, threads: int) -> None:
    """Writes metrics, intervals, predictions, the report and what its plots show.

    Raises:
        UserError: the model is damaged, or its scores are not finite.
    """
    from onecycle.blocks.pair import Pairs
    from onecycle.learn import device, saved
    from onecycle.learn.datasets import split_items
    from onecycle.report import index, page
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
    rated = None
    if isinstance(blocks.x, Pairs):
        rated = RatedItems.of(learner, parts, judged, draws=params.draws, seed=params.seed)
    page.write(paths, blocks, predictions, kind.headline, rated)
    with suppress(OSError):  # it is no output of this stage, nor anything that stops it
        index.write(paths.root)
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

    owners = part.items["group"]
    groups = None if owners.isna().any() else owners.to_numpy(dtype=np.str_)
    found: dict[str, Any] = dict(
        intervals.measure(both, len(part), groups, draws=params.draws, seed=params.seed)
    )
    if intervals.within_groups(groups):
        for values in found.values():
            values["within_groups"] = True
    return found


def summary(found: dict[str, dict[str, Any]], headline: str) -> str:
    """One line: the headline metric, its interval and its baseline."""
    value, base = found[headline], found[f"baseline_{headline}"]
    return (
        f"{headline} {value['value']:.4g} [{value['low']:.4g}, {value['high']:.4g}] "
        f"on {value['n']:,} {value['split']} items; trivial predictor {base['value']:.4g}"
    )
