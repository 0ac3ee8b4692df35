"""Histograms of the judged items, in the bundle: what predict's are to be held against later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from onecycle.decide import histograms
from onecycle.decide.histograms import Histograms
from onecycle.decide.scores import Array
from onecycle.learn.datasets import Dataset
from onecycle.paths import Paths, write_json


def write(
    paths: Paths,
    part: Dataset,
    scores: Array,
    answers: pd.DataFrame,
    decision: dict[str, Any],
    y_range: list[float] | None,
) -> None:
    """Writes `reference.json` into the bundle, in the form of predict's histograms.

    Args:
        paths: the problem's files.
        part: the judged items.
        scores: what the model makes of them, float [N, K].
        answers: the kind's.
        decision: with its kind.
        y_range: the least and the greatest number that the model gives; null: any.
    """
    found = {
        "rows": len(part),
        "errors": 0,
        "reasons": {},
        "inputs": INPUTS[part.blocks.x.kind](part),
        "scores": histograms.of_scores(scores, answers, decision, y_range),
    }
    write_json(paths.model("reference.json"), found)


def _pictures(part: Dataset) -> Histograms:
    store: Any = getattr(part.blocks.x, "store")  # noqa: B009 - of Images, whose kind this is
    rows = part.x.tolist()
    sizes = store.size_px(rows).tolist()
    traits = [histograms.traits(store[row], size) for row, size in zip(rows, sizes, strict=True)]
    return histograms.of_pictures(traits)


def _pairs(part: Dataset) -> Histograms:
    return histograms.of_pairs(part.x.numpy())


INPUTS: dict[str, Callable[[Dataset], Histograms]] = {"image": _pictures, "pair": _pairs}
