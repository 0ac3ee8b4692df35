"""How far and which way predicted points are off, in pixels of the picture as published."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide import metrics as m
from onecycle.decide.intervals import untold
from onecycle.decide.sample import Sample, parts_of
from onecycle.decide.scores import Array, Floats

WAYS = ["right", "right and down", "down", "left and down", "left", "left and up", "up"]
WAYS += ["right and up"]
"""Eighths of the circle about these, clockwise; y grows downwards."""


def by_group(sample: Sample, errors: Floats, held: Array, groups: pd.Series[Any]) -> pd.DataFrame:
    """How far off each group's points are.

    Args:
        sample: the judged items.
        errors: distances [N], px.
        held: bool [N], whether the decision's radius holds the point.
        groups: names [N], null for none.

    Returns:
        `group items`, then `error_px_mean error_px_median error_px_p90 held` with `_low` and
        `_high`, the furthest off first. The intervals are over the group's items and take them for
        independent of each other; frames of a film are not.
    """
    codes, names = pd.factorize(groups, sort=True)
    among, by_item = parts_of(codes, len(names)), sample.by_item
    found: dict[str, Any] = {"group": names, "items": among.sum(axis=0)}
    if not len(names):
        return pd.DataFrame(found)
    rows = [np.flatnonzero(codes == k) for k in range(len(names))]

    def quantiles(weights: Floats) -> Floats:
        of = [(errors[each], weights[:, each]) for each in rows]
        return np.stack([m.quantile(e, q, w) for q in (0.5, 0.9) for e, w in of], axis=1)

    units = np.tile(found["items"], 2)
    both = untold(by_item.resample(quantiles).table(units=units, ends=(0, np.inf)), units)
    parts = {
        "error_px_mean": by_item.means(errors, among),
        "error_px_median": both[: len(names)],
        "error_px_p90": both[len(names) :],
        "held": by_item.means(held, among, shares=True),
    }
    for name, part in parts.items():
        for end, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
            found[name + suffix] = part[end].to_numpy()
    table = pd.DataFrame(found)
    return table.sort_values("error_px_mean", ascending=False, kind="stable", ignore_index=True)


def ways(gap_px: Floats) -> Array:
    """Which way each predicted point is off: int [N], a place in `WAYS`.

    Args:
        gap_px: predicted less true point, float [N, 2], px.
    """
    angle = np.arctan2(gap_px[:, 1], gap_px[:, 0])
    found: Array = np.round(angle / (np.pi / 4)).astype(np.int64) % len(WAYS)
    return found


def by_way(sample: Sample, gap_px: Floats) -> pd.DataFrame:
    """How many points are off each way, and how far.

    Args:
        sample: the judged items.
        gap_px: predicted less true point, float [N, 2], px.

    Returns:
        `way items`, their `share` of all and `error_px_mean` with `_low` and `_high`; a row for
        each of `WAYS` that occurs, the most frequent first. A model without a leaning has an
        eighth each.
    """
    among = parts_of(ways(gap_px), len(WAYS))
    share = sample.ratios(among, np.ones_like(among), shares=True)
    far = sample.means(np.linalg.norm(gap_px, axis=1), among)
    table = pd.DataFrame({"way": WAYS, "items": among.sum(axis=0)})
    for name, part in (("share", share), ("error_px_mean", far)):
        for end, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
            table[name + suffix] = part[end].to_numpy()
    table = table[table["items"] > 0]
    return table.sort_values("items", ascending=False, kind="stable", ignore_index=True)


def offset(sample: Sample, gap_px: Floats) -> pd.DataFrame:
    """The mean way that points are off: `axis px low high`, x to the right and y downwards."""

    def metrics(weights: Floats) -> dict[str, Floats]:
        return {axis: m.mean(gap_px[:, at], weights) for at, axis in enumerate("xy")}

    found = sample.measure(metrics)
    rows = [[axis, each["value"], each["low"], each["high"]] for axis, each in found.items()]
    return pd.DataFrame(rows, columns=["axis", "px", "low", "high"])
