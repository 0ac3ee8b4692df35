"""The best thresholds of all: over every distinct score, for all labels together and for each.

A threshold only matters by which scores it parts, so of N items and K labels there are at most
N K + 1 to be tried; counts over the sorted scores try all of them at once. Between two scores any
threshold does the same. Of what ties the widest range is taken, the lowest of equal ones, and its
middle: the place furthest from any loss, as in the sweep.
"""

from __future__ import annotations

import numpy as np

from onecycle.decide.labelling import Counts, Goal
from onecycle.decide.scores import Array, Floats, sigmoid

_SAME = 1e-9
"""Worths that differ by less are equal counts, added up in another order."""
_ROUNDS = 50
"""Of `_for_f1_micro`, which ends after two or three."""


class States:
    """What can be told apart of some scores: the labels given at each distinct one and above.

    Args:
        p: probabilities, float64 [M].
        hit: whether the label is there, bool [M].

    Attributes:
        order: the scores' places from the highest, int [M].
        ends: how many of these are given in each state, from none to all, int [S].
        right: how many of them rightly, float64 [S].
        true: how many labels there are.
    """

    def __init__(self, p: Floats, hit: Array) -> None:
        self.order = np.argsort(-p, kind="stable")
        self._p = p[self.order]
        last = np.flatnonzero(np.append(self._p[1:] != self._p[:-1], True))
        ends = np.append(0, last + 1)
        low = np.append(self._p, 0.0)[ends]  # a threshold here or above leaves out what follows
        high = np.append(1.0, self._p)[ends]
        apart = (low < high) | (ends == 0)
        self.ends, self._low, self._high = ends[apart], low[apart], high[apart]
        self.right = np.append(0, hit[self.order].cumsum())[self.ends].astype(np.float64)
        self.true = float(hit.sum())

    def counts(self, items: int) -> Counts:
        """The states' counts, as of one label; `items` pairs in all."""
        right, given = self.right[:, None], self.ends[:, None].astype(np.float64)
        return Counts(right, given, np.full_like(right, self.true), np.full(len(right), items))

    def best(self, worth: Floats) -> tuple[float, int]:
        """The threshold where `worth` [S] is highest, and its state."""
        best = worth >= worth.max() - _SAME
        runs = np.flatnonzero(np.diff(np.concatenate([[0], best, [0]]))).reshape(-1, 2)
        low, high = self._low[runs[:, 1] - 1], self._high[runs[:, 0]]
        at = len(runs) - 1 - int((high - low)[::-1].argmax())  # from the lowest thresholds
        middle = float((low[at] + high[at]) / 2)
        # Of two neighbouring floats the middle may be the upper one, which it must stay below.
        return (middle if middle < high[at] else float(low[at])), int(runs[at][0])


def best_for_all(logits: Floats, y: Array, goal: Goal) -> float | None:
    """The one threshold for all labels at which the goal is reached best.

    Args:
        logits: float64 [N, K], finite.
        y: bool or float [N, K], one-hot, with at least one label.
        goal: what to reach.

    Returns:
        In [0, 1]; null if the precision asked for is reached by no threshold.
    """
    p, true = sigmoid(logits), y > 0
    states = States(p.ravel(), true.ravel())
    measures = states.counts(p.size).measures(goal.cost)
    if goal.aim == "f1_macro":
        measures["f1_macro"] = _macro(p, true)[states.order].cumsum()[states.ends - 1]
        measures["f1_macro"][0] = 0.0
    worth = goal.worth(measures)
    return states.best(worth)[0] if np.isfinite(worth).any() else None


def best_for_each(logits: Floats, y: Array, goal: Goal) -> Floats:
    """Each label's own best threshold, float64 [K], by its own scores alone.

    All aims but f1_micro are sums over the labels, or hold for all if they hold for each; that one
    is the labels' affair together (`_for_f1_micro`). A label that does not reach a precision is not
    given.
    """
    p, true = sigmoid(logits), y > 0
    labels = [States(p[:, k], true[:, k]) for k in range(p.shape[1])]
    if goal.aim == "f1_micro":
        return _for_f1_micro(labels)
    own = [_allowed(goal.worth(each.counts(len(p)).measures(goal.cost))) for each in labels]
    return np.array([s.best(worth)[0] for s, worth in zip(labels, own, strict=True)])


def shrink(own: Floats, common: float, positives: Array, half: float) -> Floats:
    """Each label's threshold, drawn towards the common one the more the rarer the label is.

    The weight of its own is n / (n + half) with n items that have the label: the estimate with the
    least expected error where an own threshold's variance falls as 1 / n and the labels' true ones
    vary about the common one; `half` is the ratio of the two variances (James and Stein 1961;
    Efron and Morris 1975, Data Analysis Using Stein's Estimator).

    Args:
        own: float64 [K].
        common: the threshold for all labels.
        positives: int [K], items that have each label.
        half: items at which own and common weigh the same; 0: own ones alone, where there are any.
    """
    weight = positives / np.maximum(positives + half, 1e-300)
    found: Floats = weight * own + (1 - weight) * common
    return found


def _allowed(worth: Floats) -> Floats:
    """Worths of which one is finite: where nothing is allowed, giving no label is."""
    worth = np.nan_to_num(worth, nan=0.0, neginf=-np.inf)
    if not np.isfinite(worth).any():
        worth[0] = 0.0
    return worth


def _macro(p: Floats, true: Array) -> Floats:
    """What each score adds to f1_macro when it is given after all higher ones, float64 [N K]."""
    order = np.argsort(-p, axis=0, kind="stable")
    right = np.take_along_axis(true, order, axis=0).cumsum(axis=0)
    given = np.arange(1, len(p) + 1)[:, None]
    own = true.sum(axis=0)
    f1 = np.where(own > 0, 2 * right / (given + own), 0.0)
    added = np.empty_like(p)
    np.put_along_axis(added, order, np.diff(f1, axis=0, prepend=0.0), axis=0)
    found: Floats = added.ravel() / max(1, (own > 0).sum())
    return found


def _for_f1_micro(labels: list[States]) -> Floats:
    """The thresholds that together make f1_micro highest.

    F1 is at least x if, over all pairs, 2 right - x (given + true) is at least 0, and that is a sum
    over the labels: each is put at its highest, x becomes the F1 so reached, until it stays
    (Dinkelbach 1967, On Nonlinear Fractional Programming).
    """
    reached, found = 0.0, np.zeros(len(labels))
    for _ in range(_ROUNDS):
        chosen = [s.best(2 * s.right - reached * s.ends) for s in labels]
        found = np.array([threshold for threshold, _ in chosen])
        right = sum(s.right[at] for s, (_, at) in zip(labels, chosen, strict=True))
        either = sum(s.ends[at] + s.true for s, (_, at) in zip(labels, chosen, strict=True))
        now = float(2 * right / either) if either else 0.0
        if now <= reached + _SAME:
            break
        reached = now
    return found
