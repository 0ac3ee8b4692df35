"""Folds: every row, or every group, is judged once over a series of runs.

Each splitter here makes the same table of folds whichever fold is asked for; that one is test, and
valid is drawn from the others. To run them all, set `split.fold` (or `split.group`) in turn.
"""

import heapq
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from onecycle.errors import UserError
from onecycle.params import nearest
from onecycle.splits import drawn, groups, iterative
from onecycle.splits.splitter import Ints, Parts, Splitter, numbered, parts_of, strata


class Folds(Splitter):
    """What k-fold and group k-fold share.

    Attributes:
        k: how many folds.
        fold: the one that is test, 0 to k - 1.
        seed: of all draws.
        hashed: a row's, or group's, fold and part hang on its name and the seed alone: those that
            are added or removed move no other. Sizes are then equal in expectation only.
    """

    k: int = Field(5, ge=2)
    fold: int = Field(0, ge=0)
    seed: int = Field(42, ge=0)
    hashed: bool = False

    @model_validator(mode="after")
    def _has_the_fold(self) -> "Folds":
        if self.fold >= self.k:
            raise ValueError(f"expected fold below k, which is {self.k}; folds count from 0")
        return self


class KFold(Folds):
    """Rows in k folds.

    Attributes:
        k: how many folds.
        fold: the one that is test, 0 to k - 1.
        valid: share of the other folds' rows, 0 to 1.
        stratified: every label in proportion, in each fold and in valid.
        seed: of all draws.
        hashed: a row's fold and part hang on its id and the seed alone.
    """

    by: Literal["kfold"]
    valid: float = Field(0.2, gt=0, lt=1)
    stratified: bool = False

    @model_validator(mode="after")
    def _is_either(self) -> "KFold":
        if self.stratified and self.hashed:
            raise ValueError("expected stratified or hashed: a hash does not know the label")
        return self


class GroupKFold(Folds):
    """Whole groups in k folds with as equal numbers of rows as they allow.

    Attributes:
        k: how many folds.
        fold: the one that is test, 0 to k - 1.
        valid: names of groups, or the share of the other folds' groups, 0 to 1.
        seed: of all draws.
        hashed: a group's fold and part hang on its name and the seed alone.
    """

    by: Literal["group_kfold"]
    valid: groups.Wanted = 0.2


class LeaveOneGroupOut(Splitter):
    """A fold for each group; exactly one of `group` and `fold` says which is test.

    Attributes:
        group: its name.
        fold: its place among the groups, sorted, from 0.
        valid: names of groups, or the share of the other groups, 0 to 1.
        seed: of the draw of valid.
        hashed: whether a group is valid hangs on its name and the seed alone.
    """

    by: Literal["leave_one_group_out"]
    group: str | None = None
    fold: Annotated[int, Field(ge=0)] | None = None
    valid: groups.Wanted = 0.2
    seed: int = Field(42, ge=0)
    hashed: bool = False

    @model_validator(mode="after")
    def _names_one(self) -> "LeaveOneGroupOut":
        if (self.group is None) == (self.fold is None):
            raise ValueError("expected one of group and fold")
        return self


def kfold(items: pd.DataFrame, params: KFold) -> Parts:
    """Takes a fold of the rows for test."""
    is_test = kfold_table(items, params) == params.fold
    is_valid = np.zeros(len(items), dtype=bool)
    if params.hashed:
        is_valid = ~is_test & (numbered(items["id"], params.seed, "valid") < params.valid)
    else:
        rest = items["y"][~is_test]
        if not params.stratified:
            rest = pd.Series([""] * len(rest))
        parts = drawn.by_labels(rest, params.valid, 0, params.seed)
        is_valid[~is_test] = np.array(parts, dtype=object) == "valid"
    return parts_of(is_test, is_valid)


def kfold_table(items: pd.DataFrame, params: KFold) -> Ints:
    """Each row's fold, int64 [n].

    Raises:
        UserError: there are fewer rows than folds.
    """
    n = len(items)
    if n < params.k:
        raise UserError(f"split.k: {params.k} folds of {n} items; expected k of at most {n}")
    if params.hashed:
        return (numbered(items["id"], params.seed, "fold") * params.k).astype(np.int64)
    if params.stratified and drawn.many(items["y"]):
        sizes = [len(range(fold, n, params.k)) for fold in range(params.k)]
        return iterative.assign(drawn.names(items["y"]), sizes, params.seed)
    order = np.random.default_rng(params.seed).permutation(n)
    if params.stratified:
        order = order[np.argsort(strata(items["y"])[order], kind="stable")]
    fold = np.empty(n, dtype=np.int64)
    fold[order] = np.arange(n) % params.k
    return fold


def group_kfold(items: pd.DataFrame, params: GroupKFold) -> Parts:
    """Takes a fold of whole groups for test."""
    return _with_valid(items, group_kfold_table(items, params) == params.fold, params)


def group_kfold_table(items: pd.DataFrame, params: GroupKFold) -> Ints:
    """Each row's fold, int64 [n]: the largest group first, each to the fold with fewest rows.

    Raises:
        UserError: a row has no group, or there are fewer groups than folds.
    """
    code, names = groups.coded(items, params.by)
    if len(names) < params.k:
        raise UserError(f"split.k: {params.k} folds of {len(names)} groups; expected no more")
    if params.hashed:
        return (numbered(names, params.seed, "fold") * params.k).astype(np.int64)[code]
    sizes = np.bincount(code)
    order = np.random.default_rng(params.seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    lightest = [(0, fold) for fold in range(params.k)]
    fold = np.empty(len(names), dtype=np.int64)
    for at, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        rows, fold[at] = lightest[0]
        heapq.heapreplace(lightest, (rows + size, int(fold[at])))
    return fold[code]


def leave_one_group_out(items: pd.DataFrame, params: LeaveOneGroupOut) -> Parts:
    """Takes one group for test.

    Raises:
        UserError: a row has no group, or the group or fold is none of them.
    """
    code, names = groups.coded(items, params.by)
    if params.group is not None and params.group not in names:
        raise UserError(f"split.group: no group '{params.group}'; {nearest(params.group, names)}")
    out = names.index(params.group) if params.group is not None else params.fold
    if out is None or out >= len(names):
        raise UserError(f"split.fold: {out}, but the {len(names)} groups count from 0")
    return _with_valid(items, code == out, params)


def leave_one_group_out_table(items: pd.DataFrame, params: LeaveOneGroupOut) -> Ints:
    """Each row's fold, int64 [n]: the place of its group among the groups, sorted."""
    return groups.coded(items, params.by)[0]


def _with_valid(
    items: pd.DataFrame, is_test: np.ndarray, params: GroupKFold | LeaveOneGroupOut
) -> Parts:
    """Draws valid, whole groups, from those that are not test."""
    code, names = groups.coded(items, params.by)
    left = np.ones(len(names), dtype=bool)
    left[code[is_test]] = False
    rest = [name for name, free in zip(names, left, strict=True) if free]
    generator = np.random.default_rng(params.seed)
    is_valid = np.zeros(len(names), dtype=bool)
    is_valid[left] = groups.choose(
        rest, params.valid, "valid", params.seed, generator, params.hashed
    )
    return parts_of(is_test, is_valid[code])
