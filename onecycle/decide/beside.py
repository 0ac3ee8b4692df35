"""Predictors of ratings side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from onecycle.decide import intervals
from onecycle.decide import metrics as m
from onecycle.decide.scores import Array, Floats


def compare(
    y: Floats,
    predicted: dict[str, Floats],
    groups: Array | None = None,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Errors with 95 % intervals, and what each has more than the first, on the same resamples.

    Args:
        y: true ratings [N].
        predicted: ratings [N] by name, the model's first.
        groups: as in `intervals.measure`.
        draws: likewise.
        seed: likewise.

    Returns:
        A row for each: `name`; `mse`, `rmse` and `rmse_more` (rmse less the first's), each with
        `_low` and `_high`; in the rating's unit, mse in its square.
    """
    squared = {name: (ratings - y) ** 2 for name, ratings in predicted.items()}
    first = next(iter(squared))

    def metrics(weights: Floats) -> dict[str, Floats]:
        total = weights.sum(axis=1)
        mse = {name: m.mean(values, weights, total) for name, values in squared.items()}
        rmse = {name: np.sqrt(values) for name, values in mse.items()}
        more = {name: values - rmse[first] for name, values in rmse.items()}
        kinds = {"mse": mse, "rmse": rmse, "rmse_more": more}
        return {f"{kind} {name}": v for kind, of in kinds.items() for name, v in of.items()}

    found = intervals.measure(metrics, len(y), groups, draws=draws, seed=seed)
    rows = []
    for name in squared:
        row: dict[str, str | float] = {"name": name}
        for kind in ("mse", "rmse", "rmse_more"):
            each = found[f"{kind} {name}"]
            row |= {kind: each["value"], f"{kind}_low": each["low"], f"{kind}_high": each["high"]}
        rows.append(row)
    return pd.DataFrame(rows)
