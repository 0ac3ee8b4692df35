"""Intervals at 95 % for any metric, by the bootstrap over items or over whole groups.

`onecycle.decide.bounds` tells how resamples become bounds, `docs/intervals.md` how often these hold
the truth. What they cannot do: a metric that is no share and equal in all resamples has an interval
without width; and the ece of a well calibrated model is itself too high on few items (about 0.06 on
200, where the truth is 0), interval and all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias, TypedDict

import numpy as np
import pandas as pd

from onecycle.decide.bounds import bounds
from onecycle.decide.metrics import is_share, limits, ratio, units_among
from onecycle.decide.scores import Array, Floats
from onecycle.errors import UserError

MIN_GROUPS = 5
"""Fewer groups than this have too few distinct resamples (4 groups: 35) for a 95 % interval."""
_CHUNK = 2_000_000
"""Weights held at once: 16 MB in float64, and a few arrays of that size in the metrics."""
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
        By metric: value, low, high (in the metric's unit) and n, the items that it is of.

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
    plain, count = {k: float(v[0]) for k, v in found.items()}, int(units_of(n, groups).max()) + 1
    given = {"units": np.array([units_among(name, plain, count) for name in found]), "ends": ends}
    table = tabulate(columns, n, groups, shares=shares, draws=draws, seed=seed, **given)
    rows = zip(found, table[["value", "low", "high"]].values.tolist(), strict=True)
    return {
        name: {"value": value, "low": low, "high": high, "n": units_among(name, plain, n)}
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
