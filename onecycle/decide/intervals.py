"""Intervals at 95 % for any metric, by the bootstrap over items or over whole groups.

`onecycle.decide.bounds` tells how resamples become bounds, `docs/intervals.md` how often these hold
the truth. What they cannot do: a metric that is no share and equal in all resamples has an interval
without width; and the ece of a well calibrated model is itself too high on few items (about 0.06 on
200, where the truth is 0), interval and all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypedDict

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

    values = Resampled.of(lambda w: columns(metrics(w)), n, groups, draws=draws, seed=seed)
    shares = np.array([is_share(name) for name in found])
    ends = np.array([limits(name) for name in found]).T
    plain = {name: float(value[0]) for name, value in found.items()}
    units = np.array([units_among(name, plain, values.units) for name in found])
    table = values.table(units=units, shares=shares, ends=ends)
    rows = zip(found, table.values.tolist(), strict=True)
    return {
        name: {"value": value, "low": low, "high": high, "n": units_among(name, plain, n)}
        for name, (value, low, high) in rows
    }


@dataclass(frozen=True)
class Resampled:
    """Many values of the same items, and the same of each resample.

    Attributes:
        value: float [M]; NaN for one that is not there.
        drawn: float [D, M]; likewise, in resamples that have none.
        units: of how many items or groups they are.
        grouped: whether the units are groups.
    """

    value: Floats
    drawn: Floats
    units: int
    grouped: bool

    @classmethod
    def of(
        cls,
        values: Callable[[Floats], Floats],
        n: int,
        groups: Array | None = None,
        *,
        draws: int = 1000,
        seed: int = 0,
    ) -> Resampled:
        """Resamples `values`, from weights [B, n] to [B, M]; the others as in `measure`."""
        drawn = [values(weights) for weights in bootstrap_weights(n, groups, draws, seed)]
        units, grouped = units_of(n, groups), groups is not None and not within_groups(groups)
        value = values(np.ones((1, n)))[0]
        return cls(value, np.concatenate(drawn), int(units.max()) + 1, grouped)

    def __getitem__(self, columns: slice) -> Resampled:
        """Some of the M."""
        return replace(self, value=self.value[columns], drawn=self.drawn[:, columns])

    def __sub__(self, other: Resampled) -> Resampled:
        """What these are more than others, draw by draw."""
        units = min(self.units, other.units)
        value, drawn = self.value - other.value, self.drawn - other.drawn
        return Resampled(value, drawn, units, self.grouped)

    def table(
        self,
        *,
        units: Array | int | None = None,
        shares: Array | bool = False,
        ends: Ends = (-np.inf, np.inf),
    ) -> pd.DataFrame:
        """A row for each of the M: `value low high`, of 95 %; null where there is no value.

        Args:
            units: int [M], of how many items or groups each is; None: of all.
            shares: bool [M], whether each is a mean of yes and no.
            ends: the least and the highest value that there can be, of all or of each [M].
        """
        value, known = self.value, (self.units if units is None else units, shares)
        units, shares = (np.broadcast_to(each, value.shape) for each in known)
        found = bounds(value, self.drawn, units, shares, grouped=self.grouped)
        low, high = np.clip(found, *(np.asarray(end) for end in ends))
        return pd.DataFrame({"value": value, "low": low, "high": high})


def columns(named: Mapping[Any, Floats]) -> Floats:
    """Values by name, [B] or [B, M] each, side by side."""
    return np.column_stack(list(named.values()))


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
    found = Resampled.of(values, among.shape[0], groups, draws=draws, seed=seed)
    table = found.table(units=units, shares=shares, ends=(0, np.inf))
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
