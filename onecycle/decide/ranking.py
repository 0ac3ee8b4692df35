"""How well each label's scores rank the items: average precision, by area and by eleven points.

Shapes as in `onecycle.decide.metrics`: scores float64 [N, K], y bool or float [N, K], weights
float64 [B, N].
"""

from __future__ import annotations

import numpy as np

from onecycle.decide.metrics import mean_where, ratio
from onecycle.decide.scores import Array, Floats

POINTS = 11
"""Recalls 0, 0.1, … 1 at which VOC 2007 reads a precision (Everingham et al. 2010, section 4.2)."""

RANDOM_PARTS = 100
"""Their mean is known to a tenth of their spread."""
FEW = 5


def mean_average_precision(scores: Floats, y: Array, weights: Floats) -> Floats:
    """'map': the mean over the classes with a positive in the draw; NaN where none has one."""
    return mean_of_classes(average_precisions(scores, y, weights)[0], y, weights)


def mean_of_classes(values: Floats, y: Array, weights: Floats) -> Floats:
    """Mean of `values` [B, K] over the classes with a positive in the draw; float64 [B]."""
    return mean_where(values, weights @ (y > 0).astype(np.float64) > 0)


def average_precisions(scores: Floats, y: Array, weights: Floats) -> tuple[Floats, Floats]:
    """Each class's average precision, twice; float64 [B, K], 0 where the draw has no positive.

    Items of equal score enter the ranking together.

    Returns:
        By area, as scikit-learn: precision at every distinct score, weighted by the gain in recall
        there. By eleven points, as VOC 2007: the mean of the highest precisions at a recall of at
        least 0, 0.1, … 1. Recalls are compared as whole numbers where weights are, so that three
        of ten reach 0.3.
    """
    found = [_average_precision(scores[:, k], y[:, k] > 0, weights) for k in range(y.shape[1])]
    area, eleven = (np.stack(each, axis=1) for each in zip(*found, strict=True))
    return area, eleven


def part_bias(scores: Floats, y: Array, rows: Array) -> Floats:
    """How much higher each class's average precision is expected to be on part of the items.

    Few items rank more easily than many, and a label that is frequent among them more easily than
    a rare one, whatever the model. So a part is to be compared with random parts of the same
    numbers of positives and of negatives.

    Args:
        scores: float64 [N, K].
        y: [N, K].
        rows: int [n], the part.

    Returns:
        The mean over `RANDOM_PARTS` such parts, less the value on all items; float64 [K], NaN where
        the part has fewer than `FEW` positives, which tell nothing of a label.
    """
    rng = np.random.default_rng(0)
    true = y > 0
    bias = np.full(true.shape[1], np.nan)
    for k in np.flatnonzero(true[rows].sum(axis=0) >= FEW):
        taken = (len(rows) - true[rows, k].sum(), true[rows, k].sum())
        weights = np.zeros((RANDOM_PARTS, len(y)))
        for positive, size in enumerate(taken):
            items = np.flatnonzero(true[:, k] == bool(positive))
            order = rng.random((RANDOM_PARTS, len(items))).argsort(axis=1)[:, :size]
            np.put_along_axis(weights, items[order], 1.0, axis=1)
        ones = np.ones((1, len(y)))
        part, whole = (_average_precision(scores[:, k], true[:, k], w)[0] for w in (weights, ones))
        bias[k] = part.mean() - whole[0]
    return bias


def _average_precision(scores: Floats, y: Array, weights: Floats) -> tuple[Floats, Floats]:
    """One class: scores [N], y bool [N]."""
    order = np.argsort(-scores, kind="stable")
    ranked = -scores[order]
    positives = np.flatnonzero(y[order])
    if len(positives) == 0:
        return np.zeros(len(weights)), np.zeros(len(weights))
    last = np.searchsorted(ranked, ranked[positives], side="right") - 1  # of the equal scores
    above = weights[:, order].cumsum(axis=1)[:, last]
    gain = weights[:, order[positives]]
    found = gain.cumsum(axis=1)
    hits = found[:, np.searchsorted(positives, last, side="right") - 1]
    precision = ratio(hits, above)
    area: Floats = ratio((gain * precision).sum(axis=1), found[:, -1])
    return area, _eleven_points(precision, hits)


def _eleven_points(precision: Floats, hits: Floats) -> Floats:
    """Mean over the points; precision and hits float64 [B, P], by falling score."""
    onwards = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    rows, total = np.arange(len(hits)), hits[:, -1]
    at = [((POINTS - 1) * hits < i * total[:, None]).sum(axis=1) for i in range(POINTS)]
    values: Floats = np.mean([onwards[rows, place] for place in at], axis=0)
    return values
