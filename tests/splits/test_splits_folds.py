"""Folds against scikit-learn's: the same sizes, and what they promise."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, StratifiedKFold

from onecycle.errors import UserError
from onecycle.splits.splitters import Params, divide, fold_table


def items_of(y, group=None) -> pd.DataFrame:
    n = len(y)
    ids = [f"{row:04}" for row in range(n)]
    return pd.DataFrame({"id": ids, "y": list(y), "group": group or [None] * n})


def params_of(**values):
    return TypeAdapter(Params).validate_python(values)


def folds_of(items: pd.DataFrame, **values) -> np.ndarray:
    return fold_table(items, params_of(**values))["fold"].to_numpy()


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 8), st.integers(8, 90), st.integers(0, 9))
def test_k_folds_have_the_sizes_of_scikit_learns(k, n, seed):
    items = items_of(["a"] * n)
    fold = folds_of(items, by="kfold", k=k, seed=seed)
    theirs = [len(test) for _, test in KFold(k).split(np.zeros(n))]
    assert [Counter(fold)[each] for each in range(k)] == theirs
    for each in range(k):
        parts = divide(items, params_of(by="kfold", k=k, fold=each, seed=seed, valid=0.25))
        assert [part == "test" for part in parts] == (fold == each).tolist()
        assert parts.count("valid") == round((n - theirs[each]) * 0.25)


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 6), st.lists(st.sampled_from("aaabbc"), min_size=12, max_size=80))
def test_stratified_folds_hold_each_label_to_within_one_as_scikit_learns(k, labels):
    assume(min(Counter(labels).values()) >= k)
    fold = folds_of(items_of(labels), by="kfold", k=k, stratified=True)
    theirs = np.empty(len(labels), int)
    for at, (_, test) in enumerate(StratifiedKFold(k).split(labels, labels)):
        theirs[test] = at
    assert sorted(Counter(fold).values()) == sorted(Counter(theirs).values())
    for label in set(labels):
        has = np.array(labels) == label
        mine, other = (np.bincount(each[has], minlength=k) for each in (fold, theirs))
        assert sorted(mine) == sorted(other)


@settings(deadline=None, max_examples=60)
@given(
    st.integers(2, 5),
    st.lists(st.sampled_from([f"g{n}" for n in range(9)]), min_size=20, max_size=80),
    st.integers(0, 9),
)
def test_group_folds_weigh_what_scikit_learns_weigh(k, groups, seed):
    assume(len(set(groups)) >= k)
    items = items_of(groups, groups)
    fold = folds_of(items, by="group_kfold", k=k, seed=seed)
    assert items.assign(fold=fold).groupby("group")["fold"].nunique().max() == 1
    theirs = [len(test) for _, test in GroupKFold(k).split(groups, groups=groups)]
    assert sorted(np.bincount(fold, minlength=k)) == sorted(theirs)


def test_leaving_one_group_out_makes_a_fold_of_each():
    groups = ["bob", "ann", "bob", "eve", "dan", "ann"]
    items = items_of(groups, groups)
    fold = folds_of(items, by="leave_one_group_out", fold=0)
    theirs = [test.tolist() for _, test in LeaveOneGroupOut().split(groups, groups=groups)]
    assert [np.flatnonzero(fold == each).tolist() for each in range(4)] == theirs
    for values in ({"group": "bob"}, {"fold": 1}):
        parts = divide(items, params_of(by="leave_one_group_out", valid=["eve"], **values))
        assert parts == ["test", "train", "test", "valid", "train", "train"]


def test_every_row_is_judged_once_and_never_while_it_trains():
    groups = [f"g{row % 9}" for row in range(60)]
    items = items_of(groups, groups)
    for by in ("kfold", "group_kfold"):
        judged = Counter()
        for fold in range(4):
            parts = divide(items, params_of(by=by, k=4, fold=fold))
            judged.update(row for row, part in enumerate(parts) if part == "test")
        assert set(judged.values()) == {1} and len(judged) == 60


def test_groups_of_one_size_are_dealt_by_the_seed():
    groups = [f"g{row:02}" for row in range(40)]
    tables = [
        folds_of(items_of(groups, groups), by="group_kfold", seed=s).tolist() for s in (1, 1, 2)
    ]
    assert tables[0] == tables[1] != tables[2]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"by": "kfold", "k": 9}, r"split\.k: 9 folds of 4 items"),
        ({"by": "group_kfold", "k": 4}, r"split\.k: 4 folds of 3 groups"),
        ({"by": "leave_one_group_out", "group": "bobb"}, "no group 'bobb'; did you mean 'bob'"),
        ({"by": "leave_one_group_out", "fold": 3}, r"split\.fold: 3, but the 3 groups count"),
        ({"by": "group_kfold", "k": 2, "valid": ["nobody"]}, "no group 'nobody' to be had"),
    ],
)
def test_folds_that_can_not_be_made_are_refused(values, said):
    groups = ["ann", "bob", "bob", "eve"]
    with pytest.raises(UserError, match=said):
        divide(items_of(groups, groups), params_of(**values))


@pytest.mark.parametrize(
    "values",
    [
        {"by": "kfold", "k": 3, "fold": 3},
        {"by": "kfold", "k": 1},
        {"by": "kfold", "stratified": True, "hashed": True},
        {"by": "group_kfold", "valid": 0.0},
        {"by": "leave_one_group_out"},
        {"by": "leave_one_group_out", "group": "a", "fold": 0},
    ],
)
def test_wrong_folds_are_refused_by_the_model(values):
    with pytest.raises(ValidationError):
        params_of(**values)
