"""Curves over thresholds: what they reach, and how far they are from one rise and one fall."""

import numpy as np

from onecycle.decide.labelling import Goal
from onecycle.decide.scores import Array, Floats, finite
from onecycle.decide.thresholds import THRESHOLDS, choose_labels, measure
from onecycle.studies.compare import LEVEL
from onecycle.studies.measured import Measured
from onecycle.studies.outcome import Part

PLACES = [f"{at}" for at in range(len(THRESHOLDS))]
HALF = PLACES[len(THRESHOLDS) // 2]  # of the threshold .5
_SAME = 1e-12  # values that differ by less are equal counts, added up in another order


def worths(part: Part, goal: Goal, weights: Floats) -> Floats:
    """What the goal comes to at each threshold of the sweep, float64 [B, 29], higher is better."""
    logits = finite(part.scores)
    rows = [worth(choose_labels(logits, t), part.y, goal, weights) for t in THRESHOLDS.tolist()]
    return np.stack(rows, axis=1)


def worth(chosen: Array, y: Array, goal: Goal, weights: Floats) -> Floats:
    """What the goal comes to with some labels given, float64 [B]."""
    return goal.worth(measure(chosen, y, goal, weights))


def limiting(goal: Goal) -> str | None:
    """The metric whose limits a goal's worth keeps; a cost, which counts negative, has none."""
    return None if goal.aim == "cost" else goal.aim


def swept(parts: list[Part], goal: Goal, seed: int) -> Measured:
    """The sweep of each seed's model on the same items, by the threshold's place."""

    def values(weights: Floats) -> dict[str, list[Floats]]:
        found = [worths(part, goal, weights) for part in parts]
        return {name: [each[:, at] for each in found] for at, name in enumerate(PLACES)}

    one = parts[0]
    return Measured.of(values, len(one), one.groups, metric=limiting(goal), seed=seed)


def bumps(curve: Floats) -> int:
    """How many dips [29] has: places lower than both sides, an even stretch being one place."""
    steps = np.diff(curve)
    signs = np.sign(steps[np.abs(steps) > _SAME])
    return int(((signs[:-1] < 0) & (signs[1:] > 0)).sum())


def dip(curve: Floats) -> tuple[int, int]:
    """The deepest fall on the way to the top, or rise on the way down from it.

    Returns:
        The places of its high and of its low end; the top's twice if there is none.
    """
    high, low = _pairs(curve)
    depth = curve[high] - curve[low]
    if not len(depth) or depth.max() <= _SAME:
        return int(curve.argmax()), int(curve.argmax())
    at = int(depth.argmax())
    return int(high[at]), int(low[at])


def is_bumpy(curve: Floats, drawn: Floats) -> bool:
    """Whether any dip is told from none, however many there could be.

    Every fall on the way to the top, and every rise after it, is held against its own spread over
    resamples; one is told if it is above what the largest of all exceeds by luck in 5 % of them.

    Args:
        curve: [29].
        drawn: resamples of it, [D, 29].
    """
    high, low = _pairs(curve)
    depth, luck = curve[high] - curve[low], drawn[:, high] - drawn[:, low]
    spread = luck.std(axis=0)
    real = spread > _SAME
    if not real.any():
        return False
    beyond = ((luck - depth)[:, real] / spread[real]).max(axis=1)
    return bool((depth[real] / spread[real]).max() > np.quantile(beyond, LEVEL))


def _pairs(curve: Floats) -> tuple[Array, Array]:
    """Every two places on one side of the top, that nearer the top second."""
    top, places = int(curve.argmax()), np.arange(len(curve))
    first, second = (each.ravel() for each in np.meshgrid(places, places, indexing="ij"))
    before = (first < second) & (second <= top)
    after = (first > second) & (second >= top)
    return first[before | after], second[before | after]
