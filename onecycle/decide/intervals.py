"""Intervals at 95 % for any metric, by the bootstrap over items or over whole groups.

The resamples tell a metric's spread, its bias and its skewness; the interval is Student's t about
the value less the bias, bent by Hall's cubic so that it reaches further where the metric is skewed
to (Hall 1992, On the Removal of Skewness by Transformation). Plain percentiles are too narrow over
few groups and for squared errors with a long tail, and where a metric is higher on any resample
than on the sample itself, as the ece is, they may exclude the value. The value lies within always.

Shares, such as accuracy, have Wilson's interval of as many independent items as the bootstrap's
variance speaks of: fewer than there are where those of a group are alike (Franco et al. 2019,
Comparative Study of Confidence Intervals for Proportions in Complex Sample Surveys). For where
no item errs no resample does, and yet of 20 such items one of seven may err.

`docs/intervals.md` tells how often they hold the truth. What they cannot do: another metric that is
equal in all resamples has an interval without width; and the ece of a well calibrated model is
itself too high on few items (about 0.06 on 200, where the truth is 0), interval and all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias, TypedDict

import numpy as np
import pandas as pd

from onecycle.decide.metrics import is_share, limits, ratio
from onecycle.decide.scores import Array, Floats
from onecycle.errors import UserError

LEVEL = 0.95
"""Share of samples whose interval should hold the truth: the custom."""
MIN_GROUPS = 5
"""Fewer groups than this have too few distinct resamples (4 groups: 35) for a 95 % interval."""
_CHUNK = 2_000_000
"""Weights held at once: 16 MB in float64, and a few arrays of that size in the metrics."""
_ROUNDING = 1e-10
"""Resamples that differ by less than this share of a value are equal."""
_STRAIGHT = 1e-6
"""Skewness taken in place of one nearer 0, by which the cubic would divide."""
_BENT = 0.7
"""The most that t times the skewness may be: near 1 the cubic turns, and the bound runs away."""
Ends: TypeAlias = tuple[Array | float, Array | float] | Array


class Interval(TypedDict):
    """A metric's value, the bounds of its 95 % interval, and the number of items it is of."""

    value: float
    low: float
    high: float
    n: int


def within_groups(groups: Array | None) -> bool:
    """Whether the interval speaks about the groups at hand only.

    Args:
        groups: str or int [N], each item's group; None where items have no groups.

    Returns:
        True where there are groups but fewer than `MIN_GROUPS`: items are resampled then, and
        the interval says nothing about a group not seen.
    """
    return groups is not None and len(np.unique(groups)) < MIN_GROUPS


def units_of(n: int, groups: Array | None) -> Array:
    """What is drawn, as int [n] from 0: the item's own number, or its group's."""
    if groups is None or within_groups(groups):
        return np.arange(n)
    return np.unique(groups, return_inverse=True)[1]


def bootstrap_weights(n: int, groups: Array | None, draws: int, seed: int) -> Iterator[Floats]:
    """Weights of the items in each resample.

    Args:
        n: number of items, at least 1.
        groups: str or int [n]; whole groups are drawn unless `within_groups`. None: items are.
        draws: number of resamples.
        seed: of the generator; the same arguments give the same weights.

    Yields:
        float64 [B, n]: how often the item (or its group) was drawn; together `draws` rows.
    """
    units = units_of(n, groups)
    count = int(units.max()) + 1
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // n)
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        picks = rng.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(picks.ravel(), minlength=rows * count).reshape(rows, count)
        weights = times.astype(np.float64)
        yield weights if count == n else weights[:, units]


