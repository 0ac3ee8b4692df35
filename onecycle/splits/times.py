"""By time: train on the past, choose on what follows, judge on the latest."""

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from onecycle.errors import UserError
from onecycle.splits.splitter import Bools, Ints, Parts, Splitter, clips


class Time(Splitter):
    """The latest rows are test, those before them valid, the earliest train.

    Rows of one time are never parted. Nor are rows of one group, a clip of a video say: one that
    reaches over a border, or into the gap before it, is left out whole.

    Attributes:
        valid: share of all rows, 0 to 1, met as near as whole times and groups allow.
        test: share of all rows, 0 to 1, likewise.
        gap: in the unit of `time`: what is that near before valid or test begins is left out.
        whole_groups: false where a group goes on for ever, such as a user, and may be on two sides.
    """

    by: Literal["time"]
    valid: float = Field(0.2, gt=0, lt=1)
    test: float = Field(0.2, ge=0, lt=1)
    gap: int = Field(0, ge=0)
    whole_groups: bool = True

    @model_validator(mode="after")
    def _leaves_some(self) -> "Time":
        if self.valid + self.test >= 1:
            raise ValueError("expected valid + test below 1, so that train keeps some rows")
        return self

    def limit(self, kind: str) -> float | None:
        """As of any splitter; but times must not overlap, and groups may if they go on for ever."""
        if kind not in self.leaks.model_fields_set:
            if kind == "time":
                return 0.0
            if kind == "group" and not self.whole_groups:
                return None
        return super().limit(kind)


def time(items: pd.DataFrame, params: Time) -> Parts:
    """Splits rows by time.

    Raises:
        UserError: a row has no time, or train or valid would be empty.
    """
    without = items.loc[items["time"].isna(), "id"]
    if len(without):
        raise UserError(
            f"split.by: time, but {len(without)} items have none, such as "
            f"{without.iloc[:3].tolist()}; leave them out, or split otherwise"
        )
    n = len(items)
    clip, first, last, size = _spans(items, params.whole_groups)
    part = np.full(len(first), None, dtype=object)
    earlier = np.ones(len(first), dtype=bool)
    for name, share in (("test", params.test), ("valid", params.valid)):
        if share:
            later, earlier = _cut(first, last, size, earlier, n * share, params.gap)
            part[later] = name
    part[earlier] = "train"
    if n and ("valid" not in part or "train" not in part):
        raise UserError(
            "split.by: time: train or valid would be empty, for all else reaches over a border or "
            "into a gap; smaller shares or gap may help, or `whole_groups: false`, or by: group"
        )
    return part[clip].tolist()  # type: ignore[no-any-return]


def later(valid: pd.DataFrame, params: Time, whole: bool) -> Parts:
    """Sets the later part of valid aside, by the same cut; what lies in the gap is left out.

    Args:
        valid: valid's rows of the items table.
        params: the splitter's.
        whole: is not asked: `params.whole_groups` decides.

    Raises:
        UserError: valid or calib would be empty.
    """
    clip, first, last, size = _spans(valid, params.whole_groups)
    part = np.full(len(first), None, dtype=object)
    left = np.ones(len(first), dtype=bool)
    aside, earlier = _cut(first, last, size, left, len(valid) * params.calib, params.gap)
    part[aside], part[earlier] = "calib", "valid"
    if not aside.any() or not earlier.any():
        raise UserError(
            f"split.calib: {params.calib} of valid by time would leave calib or valid empty, for "
            "all else reaches over a border or into a gap; change it, enlarge valid, or lower gap"
        )
    return part[clip].tolist()  # type: ignore[no-any-return]


def _spans(items: pd.DataFrame, whole_groups: bool) -> tuple[Ints, Ints, Ints, Ints]:
    """Each row's clip, [n]; and when each clip begins and ends, and its rows, [clips]."""
    clip: Ints = clips(items) if whole_groups else np.arange(len(items))
    times = items["time"].to_numpy(np.int64)
    first = np.full(clip.max(initial=-1) + 1, np.iinfo(np.int64).max)
    last = np.full(len(first), np.iinfo(np.int64).min)
    np.minimum.at(first, clip, times)
    np.maximum.at(last, clip, times)
    return clip, first, last, np.bincount(clip, minlength=len(first))


def _cut(
    first: Ints, last: Ints, size: Ints, left: Bools, wanted: float, gap: int
) -> tuple[Bools, Bools]:
    """Cuts at the time that gives the later side the number of rows nearest to what is wanted.

    Args:
        first: when each clip begins, [clips].
        last: when it ends.
        size: its rows.
        left: the clips to be cut.
        wanted: rows on the later side.
        gap: what an earlier clip must end before the border by more than.

    Returns:
        Masks of the clips that begin at the border or later, and of those that end before the gap.
    """
    if not left.any():
        return np.zeros_like(left), left
    order = np.argsort(-first[left], kind="stable")
    begins = first[left][order]
    rows = np.cumsum(size[left][order])
    ends_tie = np.append(begins[1:] != begins[:-1], True)
    borders, rows = begins[ends_tie], rows[ends_tie]  # the latest first
    border = int(borders[np.abs(rows - wanted).argmin()])
    return left & (first >= border), left & (last < border - gap)
