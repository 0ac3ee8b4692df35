"""The radius that holds the truth for a wanted share of items: split conformal prediction."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from onecycle.decide.scores import Floats
from onecycle.errors import UserError

_DIGITS = 9
"""Decimals kept of (n + 1) c before it is rounded up: 0.07 * 100 is 7, not 7.000000000000001."""


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
        needed = math.ceil(round(coverage / (1 - coverage), _DIGITS))
        raise UserError(
            f"calibrate.coverage: {coverage} needs at least {needed} items in valid, found {n}; "
            "lower the coverage or enlarge valid"
        )
    return float(np.sort(errors)[max(rank, 1) - 1])


def coverage_curve(errors: Floats, name: str) -> pd.DataFrame:
    """How large a radius holds which share of the errors [n]: 20 rows, `coverage` and `name`."""
    shares = np.arange(1, 21) / 20
    radii = np.quantile(errors, shares, method="inverted_cdf")
    return pd.DataFrame({"coverage": shares, name: radii})
