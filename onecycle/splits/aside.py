"""Calib: a part of valid set aside, on which the decision is fitted and nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from onecycle.errors import UserError
from onecycle.splits import drawn, times
from onecycle.splits.splitter import Bools, Parts, Splitter, clips, numbered


def set_aside(items: pd.DataFrame, parts: Parts, params: Splitter) -> Parts:
    """Moves the share `params.calib` of valid to the part calib; train and test stay as they are.

    By time it is valid's later part. Elsewhere whole groups are moved where valid has groups of
    several rows and the split keeps them whole, which is read off the split itself: none of them
    has rows in another part. Else rows are, with every label in proportion where the splitter draws
    so. What is hashed is hashed by what the splitter hashes, rows or groups, so that those that
    come or go move no other.

    Args:
        items: the items table, sorted by id.
        parts: each row's part.
        params: the splitter's.

    Returns:
        Each row's part.

    Raises:
        UserError: valid has fewer than two rows or groups to share out, or no cut in time.
    """
    part = np.array(parts, dtype=object)
    rows = part == "valid"
    if not rows.any():
        return parts  # an empty valid is refused as such
    owners = items["group"]
    others = owners[~rows & np.array([each is not None for each in parts])]
    own = owners[rows].dropna()
    whole = bool(own.duplicated().any()) and not own.isin(others).any()
    by = params.by  # type: ignore[attr-defined]
    part[rows] = np.array(ASIDE.get(by, _drawn)(items[rows], params, whole), dtype=object)
    return part.tolist()  # type: ignore[no-any-return]


def _drawn(valid: pd.DataFrame, params: Any, whole: bool) -> Parts:  # noqa: ANN401 - a splitter
    """Draws groups or rows, by a hash of their names or by the seed."""
    if getattr(params, "hashed", False):
        names = valid["group" if "group" in params.by else "id"]
        return _named(numbered(names, params.seed, "calib") < params.calib)
    unit = clips(valid) if whole else np.arange(len(valid))
    n = int(unit.max()) + 1
    if n < 2:
        one = "group" if whole else "row"
        raise UserError(
            f"split.calib: {params.calib} of valid, but valid has one {one} only; expected at "
            "least two, one for each side: enlarge valid, or leave calib at 0"
        )
    seed = getattr(params, "seed", 0)  # lists have none: they draw nothing else
    count = min(max(1, round(n * params.calib)), n - 1)
    by_label = params.by in ("stratified", "column") or getattr(params, "stratified", False)
    y = valid["y"] if by_label and not whole else pd.Series([""] * n)
    taken = np.array(drawn.by_labels(y, count / n, 0, seed), dtype=object) == "valid"
    return _named(taken[unit])


def _named(chosen: Bools) -> Parts:
    """Valid's rows by name: those chosen are calib."""
    return np.where(chosen, "calib", "valid").tolist()  # type: ignore[no-any-return]


# How a splitter sets aside that has its own way: from valid's rows, its parameters and whether
# groups are whole to each row's part.
ASIDE: dict[str, Callable[[pd.DataFrame, Any, bool], Parts]] = {"time": times.later}
