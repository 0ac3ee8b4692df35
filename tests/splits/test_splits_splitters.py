from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from onecycle.errors import UserError
from onecycle.splits.splitters import SPLITTERS, Params

PARTS = {"train", "valid", "test"}
SHARES = st.tuples(st.floats(0.02, 0.95), st.floats(0, 0.95)).filter(lambda s: sum(s) < 0.99)
LABELS = st.lists(st.sampled_from("abc"), min_size=1, max_size=60)


def table(y, group=None, split=None) -> pd.DataFrame:
    n = len(y)
    columns = {"id": [f"{row:04}" for row in range(n)], "y": list(y)}
    return pd.DataFrame(columns | {"group": group or [None] * n, "split": split or [None] * n})


def divide(items: pd.DataFrame, **params) -> list[str | None]:
    model = TypeAdapter(Params).validate_python(params)
    parts = SPLITTERS[model.by](items, model)
    assert len(parts) == len(items) and set(parts) <= PARTS | {None}
    return parts


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 300), SHARES, st.integers(0, 9))
def test_random_parts_hold_their_shares_rounded(n, shares, seed):
    valid, test = shares
    counts = Counter(divide(table(["a"] * n), by="random", valid=valid, test=test, seed=seed))
    assert counts["test"] == round(n * test) and counts["valid"] == round(n * valid)
    assert counts.total() == n and None not in counts


@settings(deadline=None, max_examples=40)
@given(LABELS, SHARES, st.integers(0, 9))
def test_stratified_parts_hold_every_label_in_proportion(labels, shares, seed):
    valid, test = shares
    n = len(labels)
    parts = divide(table(labels), by="stratified", valid=valid, test=test, seed=seed)
    totals, counts = Counter(parts), Counter(zip(labels, parts, strict=True))
    assert totals["test"] == round(n * test) and totals["valid"] == round(n * valid)
    for label, of_label in Counter(labels).items():
        assert abs(counts[label, "test"] - of_label * totals["test"] / n) <= 1
        assert abs(counts[label, "valid"] - of_label * totals["valid"] / n) < 2


@pytest.mark.parametrize(
    "y",
    [
        ["a"] * 60 + ["b"] * 40,
        [["a", "b"]] * 60 + [[]] * 40,
        [np.array(["b", "a"], dtype=object), np.array(["a", "b"], dtype=object)] * 30
        + [["a"]] * 40,
        [1.0] * 60 + [4.5] * 40,
    ],
)
def test_labels_combinations_of_labels_and_ratings_are_strata(y):
    parts = np.array(divide(table(y), by="stratified", valid=0.2, test=0.3))
    assert [(parts[:60] == part).sum() for part in ("train", "valid", "test")] == [30, 12, 18]


def test_the_order_of_an_items_labels_does_not_matter():
    labels = [["a", "b"], ["b", "c"], ["c"]] * 20
    turned = [names[::-1] if row % 2 else names for row, names in enumerate(labels)]
    assert divide(table(turned), by="stratified") == divide(table(labels), by="stratified")


@pytest.mark.parametrize("by", ["stratified", "column"])
def test_points_have_no_strata_and_are_drawn_at_random(by):
    items = table([np.array([row, 1.0]) for row in range(50)], split=["train"] * 50)
    share = {"valid": 0.2} | ({"test": 0.0} if by == "stratified" else {})
    one, other = (divide(items, by=by, seed=seed, **share) for seed in (1, 2))
    assert one.count("valid") == other.count("valid") == 10 and one != other


GROUPS = st.lists(st.sampled_from([f"g{n}" for n in range(12)]), min_size=30, max_size=60)


@settings(deadline=None, max_examples=40)
@given(GROUPS, st.floats(0.05, 0.4), st.floats(0, 0.4), st.integers(0, 9))
def test_groups_stay_whole_and_parts_hold_their_shares_of_them(groups, valid, test, seed):
    names = len(set(groups))
    assume(names >= 6)
    parts = divide(table(groups, groups), by="group", valid=valid, test=test, seed=seed)
    part_of = set(zip(groups, parts, strict=True))
    assert len(part_of) == names
    counts = Counter(part for _, part in part_of)
    expected_test = max(1, round(names * test)) if test else 0
    assert counts["test"] == expected_test
    assert counts["valid"] == max(1, round((names - expected_test) * valid))
    assert counts["train"] >= 1


