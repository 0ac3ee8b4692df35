"""Intervals at 95 % for any metric, by the bootstrap over items or over whole groups.

The method is the percentile bootstrap with two corrections, each a line of `_bounds`. How often
the interval held the truth in simulations, without and with them: the mean of 5 groups 85 and 92 %,
`map` on 150 items 90 and 94 %, `ece` of an overconfident model on 200 items 70 and 87 %.

- Few units: the plain interval is too narrow by sqrt(n / (n - 1)) and by the normal's quantile in
  place of Student's t. Taking wider quantiles makes up for both (Hesterberg 2015, What Teachers
  Should Know About the Bootstrap, 'expanded percentile'). It matters for 5 to 30 groups.
- Bias: some metrics (ece above all) are higher on any resample than on the sample itself, so that
  the plain interval may exclude the value. Shifting the quantiles by the median bias makes up for
  it (Efron 1981, 'bias-corrected percentile') and leaves unbiased metrics as they are. The value
  itself always lies within.

What it cannot do: where no item errs all draws are equal and the interval has no width, though an
error rate of up to 3 / n may be hidden ('rule of three'); and the ece of a well calibrated model is
itself too high on few items (about 0.06 on 200, where the truth is 0), interval and all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypedDict

import numpy as np

from onecycle.decide.scores import Array, Floats
from onecycle.errors import UserError

LEVEL = 0.95
"""Share of samples whose interval should hold the truth: the custom."""
MIN_GROUPS = 5
"""Fewer groups than this have too few distinct resamples (4 groups: 35) for a 95 % interval."""
_CHUNK = 2_000_000
"""Weights held at once: 16 MB in float64, and a few arrays of that size in the metrics."""


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
        yield times.astype(np.float64)[:, units]


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
    values = metrics(np.ones((1, n)))
    for name, value in values.items():
        if not np.isfinite(value[0]):
            raise UserError(
                f"metric {name}: expected a finite value, got {value[0]} on {n} items; check that "
                "they have labels and that the scores are finite"
            )
    chunks = [metrics(weights) for weights in bootstrap_weights(n, groups, draws, seed)]
    count = int(units_of(n, groups).max()) + 1
    intervals: dict[str, Interval] = {}
    for name, value in values.items():
        drawn = np.concatenate([chunk[name] for chunk in chunks])
        low, high = _bounds(float(value[0]), drawn[np.isfinite(drawn)], count)
        intervals[name] = {"value": float(value[0]), "low": low, "high": high, "n": n}
    return intervals


def units_of(n: int, groups: Array | None) -> Array:
    """What is drawn, as int [n] from 0: the item's own number, or its group's."""
    if groups is None or within_groups(groups):
        return np.arange(n)
    return np.unique(groups, return_inverse=True)[1]


def bounds(value: Floats, drawn: Floats, units: Array, shares: Array) -> tuple[Floats, Floats]:
    """The bounds [M] of values [M] from their resamples [D, M], each over so many `units` [M].

    Args:
        value: what the bounds are of; they are NaN where it is.
        drawn: NaN where a resample has no value.
        units: items or groups.
        shares: is not asked.
    """
    found = np.full((2, len(value)), np.nan)
    for at in np.flatnonzero(np.isfinite(value) & np.isfinite(drawn).any(axis=0)):
        draws = drawn[np.isfinite(drawn[:, at]), at]
        found[:, at] = _bounds(float(value[at]), draws, int(units[at]))
    return found[0], found[1]


def _bounds(value: float, drawn: Floats, units: int) -> tuple[float, float]:
    """Low and high bound from the draws [D] of a metric over `units` items or groups."""
    from scipy.special import ndtr, ndtri, stdtrit  # here: slow to import

    if units == 1:
        return value, value
    wide = np.sqrt(units / (units - 1)) * stdtrit(units - 1, (1 + LEVEL) / 2)
    lower = ((drawn < value).mean() + (drawn <= value).mean()) / 2  # equal draws count half
    bias = ndtri(np.clip(lower, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    low, high = np.quantile(drawn, ndtr(2 * bias + np.array([-wide, wide])))
    return min(float(low), value), max(float(high), value)
