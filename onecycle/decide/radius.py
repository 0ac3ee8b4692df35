"""The radius that holds the truth for a wanted share of items: split conformal prediction."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd

from onecycle.decide.scores import Array, Floats
from onecycle.errors import UserError

Over: TypeAlias = Literal["items", "groups"]
_DIGITS = 9
"""Decimals kept of (n + 1) c before it is rounded up: 0.07 * 100 is 7, not 7.000000000000001."""


def fit_radius(errors: Floats, coverage: float, groups: Array | None) -> tuple[float, Over]:
    """The radius, over groups where there are enough of them for the coverage, else over items.

    Args:
        errors: as in `conformal_radius`.
        coverage: likewise.
        groups: str [n], each item's; null where one has none.

    Returns:
        The radius, and whom it is promised for: a new item of a new group, or of the groups at
        hand.

    Raises:
        UserError: there are too few items for the coverage.
    """
    if groups is not None and len(np.unique(groups)) >= needed(coverage):
        return conformal_radius_of_groups(errors, coverage, groups), "groups"
    return conformal_radius(errors, coverage), "items"


def needed(coverage: float) -> int:
    """How many items, or groups, a coverage needs at least: c / (1 - c)."""
    return math.ceil(round(coverage / (1 - coverage), _DIGITS))


def conformal_radius(errors: Floats, coverage: float) -> float:
    """The ceil((n + 1) coverage)-th smallest error.

    A new item's error is at most this with a probability of `coverage` or more, if it is
    exchangeable with these (Vovk et al. 2005; Lei et al. 2018, split conformal). Where items come
    in groups that means an item of these groups: an unseen group may do worse.

    Args:
        errors: float64 [n], >= 0, in any unit, of items the model was not trained on.
        coverage: in (0, 1).

    Returns:
        The radius, in the errors' unit.

    Raises:
        UserError: n is too small for the coverage.
    """
    n = len(errors)
    rank = math.ceil(round((n + 1) * coverage, _DIGITS))
    if rank > n:
        raise UserError(
            f"calibrate.coverage: {coverage} needs at least {needed(coverage)} items to fit on, "
            f"found {n}; lower the coverage, or enlarge valid (or calib)"
        )
    return float(np.sort(errors)[max(rank, 1) - 1])


def conformal_radius_of_groups(errors: Floats, coverage: float, groups: Array) -> float:
    """The radius for an item of a group not seen.

    It is the quantile of the errors where each of G groups weighs 1 / (G + 1), whatever its number
    of items, and 1 / (G + 1) is beyond all: an item of a new group is held with a probability of
    `coverage` or more, if groups are exchangeable (Lee, Barber and Willett 2023, Distribution-free
    inference with hierarchical data, HCP).

    Args:
        errors: float64 [n], >= 0.
        coverage: in (0, 1).
        groups: str [n]; at least `needed(coverage)` different ones.
    """
    _, code, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(errors, kind="stable")
    held = (1 / sizes[code[order]]).cumsum()  # of G + 1 groups
    at = np.searchsorted(held, round((len(sizes) + 1) * coverage, _DIGITS) - 10.0**-_DIGITS)
    return float(errors[order][min(int(at), len(errors) - 1)])


def coverage_curve(errors: Floats, name: str) -> pd.DataFrame:
    """How large a radius holds which share of the errors [n]: 20 rows, `coverage` and `name`."""
    shares = np.arange(1, 21) / 20
    radii = np.quantile(errors, shares, method="inverted_cdf")
    return pd.DataFrame({"coverage": shares, name: radii})
