"""The threshold above which a label is given: a sweep, and a choice from it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from onecycle.decide import metrics
from onecycle.decide.scores import Array, Floats, sigmoid
from onecycle.errors import UserError

Aim: TypeAlias = Literal["accuracy_multi", "f1_micro", "f1_macro"]
THRESHOLDS = np.linspace(0.05, 0.95, 29)
"""The sweep of fast.ai's lesson 6."""
_SAME = 1e-12
"""Values that differ by less are equal counts, added up in another order."""


def choose_labels(logits: Floats, threshold: float) -> Array:
    """Which labels are given, bool [N, K]: those with a probability strictly above, as fast.ai."""
    return np.asarray(sigmoid(logits) > threshold)


def sweep(logits: Floats, y: Array) -> pd.DataFrame:
    """The three aims at every threshold.

    Args:
        logits: float64 [N, K], finite.
        y: bool or float [N, K], one-hot.

    Returns:
        29 rows by rising threshold: threshold, accuracy_multi, f1_micro, f1_macro, all in [0, 1].

    Raises:
        UserError: No item has a label.
    """
    if not (y > 0).any():
        raise UserError("labels of valid: expected at least one label, found none; check the data")
    ones = np.ones((1, len(y)))
    rows = []
    for threshold in THRESHOLDS:
        chosen = choose_labels(logits, float(threshold))
        row = {"threshold": float(threshold)}
        row["accuracy_multi"] = float(metrics.accuracy_multi(chosen, y, ones)[0])
        row["f1_micro"] = float(metrics.f1_micro(chosen, y, ones)[0])
        row["f1_macro"] = float(metrics.f1_macro(chosen, y, ones)[0])
        rows.append(row)
    return pd.DataFrame(rows)


def best_threshold(table: pd.DataFrame, aim: Aim) -> float:
    """The threshold where `aim` is highest.

    Of thresholds that tie it is the middle one (the lower of two) of the longest unbroken run, the
    first such run: the place furthest from any loss.
    """
    values = table[aim].to_numpy()
    best = values >= values.max() - _SAME
    runs = np.flatnonzero(np.diff(np.concatenate([[0], best, [0]]))).reshape(-1, 2)
    start, stop = runs[(runs[:, 1] - runs[:, 0]).argmax()]
    return float(table["threshold"].to_numpy()[(start + stop - 1) // 2])
