"""The threshold above which a label is given: the lesson's sweep, and a choice from it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from onecycle.decide.intervals import Resampled, columns
from onecycle.decide.labelling import Counts, Goal
from onecycle.decide.metrics import is_share, limits
from onecycle.decide.scores import Array, Floats, sigmoid
from onecycle.errors import UserError

THRESHOLDS = np.linspace(0.05, 0.95, 29)
"""The sweep of fast.ai's lesson 6."""
DRAWS, SEED = 1000, 0
"""Resamples behind the sweep's intervals, as many as evaluate's."""
_SAME = 1e-12
"""Values that differ by less are equal counts, added up in another order."""


def choose_labels(logits: Floats, threshold: float | Floats) -> Array:
    """Which labels are given, bool [N, K]: those with a probability strictly above, as fast.ai.

    Args:
        logits: float64 [N, K].
        threshold: one for all labels, or one for each, float64 [K].
    """
    return np.asarray(sigmoid(logits) > threshold)


def sweep(logits: Floats, y: Array, goal: Goal) -> pd.DataFrame:
    """What is reached at every threshold.

    Args:
        logits: float64 [N, K], finite.
        y: bool or float [N, K], one-hot.
        goal: what is aimed for.

    Returns:
        29 rows by rising threshold: `threshold`, then `measured`, one column each.

    Raises:
        UserError: No item has a label.
    """
    found = _swept(logits, y, goal, np.ones((1, len(y))))
    return pd.DataFrame({"threshold": THRESHOLDS} | {k: v[0] for k, v in found.items()})


def sweep_in_bands(
    logits: Floats, y: Array, goal: Goal, groups: Array | None = None
) -> tuple[pd.DataFrame, tuple[float, float] | tuple[None, None]]:
    """The sweep with 95 % intervals, and between which thresholds 95 % of the resamples choose.

    The intervals are of each threshold by itself. The second pair are plain quantiles: the place of
    a maximum has no such thing as a bias that could be corrected.

    Args:
        logits: float64 [N, K], finite.
        y: bool or float [N, K], one-hot.
        goal: what is aimed for.
        groups: str [N], as in `intervals.measure`.

    Returns:
        `sweep` with `NAME_low` and `NAME_high` beside each NAME; low and high, of the resamples
        that reach a precision if one is asked for: null where none does.
    """

    def swept(weights: Floats) -> Floats:
        return columns(_swept(logits, y, goal, weights))

    found, count = Resampled.of(swept, len(y), groups, draws=DRAWS, seed=SEED), len(THRESHOLDS)
    drawn: dict[str, Floats] = {}
    parts = [pd.DataFrame({"threshold": THRESHOLDS})]
    for place, name in enumerate(measured(goal)):
        one = found[place * count : (place + 1) * count]
        drawn[name] = one.drawn
        table = one.table(shares=is_share(name), ends=limits(name))
        parts.append(table.set_axis([name, f"{name}_low", f"{name}_high"], axis=1))
    curve = pd.concat(parts, axis=1)
    worth = goal.worth(drawn)
    worth = worth[np.isfinite(worth).any(axis=1)]
    if not len(worth):
        return curve, (None, None)
    chosen = [THRESHOLDS[best_place(each)] for each in worth]
    low, high = np.quantile(chosen, [0.025, 0.975], method="inverted_cdf").tolist()
    return curve, (low, high)


def best_threshold(table: pd.DataFrame, goal: Goal) -> float | None:
    """The threshold where the goal is reached best; null if the precision asked for is at none.

    Of thresholds that tie it is the middle one (the lower of two) of the longest unbroken run, the
    first such run: the place furthest from any loss.
    """
    worth = goal.worth({str(name): table[name].to_numpy() for name in table})
    if not np.isfinite(worth).any():
        return None
    return float(table["threshold"].to_numpy()[best_place(worth)])


def measured(goal: Goal) -> list[str]:
    """The columns of a sweep for a goal: cost where it is the aim, the others always."""
    names = ["accuracy_multi", "f1_micro", "f1_macro", "precision", "recall"]
    return [*names, "cost"] if goal.aim == "cost" else names


def measure(chosen: Array, y: Array, goal: Goal, weights: Floats) -> dict[str, Floats]:
    """What a labelling bool [N, K] reaches: each of `measured`, float64 [B] for weights [B, N]."""
    found = Counts.of(chosen, y, weights).measures(goal.cost)
    return {name: found[name] for name in measured(goal)}


def _swept(logits: Floats, y: Array, goal: Goal, weights: Floats) -> dict[str, Floats]:
    """`measured` at every threshold, float64 [B, 29] each."""
    if not (y > 0).any():
        raise UserError("labels: expected at least one item with a label to fit on, found none")
    rows = [measure(choose_labels(logits, t), y, goal, weights) for t in THRESHOLDS.tolist()]
    return {name: np.stack([row[name] for row in rows], axis=1) for name in rows[0]}


def best_place(worth: Floats) -> int:
    """The middle of the longest run of the highest values [29]."""
    best = worth >= worth.max() - _SAME
    runs = np.flatnonzero(np.diff(np.concatenate([[0], best, [0]]))).reshape(-1, 2)
    start, stop = runs[(runs[:, 1] - runs[:, 0]).argmax()]
    return int((start + stop - 1) // 2)