@pytest.mark.parametrize("by", ["random", "stratified", "group", "column"])
def test_a_seed_gives_the_same_split_and_another_seed_another(by):
    labels = ["a", "b"] * 60
    items = table(labels, [f"g{row // 3}" for row in range(120)], ["train"] * 120)
    draws = [divide(items, by=by, valid=0.25, seed=seed) for seed in (1, 1, 2)]
    np.random.seed(3)
    assert draws[0] == draws[1] == divide(items, by=by, valid=0.25, seed=1)
    assert draws[0] != draws[2]
    assert len(set(draws[0])) >= 2


@settings(deadline=None, max_examples=40)
@given(st.permutations(range(30)), st.sampled_from(["random", "stratified", "group"]))
def test_rows_that_come_in_another_order_are_split_alike(order, by):
    items = table(["a", "b", "c"] * 10, [f"g{row % 7}" for row in range(30)])
    again = items.iloc[list(order)].sort_values("id")  # its index is no range
    assert divide(again, by=by) == divide(items, by=by)


def test_a_column_is_taken_as_it_is_and_rows_without_a_part_are_left_out():
    split = ["train", "test", None, "valid", np.nan]
    assert divide(table("abcde", split=split), by="column") == [*split[:4], None]


@settings(deadline=None, max_examples=40)
@given(LABELS, st.floats(0.05, 0.9), st.integers(0, 9))
def test_a_column_gives_valid_rows_of_train_alone_in_proportion(labels, valid, seed):
    split = [["train", "test", None][row % 3] for row in range(len(labels))]
    parts = divide(table(labels, split=split), by="column", valid=valid, seed=seed)
    train = [row for row, part in enumerate(split) if part == "train"]
    assert [p for p, s in zip(parts, split, strict=True) if s != "train"] == [
        s for s in split if s != "train"
    ]
    drawn = [row for row in train if parts[row] == "valid"]
    assert len(drawn) == round(len(train) * valid)
    assert {parts[row] for row in train} <= {"train", "valid"}
    for label, count in Counter(labels[row] for row in train).items():
        mine = sum(labels[row] == label for row in drawn)
        assert abs(mine - count * len(drawn) / len(train)) <= 1


@pytest.mark.parametrize(
    ("split", "valid", "said"),
    [
        ([None, None], 0.0, "items have no split of their own; use random"),
        (["train", "valid"], 0.5, r"split\.valid: .* valid rows of their own; leave it at 0"),
    ],
)
def test_a_column_that_can_not_be_used_is_refused(split, valid, said):
    with pytest.raises(UserError, match=said):
        divide(table("ab", split=split), by="column", valid=valid)


PEOPLE = ["01", "02", "03", "12", "13", "13"]


def test_groups_may_be_named():
    parts = divide(table(PEOPLE, PEOPLE), by="group", valid=["02", "12"], test=["13"])
    assert parts == ["train", "valid", "train", "valid", "test", "test"]
    parts = divide(table(PEOPLE, PEOPLE), by="group", valid=0.25, test=["13"])
    assert parts[4:] == ["test", "test"] and Counter(parts[:4]) == {"train": 3, "valid": 1}


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"test": ["s13"]}, r"split\.test: no group 's13' to be had; did you mean '13'"),
        ({"valid": ["somebody"]}, r"split\.valid: no group 'somebody' .*known are: "),
        ({"valid": 0.95, "test": 0.2}, r"split\.valid: 0\.95 of 4 groups leaves none for train"),
        ({"test": 0.95}, r"split\.test: 0\.95 of 5 groups leaves none"),
    ],
)
def test_groups_that_can_not_be_had_are_refused(params, said):
    with pytest.raises(UserError, match=said):
        divide(table(PEOPLE, PEOPLE), by="group", **params)


def test_a_row_without_a_group_is_named():
    with pytest.raises(UserError, match=r"item '0001' has no group; set prepare\.group"):
        divide(table("abc", ["x", None, None]), by="group")


@pytest.mark.parametrize(
    "params",
    [
        {"by": by} | shares
        for by in ("random", "stratified")
        for shares in ({"valid": 0.0}, {"valid": 1.0}, {"valid": 0.5, "test": 0.5}, {"test": -0.1})
    ]
    + [{"by": "group", "valid": 0.0}, {"by": "group", "test": 1.0}, {"by": "column", "valid": 1.0}]
    + [{"by": "fold"}, {"by": "random", "seed": -1}],
)
def test_shares_that_leave_a_part_empty_are_refused_by_the_model(params):
    with pytest.raises(ValidationError):
        TypeAdapter(Params).validate_python(params)
