"""The bounds of 95 % intervals, from the values that a metric has on resamples.

The resamples tell a metric's spread, its bias and its skewness; the interval is Student's t about
the value less the bias, bent by Hall's cubic so that it reaches further where the metric is skewed
to (Hall 1992, On the Removal of Skewness by Transformation). Plain percentiles are too narrow over
few groups and for squared errors with a long tail, and where a metric is higher on any resample
than on the sample itself, as the ece is, they may exclude the value. The value lies within always.

Shares, such as accuracy, have Wilson's interval of as many independent items as the bootstrap's
variance speaks of: fewer than there are where those of a group are alike (Franco et al. 2019,
Comparative Study of Confidence Intervals for Proportions in Complex Sample Surveys). For where
no item errs no resample does, and yet of 20 such items one of seven may err.
"""

from __future__ import annotations

import numpy as np

from onecycle.decide.metrics import ratio
from onecycle.decide.scores import Array, Floats

LEVEL = 0.95
"""Share of samples whose interval should hold the truth: the custom."""
_ROUNDING = 1e-10
"""Resamples that differ by less than this share of a value are equal."""
_STRAIGHT = 1e-6
"""Skewness taken in place of one nearer 0, by which the cubic would divide."""
_BENT = 0.7
"""The most that t times the skewness may be: near 1 the cubic turns, and the bound runs away."""


def bounds(
    value: Floats, drawn: Floats, units: Array, shares: Array, *, grouped: bool = False
) -> tuple[Floats, Floats]:
    """The bounds [M] of values [M] from their resamples [D, M].

    Args:
        value: NaN for one that is not there.
        drawn: likewise, in draws that have none.
        units: int [M], how many items or groups each is of.
        shares: bool [M], whether each is a mean of yes and no.
        grouped: whether the units are groups.
    """
    low, high = value.astype(np.float64), value.astype(np.float64)
    for some, method in ((shares, _wilson), (~shares & (units > 1), _skewed)):
        low[some], high[some] = method(value[some], drawn[:, some], units[some], grouped=grouped)
    return low, high


def _skewed(value: Floats, drawn: Floats, units: Array, *, grouped: bool) -> tuple[Floats, Floats]:
    """Student's t about the value less its bias, bent by the skewness; at least two units each."""
    from scipy.special import stdtrit  # here: slow to import

    mean, variance, third = _moments(drawn)
    equal = variance <= (_ROUNDING * mean) ** 2
    mean, variance = np.where(equal, value, mean), np.where(equal, 0.0, variance)
    spread = np.sqrt(variance * units / (units - 1))
    t = stdtrit(units - 1, (1 + LEVEL) / 2)
    skewness = np.clip(ratio(third, variance**1.5), -_BENT / t, _BENT / t)
    bend = np.where(np.abs(skewness) < _STRAIGHT, _STRAIGHT, skewness) / 3
    centre = 2 * value - mean
    low, high = (
        centre - spread * (np.cbrt(1 + 3 * bend * (side - bend / 2)) - 1) / bend for side in (t, -t)
    )
    return np.fmin(low, value), np.fmax(high, value)


def _moments(drawn: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, variance and third central moment of the draws [D, M] that have a value."""
    there = np.isfinite(drawn)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, drawn, 0).sum(axis=0) / count
    gap = np.where(there, drawn - mean, 0)
    return mean, (gap**2).sum(axis=0) / count, (gap**3).sum(axis=0) / count


def _wilson(value: Floats, drawn: Floats, units: Array, *, grouped: bool) -> tuple[Floats, Floats]:
    """Wilson's interval (1927) of as many items as value (1 - value) / variance is.

    Where all resamples are equal every unit counts as one item. Over groups, whose variance is
    estimated where that of an item follows from the share, it takes Student's t.
    """
    from scipy.special import ndtri, stdtrit

    units = np.maximum(units, 1)
    variance = _moments(drawn)[1] * (units / np.maximum(units - 1, 1) if grouped else 1)
    own = value * (1 - value)
    n = np.where((variance > _ROUNDING**2) & (own > 0), ratio(own, variance), units)
    tail = (1 + LEVEL) / 2
    t = stdtrit(np.maximum(units - 1, 1), tail) if grouped else ndtri(tail)
    middle = value + t**2 / (2 * n)
    half = t * np.sqrt(np.maximum(own, 0) / n + (t / (2 * n)) ** 2)
    whole = 1 + t**2 / n
    return np.clip((middle - half) / whole, 0, value), np.clip((middle + half) / whole, value, 1)
