"""Planted leaks of every kind: found, with their rows; nothing else is."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onecycle.splits import limits, moving
from onecycle.splits.audit import COLUMNS, audit
from onecycle.splits.moving import to_train

PARTS = ["train", "train", "valid", "valid", "test", "test"]
IDS = list("abcdef")


def table(**columns) -> tuple[pd.DataFrame, pd.DataFrame]:
    empty = {"x": IDS, "group": [None] * 6, "time": [None] * 6}
    items = pd.DataFrame({"id": IDS} | empty | columns)
    return items, pd.DataFrame({"id": IDS, "split": PARTS})


def prints(*likes: int | None, files: str = "123456") -> pd.DataFrame:
    """Prints of six pictures; those of one number look the same, null ones are plain."""
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (6, 2, 32), dtype=np.uint8)
    cells = [(None, None) if k is None else tuple(map(bytes, faces[k])) for k in likes]
    columns = {"id": IDS, "sha256": list(files)}
    return pd.DataFrame(columns | {"hash": [c[0] for c in cells], "mirror": [c[1] for c in cells]})


def found(items, split, printed=None, bits=40, gap=0.0) -> list[tuple]:
    rows = audit(items, split, printed, bits, gap).rows
    assert list(rows) == COLUMNS
    cells = rows.drop(columns="detail").replace({np.nan: None})
    return [tuple(row) for row in cells.itertuples(index=False)]


@pytest.mark.trial("leaks", "a group on both sides of the split", "found, its row names both items")
def test_shared_groups():
    items, split = table(group=["x", "y", "x", "z", "z", None])
    assert found(items, split) == [
        ("group", "c", "valid", "a", "train", None),
        ("group", "e", "test", "d", "valid", None),
    ]


@pytest.mark.trial("leaks", "a file of the same bytes on both sides", "found, and not as near too")
def test_identical_files():
    items, split = table()
    printed = prints(0, 1, 0, 2, 3, 1, files="120451")
    printed.loc[2, "sha256"] = "1"  # c is a, and f is a by bytes
    assert found(items, split, printed) == [
        ("identical", "c", "valid", "a", "train", None),
        ("identical", "f", "test", "a", "train", None),
    ]


@pytest.mark.trial("leaks", "a picture that looks the same by other bytes", "found, with its bits")
@pytest.mark.parametrize("changed", [0, 3, 40])
def test_near_pictures(changed):
    items, split = table()
    printed = prints(0, 1, 2, 3, 4, 1)
    bits = np.unpackbits(np.frombuffer(printed.loc[5, "hash"], np.uint8))
    bits[:changed] ^= 1
    printed.at[5, "hash"] = np.packbits(bits).tobytes()
    assert found(items, split, printed) == [("near", "f", "test", "b", "train", float(changed))]
    assert found(items, split, printed, bits=changed - 1 if changed else 0) == (
        [] if changed else [("near", "f", "test", "b", "train", 0.0)]
    )


@pytest.mark.trial("leaks", "a picture and its mirror image", "found, told to be mirrored")
def test_mirror_images():
    items, split = table()
    printed = prints(0, 1, 2, 3, 4, 5)
    printed.at[3, "mirror"], printed.at[3, "hash"] = printed.at[0, "hash"], printed.at[0, "mirror"]
    rows = audit(items, split, printed, 40).rows
    assert rows[["id", "other", "detail"]].values.tolist() == [["d", "a", "mirrored"]]


def test_of_equally_near_ones_the_one_of_train_is_named_and_plain_pictures_are_not_compared():
    items, split = table()
    assert found(items, split, prints(None, 1, None, 1, 1, None)) == [
        ("near", "d", "valid", "b", "train", 0.0),
        ("near", "e", "test", "b", "train", 0.0),
    ]


PAIRS = [("7", "1"), ("8", "x y"), ("007", "1.0"), ("8", "z"), ("８", "X  Y"), ("9", "1")]


@pytest.mark.trial("leaks", "a user-film pair twice, spelled otherwise", "found, row by row")
def test_pairs_that_are_spelled_otherwise():
    items, split = table(x=[list(pair) for pair in PAIRS])
    assert found(items, split) == [
        ("pair", "c", "valid", "a", "train", None),
        ("pair", "e", "test", "b", "train", None),
    ]


@pytest.mark.trial("leaks", "a user-film pair twice, the film by two ids", "found by its title")
def test_films_of_one_title():
    x = [["u", str(n)] for n in range(6)]
    items, split = table(x=x, title=["M (1931)", "N", "O", "m (1931)", None, None])
    assert found(items, split) == [("pair", "d", "valid", "a", "train", None)]
    items["x"] = [["u" + str(n), "f"] for n in range(6)]  # other users
    assert found(items, split) == []


@pytest.mark.trial("leaks", "an item earlier than what is learnt from", "found, with the overlap")
def test_times_that_overlap():
    items, split = table(time=[10, 20, 15, 25, 22, 30])
    assert found(items, split) == [
        ("time", "e", "test", "d", "valid", 3.0),
        ("time", "c", "valid", "b", "train", 5.0),
    ]
    assert [row[1] for row in found(items, split, gap=6)] == ["d", "f", "e", "c"]
    items["group"] = ["p", "q", "q", "p", "q", "p"]
    assert [row[1:4:2] for row in found(items, split) if row[0] == "time"] == [("c", "b")]


def test_a_kind_that_can_not_be_looked_for_is_not_said_to_be_clean():
    items, split = table()
    assert audit(items, split, None, 40).kinds == []
    assert audit(items, split, prints(*range(6)), 40).kinds == ["identical", "near"]
    items, split = table(x=[["u", i] for i in IDS], group=["g", *[None] * 5], time=[1] * 6)
    assert audit(items, split, None, 40).kinds == ["group", "pair", "time"]


def test_names_with_slashes_are_not_taken_for_others():
    items, split = table(x=[["a / b", "c"], ["a", "q"], ["a", "b / c"], *[["u", i] for i in "xyz"]])
    assert found(items, split) == []


def test_pictures_without_contrast_are_not_said_to_be_clean():
    items, split = table()
    assert audit(items, split, prints(*[None] * 6), 40).kinds == ["identical"]


def test_limits_are_shares_and_what_is_over_them_is_told():
    items, split = table(group=["x", "y", "x", "z", "z", None])
    rows = audit(items, split, None, 40).rows
    kinds = {"group": {"found": 2, "of": 4, "limit": 0.5}}
    assert limits.over(rows, kinds) == []
    assert limits.over(rows, {"group": kinds["group"] | {"limit": None}}) == []
    (said,) = limits.over(rows, {"group": kinds["group"] | {"limit": 0.25}})
    for part in ("2 of 4 items", "'c' (valid) and 'a' (train)", "split by: group", "25 %"):
        assert part in said


def test_where_the_split_is_by_time_all_items_have_one_clock():
    items, split = table(time=[10, 20, 15, 25, 22, 30], group=list("pqrstu"))
    assert found(items, split) == []
    rows = audit(items, split, None, 40, one_clock=True).rows
    assert rows[["kind", "id", "other"]].values.tolist() == [["time", "e", "d"], ["time", "c", "b"]]


def test_duplicates_are_moved_with_their_groups_and_chains():
    # e looks like d, d is the file c, c is of b's kind; f shares e's group.
    items, split = table(group=[None, None, None, None, "g", "g"])
    printed = prints(0, 1, 1, 2, 2, 5, files="123356")
    moved, gave = to_train(items, split, printed, 40)
    assert moved["split"].tolist() == ["train"] * 6 and gave == {"valid": 2, "test": 2}


def test_a_group_in_several_parts_is_not_drawn_along():
    # A user on both sides, knowingly: one rating twice moves alone, and not all of the user's.
    x = [["u", film] for film in ("1", "2", "3", "4", "01", "6")]
    items, split = table(group=["u"] * 6, x=x)
    moved, gave = to_train(items, split, None, 40)
    assert moved["split"].tolist() == [*PARTS[:4], "train", "test"]
    assert gave == {"valid": 0, "test": 1}


def test_a_long_film_is_moved_in_few_passes(monkeypatch):
    # Each frame looks like the next alone: link by link there would be a pass for each.
    n = 300
    bits = np.tile(np.random.default_rng(0).integers(0, 2, 256, np.uint8), (n, 1))
    flips = np.random.default_rng(1).integers(0, 256, (n, 12))
    for at in range(1, n):
        bits[at] = bits[at - 1]
        bits[at, flips[at]] ^= 1
    ids = [f"{at:03}" for at in range(n)]
    cells = [row.tobytes() for row in np.packbits(bits, axis=1)]
    mirror = [bytes(row) for row in np.random.default_rng(2).integers(0, 256, (n, 32), np.uint8)]
    printed = pd.DataFrame({"id": ids, "sha256": ids, "hash": cells, "mirror": mirror})
    items = pd.DataFrame({"id": ids, "x": ids, "group": None, "time": None})
    parts = ["train"] * 20 + ["valid"] * 180 + ["test"] * 100
    passes = []
    real = moving.duplicates
    monkeypatch.setattr(moving, "duplicates", lambda *a: passes.append(1) or real(*a))
    moved, _ = to_train(items, pd.DataFrame({"id": ids, "split": parts}), printed, 15)
    assert len(passes) <= 2 and set(moved["split"]) == {"train"}


def test_of_valid_and_test_the_duplicates_go_to_valid():
    items, split = table()
    moved, gave = to_train(items, split, prints(0, 1, 2, 3, 3, 5), 40)
    assert moved["split"].tolist() == ["train", "train", "valid", "valid", "valid", "test"]
    assert gave == {"valid": 0, "test": 1} and moved["id"].tolist() == IDS


@pytest.mark.trial("leaks", "duplicates in chains and groups, moved to one side", "none is left")
@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.sampled_from([None, *range(6)]), min_size=6, max_size=6),
    st.lists(st.sampled_from("123456"), min_size=6, max_size=6),
    st.lists(st.sampled_from([None, "p", "q", "r"]), min_size=6, max_size=6),
)
def test_after_moving_nothing_is_found_no_group_is_broken_and_test_never_grows(likes, files, group):
    items, split = table(group=group)
    printed = prints(*likes, files="".join(files))
    moved, _ = to_train(items, split, printed, 40)
    rows = audit(items, moved, printed, 40).rows
    assert not rows["kind"].isin(["identical", "near"]).any()
    before, after = (dict(zip(s["id"], s["split"], strict=True)) for s in (split, moved))
    order = {"train": 0, "valid": 1, "test": 2}
    assert all(order[after[name]] <= order[before[name]] for name in IDS)
    for g in set(group) - {None}:
        members = [name for name, of in zip(IDS, group, strict=True) if of == g]
        if len({before[name] for name in members}) == 1:
            assert len({after[name] for name in members}) == 1
