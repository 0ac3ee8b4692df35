"""Two models beside each other on the same items: what one gains over the other, with intervals.

Both are measured on the same resamples, so that what makes an item hard for both cancels: the
bootstrap of `onecycle.decide.intervals`, of the difference. The interval is the test, at 5 %: a
gain is shown where it excludes 0.

Differences of two models are odder than a metric is: most items have none, and few large ones make
up the rest. There the bounds of `onecycle.decide.bounds` alone tell a gain that is none twice as
often as they should, so the widest of three intervals is taken: theirs, Student's t about the
difference (which errs where it is skewed), and, of yes or no on each item, that of Bonett and Price
(2012, Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired
Data), as if two more items had been decided, one for each model. `tests/decide` simulates how often
a gain is told that is none.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide.bounds import LEVEL
from onecycle.decide.intervals import Resampled
from onecycle.decide.kinds import KINDS
from onecycle.decide.metrics import ratio
from onecycle.decide.sample import Sample
from onecycle.decide.scores import Array, Floats

YES_OR_NO = {"accuracy", "error_rate", "top_5_accuracy", "answered", "coverage"}
"""Metrics to which each item adds a yes or a no."""
TAIL = (1 + LEVEL) / 2


def compare(old: Sample, new: Sample) -> pd.DataFrame:
    """Every metric that both models have.

    Args:
        old: the items as one model judges them.
        new: the same items, in the same order, as the other does; it may know its labels in
            another order. How often and by what they are resampled is taken from `old`.

    Returns:
        A row for each metric: `metric old new gain low high`. The gain is above 0 where the new
        one is better, whichever way the metric improves; its bounds are of 95 %.
    """
    kind = KINDS[old.decision["kind"]]
    values = [_metrics(kind, each, np.ones((1, len(old)))) for each in (old, new)]
    names = [name for name in values[0] if name in values[1]]
    signs = np.array([1.0 if kind.better(name) == "higher" else -1.0 for name in names])

    def gains(weights: Floats) -> Floats:
        before, after = (_metrics(kind, each, weights) for each in (old, new))
        return signs * np.column_stack([after[name] - before[name] for name in names])

    found = old.resample(gains)
    low, high = bounds(found, np.array([name in YES_OR_NO for name in names]))
    was, now = ([float(each[name][0]) for name in names] for each in values)
    gained = {"gain": found.value, "low": low, "high": high}
    return pd.DataFrame({"metric": names, "old": was, "new": now, **gained})


def _metrics(kind: Any, sample: Sample, weights: Floats) -> dict[str, Floats]:  # noqa: ANN401 - a Kind
    found: dict[str, Floats] = kind.metrics(
        sample.scores, sample.y, sample.decision, weights, sample.size_px
    )
    return found


def bounds(gains: Resampled, of_items: Array) -> tuple[Floats, Floats]:
    """The bounds [M] of differences; infinite where there is one unit only, which tells nothing.

    Args:
        gains: the differences and their resamples.
        of_items: bool [M], whether each is of a yes or no for each item.
    """
    from scipy.special import ndtri, stdtrit  # here: slow to import

    if gains.units < 2:
        return np.full_like(gains.value, -np.inf), np.full_like(gains.value, np.inf)
    n, value = gains.units, gains.value
    variance = np.nanvar(gains.drawn, axis=0)
    arm = stdtrit(n - 1, TAIL) * np.sqrt(variance * n / (n - 1))
    known = gains.table()
    low = np.fmin(known["low"].to_numpy(), value - arm)
    high = np.fmax(known["high"].to_numpy(), value + arm)
    if not gains.grouped:
        decided = n * variance + value**2  # the share of items on which the two differ
        centre, share = value * n / (n + 2), (n * decided + 2) / (n + 2)
        arm = ndtri(TAIL) * np.sqrt(ratio(share - centre**2, np.full_like(value, n + 2)))
        low = np.where(of_items, np.fmin(low, centre - arm), low)
        high = np.where(of_items, np.fmax(high, centre + arm), high)
    return low, high
