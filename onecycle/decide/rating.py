"""One number, in the data's own unit: float [N, 1] against the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from onecycle.decide import metrics as m
from onecycle.decide.radius import coverage_curve, fit_radius
from onecycle.decide.scores import Array, Floats, difference, finite
from onecycle.params import Section

headline = "rmse"
better = m.better


class Params(Section):
    """The calibrate section: the share of items whose number the radius should hold."""

    coverage: float = Field(default=0.9, gt=0, lt=1)


def fit(
    scores: Array,
    y: Array,
    params: Params,
    size_px: Array | None = None,
    groups: Array | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The radius, and the share of numbers that any radius holds."""
    error = _error(scores, y)
    radius, over = fit_radius(error, params.coverage, groups)
    decision = {"kind": "rating", "coverage": params.coverage, "radius": radius, "over": over}
    return decision, coverage_curve(error, "radius")


def default() -> dict[str, Any]:
    """The decision without a radius."""
    return {"kind": "rating", "coverage": None, "radius": None, "over": None}


def _error(scores: Array, y: Array) -> Floats:
    """How far off each number is, float64 [N]."""
    return np.asarray(np.abs(difference(scores, y))[:, 0])


def rivals(decision: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """No radius, and the radius."""
    return {"no radius": default(), "radius": decision}


def decided(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> dict[str, Floats]:
    """The share of numbers that the radius holds; nothing without a radius."""
    if decision["radius"] is None:
        return {}
    return {"coverage": m.mean(_error(scores, y) <= decision["radius"], weights)}


def curve(
    scores: Array, y: Array, decision: dict[str, Any], size_px: Array | None = None
) -> pd.DataFrame:
    """How large a radius holds which share."""
    return coverage_curve(_error(scores, y), "radius")


def baseline(y_train: Array, n: int, width: int) -> Floats:
    """The mean of train, for every item."""
    return np.full((n, 1), y_train.astype(np.float64).mean())


def metrics(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> dict[str, Floats]:
    """Squared and absolute error; rmse and mae are in the rating's unit."""
    error = difference(scores, y)
    mse = m.mse(error, weights)
    own = {"mse": mse, "rmse": np.sqrt(mse), "mae": m.mae(error, weights)}
    return own | decided(scores, y, decision, weights)


def headline_parts(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> Floats:
    """The root of the squared error, one part."""
    return np.sqrt(m.mse(difference(scores, y), weights))[:, None]


def part_bias(scores: Array, y: Array, rows: Array) -> Floats:
    """None: a mean over items is expected to be the same on part of them."""
    return np.zeros(1)


def trivial(
    y_train: Array, y: Array, width: int, weights: Floats, size_px: Array | None = None
) -> dict[str, Floats]:
    """The metrics of the baseline; mae of train's median, which is the constant best by it."""
    median = np.full((len(y), width), np.median(y_train.astype(np.float64)))
    own = metrics(baseline(y_train, len(y), width), y, default(), weights)
    return own | {"mae": m.mae(difference(median, y), weights)}


def losses(
    scores: Array, y: Array, decision: dict[str, Any], size_px: Array | None = None
) -> Floats:
    """Each item's absolute error."""
    return _error(scores, y)


def answers(
    scores: Array,
    decision: dict[str, Any],
    vocab: Sequence[str],
    size_px: Array | None = None,
) -> pd.DataFrame:
    """The number and the bounds about it, not clipped to a scale; NaN where there is no radius."""
    predicted = finite(scores)[:, 0]
    radius = np.nan if decision["radius"] is None else decision["radius"]
    bounds = {"low": predicted - radius, "high": predicted + radius}
    return pd.DataFrame({"predicted": predicted, **bounds})
