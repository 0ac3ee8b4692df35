"""Calib is set aside of valid; what holds for every splitter is in test_splits_conformance.py."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError

from onecycle.errors import UserError
from onecycle.splits import checked, leaks, limits, moving
from onecycle.splits.audit import audit
from onecycle.splits.splitters import Params, divide


def table(n: int, **columns) -> pd.DataFrame:
    frame = pd.DataFrame({"id": [f"{row:04}" for row in range(n)], "x": "a.png", "y": "a"})
    return frame.assign(**{"group": None, "time": None, "split": None} | columns)


def parts(items: pd.DataFrame, **params) -> list[str | None]:
    return divide(items, TypeAdapter(Params).validate_python(params))


@pytest.mark.parametrize("calib", [-0.1, 1.0])
def test_a_share_below_one_is_expected(calib):
    with pytest.raises(ValidationError):
        TypeAdapter(Params).validate_python({"by": "random", "calib": calib})


def test_rows_are_set_aside_by_their_share_and_no_other_part_moves():
    items = table(200)
    before = parts(items, by="random", valid=0.3, test=0.2)
    after = parts(items, by="random", valid=0.3, test=0.2, calib=0.25)
    assert Counter(after) == {"train": 100, "valid": 45, "calib": 15, "test": 40}
    assert ["valid" if each == "calib" else each for each in after] == before


def test_stratified_calib_has_every_label_in_its_share():
    items = table(400, y=["a"] * 40 + ["b"] * 360)
    found = parts(items, by="stratified", valid=0.5, test=0, calib=0.5)
    counts = Counter(zip(items["y"], found, strict=True))
    assert abs(counts["a", "calib"] - 10) <= 1 and abs(counts["b", "calib"] - 90) <= 1
    many = items.assign(y=[["a", "c"]] * 40 + [["b"]] * 360)
    counts = Counter(parts(many, by="stratified", valid=0.5, test=0, calib=0.5)[:40])
    assert abs(counts["calib"] - 10) <= 1


def test_whole_groups_go_where_valid_has_whole_groups_and_rows_where_it_has_not():
    owners = [f"g{row // 10}" for row in range(200)]
    items = table(200, group=owners)
    found = pd.Series(parts(items, by="group", valid=0.5, test=0.2, calib=0.25))
    assert found.groupby(owners).nunique().max() == 1
    assert found.value_counts().to_dict() == {"train": 80, "valid": 60, "test": 40, "calib": 20}
    # Lists that keep groups whole are read as such; those that do not are drawn by rows.
    ids = items["id"].tolist()
    listed = {"by": "lists", "valid": ids[:100], "test": ids[100:150]}
    whole = pd.Series(parts(items, **listed, calib=0.5))
    assert whole.groupby(owners).nunique().max() == 1 and (whole == "calib").sum() == 50
    torn = pd.Series(parts(items, by="lists", valid=ids[:100] + ids[105:106], calib=0.5))
    assert torn.groupby(owners).nunique().max() == 2 and (torn == "calib").sum() == 50


def test_one_group_or_row_can_not_be_shared_out():
    items = table(30, group=[f"g{row // 10}" for row in range(30)])
    with pytest.raises(UserError, match=r"split\.calib: 0\.5 of valid, but valid has one group"):
        parts(items, by="group", valid=["g0"], test=["g1"], calib=0.5)
    with pytest.raises(UserError, match="valid has one row only; expected at least two"):
        parts(table(9), by="lists", valid=["0001"], calib=0.5)


def test_by_time_calib_is_the_later_part_of_valid_after_the_gap():
    items = table(100, time=np.arange(100))
    found = np.array(parts(items, by="time", valid=0.4, test=0.2, calib=0.5, gap=3), dtype=object)
    at = {part: np.flatnonzero(found == part) for part in ("train", "valid", "calib", "test")}
    assert at["calib"].tolist() == list(range(57, 77))  # half of valid, 37 to 76
    assert at["valid"].max() == 53 and (found[54:57] == None).all()  # noqa: E711
    for one, next_one in (("train", "valid"), ("valid", "calib"), ("calib", "test")):
        assert at[next_one].min() - at[one].max() == 4
    split = checked.table(items, found.tolist())
    assert audit(items, split, None, 40, gap=3, one_clock=True).rows.empty
    with pytest.raises(UserError, match=r"split\.calib: 0\.6 of valid by time"):
        parts(items, by="time", valid=0.4, test=0.2, calib=0.6, gap=19)


def test_the_audit_holds_calib_to_train_and_valid_and_test_to_calib():
    items = table(4, x=[["u", "i"], ["v", "i"], ["u", "i"], ["v", "i"]])
    split = checked.table(items, ["valid", "calib", "calib", "test"])
    found = audit(items, split, None, 40).rows
    assert found[["kind", "id", "split", "other", "other_split"]].values.tolist() == [
        ["pair", "0002", "calib", "0000", "valid"],
        ["pair", "0003", "test", "0001", "calib"],
    ]
    checks = checked.check(items, split, limits_of(pair=0.5), None)
    assert checks.kinds["pair"] == {"found": 2, "of": 4, "limit": 0.5}
    (said,) = checked.check(items, split, limits_of(pair=0.1), None).over
    assert "2 of 4 items of valid, calib and test are the same user and film" in said


def limits_of(**limits_by_kind):
    params = TypeAdapter(Params).validate_python({"by": "random"})
    return params.model_copy(update={"leaks": limits.Leaks(**limits_by_kind)})


def test_duplicates_move_to_calib_and_out_of_it():
    items = table(4, x=[["u", "i"], ["v", "i"], ["u", "i"], ["v", "i"]])
    split = checked.table(items, ["valid", "calib", "calib", "test"])
    moved, gave = moving.to_train(items, split, None, 40)
    assert moved["split"].tolist() == ["valid", "calib", "valid", "calib"]
    assert gave == {"valid": 0, "calib": 1, "test": 1}


def test_calib_is_counted_only_where_it_is():
    split = pd.DataFrame({"id": list("abcd"), "split": ["train", "valid", "valid", "test"]})
    assert list(leaks.counts(split)) == ["train", "valid", "test"]
    split.loc[1, "split"] = "calib"
    counts = leaks.counts(split)
    assert counts == {"train": 1, "valid": 1, "calib": 1, "test": 1}
    assert list(counts) == list(leaks.PARTS)
    assert leaks.later(counts, "or") == "valid, calib or test"