def measure(
    metrics: Callable[[Floats], dict[str, Floats]],
    n: int,
    groups: Array | None = None,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Value and 95 % interval of every metric.

    Args:
        metrics: from weights [B, n] to values [B] by name. A paired comparison is the difference
            of two models' values under the same weights.
        n: number of items.
        groups: [n], see `bootstrap_weights`.
        draws: number of resamples; 1000 leave the bounds an error of some 5 % of the width.
        seed: of the resamples.

    Returns:
        By metric: value, low, high (in the metric's unit) and n.

    Raises:
        UserError: There are no items, or a metric has no value on them.
    """
    if n == 0:
        raise UserError("metrics: expected at least one item, found none; enlarge this split")
    found = metrics(np.ones((1, n)))
    for name, value in found.items():
        if not np.isfinite(value[0]):
            raise UserError(
                f"metric {name}: expected a finite value, got {value[0]} on {n} items; check that "
                "they have labels and that the scores are finite"
            )

    def columns(weights: Floats) -> Floats:
        return np.stack(list(metrics(weights).values()), axis=1)

    shares = np.array([is_share(name) for name in found])
    ends = np.array([limits(name) for name in found]).T
    table = tabulate(columns, n, groups, shares=shares, ends=ends, draws=draws, seed=seed)
    rows = zip(found, table[["value", "low", "high"]].values.tolist(), strict=True)
    return {
        name: {"value": value, "low": low, "high": high, "n": n}
        for name, (value, low, high) in rows
    }


def tabulate(
    values: Callable[[Floats], Floats],
    n: int,
    groups: Array | None = None,
    *,
    units: Array | None = None,
    shares: Array | bool = False,
    ends: Ends = (-np.inf, np.inf),
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Many values of the same items, each with its 95 % interval.

    Args:
        values: from weights [B, n] to values [B, M]; NaN where a resample has none.
        n: number of items.
        groups: [n], see `bootstrap_weights`.
        units: int [M], of how many items or groups each value is; None: of all.
        shares: bool [M], whether each is a mean of yes and no.
        ends: the least and the highest value that there can be, of all or of each [M].
        draws: as in `measure`.
        seed: likewise.

    Returns:
        A row for each of the M: `value low high`, null where there is no value.
    """
    value = values(np.ones((1, n)))[0]
    drawn = np.concatenate([values(w) for w in bootstrap_weights(n, groups, draws, seed)])
    if units is None:
        units = np.array(int(units_of(n, groups).max()) + 1)
    units, shares = (np.broadcast_to(each, value.shape) for each in (units, shares))
    grouped = groups is not None and not within_groups(groups)
    low, high = np.clip(bounds(value, drawn, units, shares, grouped=grouped), *_pair(ends))
    return pd.DataFrame({"value": value, "low": low, "high": high})


def _pair(ends: Ends) -> tuple[Array, Array]:
    return np.asarray(ends[0]), np.asarray(ends[1])


def untold(table: pd.DataFrame, units: Array) -> pd.DataFrame:
    """The same without bounds that would tell too much; of values that are no shares.

    They are of fewer than `MIN_GROUPS` items or groups, or without width: the resamples say nothing
    then of what else may be.
    """
    found = table.copy()
    found.loc[(units < MIN_GROUPS) | (table["low"] == table["high"]), ["low", "high"]] = np.nan
    return found


def ratios(
    top: Array,
    among: Array,
    groups: Array | None = None,
    *,
    shares: bool = False,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Means over parts of the items, each with its 95 % interval: sum of `top` / sum of `among`.

    Args:
        top: float or bool [N, M], what is averaged, 0 where an item is not in a part; an array, or
            SciPy's sparse one.
        among: bool [N, M], which items a part has; likewise.
        groups: [N], see `bootstrap_weights`.
        shares: whether what is averaged is yes or no, else it is at least 0.
        draws: as in `measure`.
        seed: likewise.

    Returns:
        A row for each part: `n value low high`; the bounds are null where `untold`.
    """
    counted, summed = among.astype(np.float64), top.astype(np.float64)

    def values(weights: Floats) -> Floats:
        bottom = np.asarray(weights @ counted)
        return np.where(bottom > 0, ratio(np.asarray(weights @ summed), bottom), np.nan)

    units = count_units(among, groups)
    given = {"draws": draws, "seed": seed}
    table = tabulate(
        values, among.shape[0], groups, units=units, shares=shares, ends=(0, np.inf), **given
    )
    table = table if shares else untold(table, units)
    sizes = np.asarray(among.sum(axis=0)).ravel().astype(np.int64)
    table.insert(0, "n", sizes)
    return table


def count_units(among: Array, groups: Array | None) -> Array:
    """How many items, or groups where those are drawn, are in each part, bool [N, M]; int [M]."""
    item, part = among.nonzero()
    width = among.shape[1]
    pairs = np.unique(units_of(among.shape[0], groups)[item] * width + part)
    return np.bincount(pairs % width, minlength=width)


def bounds(
    value: Floats, drawn: Floats, units: Array, shares: Array, *, grouped: bool = False
) -> tuple[Floats, Floats]:
    """The bounds [M] of values [M] from their resamples [D, M].

    Args:
        value: NaN for one that is not there.
        drawn: likewise, in draws that have none.
        units: int [M], how many items or groups each is of.
        shares: bool [M], as in `tabulate`.
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
