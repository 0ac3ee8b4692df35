"""One point in a picture: (x, y) in [-1, 1], float [N, 2], against the same.

-1 is the picture's left or upper edge, 1 its right or lower one; `size_px` float [N, 2] is the
original picture's (width, height), in which errors and the radius are told.
"""

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

headline = "mse"
better = m.better


class Params(Section):
    """The calibrate section: the share of items whose point the radius should hold."""

    coverage: float = Field(default=0.9, gt=0, lt=1)


def _error_px(scores: Array, y: Array, size_px: Array | None) -> Floats:
    """Distance of the predicted to the true point, float64 [N], px of the original picture."""
    gap: Floats = difference(scores, y) * _half(size_px)
    return np.asarray(np.linalg.norm(gap, axis=1))


def _half(size_px: Array | None) -> Floats:
    """Px per unit of score, float64 [N, 2]: half the picture's width and height.

    Raises:
        ValueError: The sizes are missing.
    """
    if size_px is None:
        raise ValueError("points need size_px, the pictures' width and height")
    return size_px.astype(np.float64) / 2


def fit(
    scores: Array,
    y: Array,
    params: Params,
    size_px: Array | None = None,
    groups: Array | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The radius in px, and the share of points that any radius holds."""
    error = _error_px(scores, y, size_px)
    radius, over = fit_radius(error, params.coverage, groups)
    decision = {"kind": "points", "coverage": params.coverage, "radius_px": radius, "over": over}
    return decision, coverage_curve(error, "radius_px")


def default() -> dict[str, Any]:
    """The decision without a radius."""
    return {"kind": "points", "coverage": None, "radius_px": None, "over": None}


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
    """The share of points that the radius holds; nothing without a radius."""
    if decision["radius_px"] is None:
        return {}
    return {"coverage": m.mean(_error_px(scores, y, size_px) <= decision["radius_px"], weights)}


def curve(
    scores: Array, y: Array, decision: dict[str, Any], size_px: Array | None = None
) -> pd.DataFrame:
    """How large a radius holds which share."""
    return coverage_curve(_error_px(scores, y, size_px), "radius_px")


def baseline(y_train: Array, n: int, width: int) -> Floats:
    """The mean point of train, for every item."""
    return np.tile(y_train.astype(np.float64).mean(axis=0), (n, 1))


def metrics(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> dict[str, Floats]:
    """The loss in [-1, 1] units, and the distance in px: its mean, median and 90 % quantile."""
    error = _error_px(scores, y, size_px)
    return {
        "mse": m.mse(difference(scores, y), weights),
        "error_px_mean": m.mean(error, weights),
        "error_px_median": m.quantile(error, 0.5, weights),
        "error_px_p90": m.quantile(error, 0.9, weights),
    } | decided(scores, y, decision, weights, size_px)


def headline_parts(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> Floats:
    """The squared error, one part."""
    return m.mse(difference(scores, y), weights)[:, None]


def part_bias(scores: Array, y: Array, rows: Array) -> Floats:
    """None: a mean over items is expected to be the same on part of them."""
    return np.zeros(1)


def trivial(
    y_train: Array, y: Array, width: int, weights: Floats, size_px: Array | None = None
) -> dict[str, Floats]:
    """The metrics of the baseline."""
    return metrics(baseline(y_train, len(y), width), y, default(), weights, size_px)


def losses(
    scores: Array, y: Array, decision: dict[str, Any], size_px: Array | None = None
) -> Floats:
    """Each item's distance, in px."""
    return _error_px(scores, y, size_px)


def answers(
    scores: Array,
    decision: dict[str, Any],
    vocab: Sequence[str],
    size_px: Array | None = None,
) -> pd.DataFrame:
    """The point in px of the original picture and the radius about it, NaN where there is none."""
    point = (finite(scores) + 1) * _half(size_px)
    radius = np.nan if decision["radius_px"] is None else decision["radius_px"]
    columns = {"predicted_x_px": point[:, 0], "predicted_y_px": point[:, 1]}
    return pd.DataFrame(columns).assign(radius_px=radius)
