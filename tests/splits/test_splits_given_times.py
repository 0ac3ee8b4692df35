"""Lists and files of names; time with its gap and its clips; labels of which a row has many."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from onecycle.errors import UserError
from onecycle.splits import iterative
from onecycle.splits.splitters import Params, divide

IDS = ["cats/a_1.jpg", "cats/a_2.jpg", "dogs/b_1.jpg", "dogs/b_2.png", "e"]


def params_of(**values):
    return TypeAdapter(Params).validate_python(values)


def named(raw=None, ids=IDS, **values):
    items = pd.DataFrame({"id": ids, "x": [f"images/{name}" for name in ids], "y": "a"})
    return divide(items, params_of(**values), raw)


@pytest.mark.parametrize("form", ["dogs/b_1.jpg", "dogs/b_1", "b_1.jpg", "b_1"])
def test_a_name_may_lack_folder_and_suffix(form):
    parts = named(by="lists", valid=[form], test=["e"])
    assert parts == ["train", "train", "valid", "train", "test"]


def test_rows_in_no_list_are_left_out_where_train_is_one():
    parts = named(by="lists", train=["e", "a_1"], valid=["b_1"])
    assert parts == ["train", None, "valid", None, "train"]


@pytest.mark.trial("leaks", "lists that name an item twice, several at once, or none", "refused")
@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"valid": ["a_1", "b_3"]}, r"1 names are no items: 'b_3', did you mean|'b_3', ids are"),
        ({"valid": ["dogs/b_1.jpeg"]}, "'dogs/b_1.jpeg', did you mean 'dogs/b_1.jpg'"),
        ({"valid": ["a_1"], "test": ["cats/a_1.jpg"]}, "'a_1' and 'cats/a_1.jpg' name the same"),
        ({"valid": ["zz"], "unknown": "skip"}, "1 names are no items"),
    ],
)
def test_wrong_names_are_refused(values, said):
    with pytest.raises(UserError, match=said):
        named(by="lists", **values)


def test_a_short_name_of_several_items_is_refused():
    with pytest.raises(UserError, match=r"'1' is several items, such as \['a/1.jpg', 'b/1.jpg'\]"):
        named(ids=["a/1.jpg", "b/1.jpg", "c/2.jpg"], by="lists", valid=["1"])


@pytest.mark.parametrize("values", [{"valid": ["a", "a"]}, {"valid": ["a"], "test": ["a"]}, {}])
def test_names_in_two_lists_are_refused_by_the_model(values):
    with pytest.raises(ValidationError):
        params_of(by="lists", **values)


def test_names_that_are_no_items_may_be_passed_over():
    assert named(by="lists", valid=["a_1", "gone"], unknown="skip").count("valid") == 1


def test_files_are_read_as_lists(tmp_path):
    (tmp_path / "val.txt").write_text("\ufeff# PETS\na_1 1 1 1\n\nb_2 2 1 1\n", encoding="utf-8")
    (tmp_path / "test.txt").write_text("e\n")
    parts = named(tmp_path, by="files", valid="val.txt", test="test.txt")
    assert parts == ["valid", "train", "train", "valid", "test"]


@pytest.mark.trial(
    "tables", "split files: missing, empty, another encoding, a name twice", "refused"
)
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"val\.txt: No such file or directory; split\.valid names it"),
        (b"# nothing\n", r"no line of it names an item"),
        (b"caf\xe9\n", r"val\.txt: expected UTF-8"),
        (b"a_1\na_1\n", r"expected each name once; 1 are not: \['a_1'\]"),
        (b"a_1\nnobody\n", r"'nobody', .*`unknown: skip`"),
    ],
)
def test_wrong_files_are_refused(tmp_path, content, said):
    if content is not None:
        (tmp_path / "val.txt").write_bytes(content)
    with pytest.raises(UserError, match=said):
        named(tmp_path, by="files", valid="val.txt")


def test_files_need_a_folder():
    with pytest.raises(UserError, match="no folder of raw data"):
        named(by="files", valid="val.txt")


def timed(times, groups=None, **values):
    n = len(times)
    ids = [f"{row:03}" for row in range(n)]
    items = pd.DataFrame({"id": ids, "time": times, "group": groups or [None] * n})
    return divide(items, params_of(by="time", **values))


TIMES = st.lists(st.integers(0, 40), min_size=5, max_size=60).filter(lambda t: len(set(t)) > 4)


@settings(deadline=None, max_examples=80)
@given(TIMES, st.floats(0.1, 0.4), st.floats(0.1, 0.4), st.integers(0, 4))
def test_parts_follow_in_time_with_more_than_the_gap_between(times, valid, test, gap):
    try:
        parts = timed(times, valid=valid, test=test, gap=gap)
    except UserError:
        return  # the gap swallows all
    at = {part: [t for t, p in zip(times, parts, strict=True) if p == part] for part in set(parts)}
    assert max(at["train"]) + gap < min(at["valid"]) and max(at["valid"]) + gap < min(at["test"])
    for out in at.get(None, []):  # explained: in the gap before a border
        assert any(0 < min(at[part]) - out <= gap for part in ("valid", "test"))
    # The best border for test: no other time comes nearer to its share.
    n, least = len(times), abs(len(at["test"]) - len(times) * test)
    counts = [sum(t >= border for t in times) for border in set(times)]
    assert least <= min(abs(count - n * test) for count in counts) + 1e-9
    left = [t for t in times if t < min(at["test"]) - gap]
    counts = [sum(t >= border for t in left) for border in set(left)]
    nearest = min(abs(count - n * valid) for count in counts)
    assert abs(len(at["valid"]) - n * valid) <= nearest + 1e-9


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), min_size=8, max_size=20))
def test_clips_lie_on_one_side_or_out(clips):
    times = [t for start, length in clips for t in range(start, start + length + 1)]
    groups = [f"c{at}" for at, (_, length) in enumerate(clips) for _ in range(length + 1)]
    try:
        parts = timed(times, groups, gap=1)
    except UserError:
        return  # every clip reaches over a border
    table = pd.DataFrame({"part": parts, "time": times, "clip": groups}).fillna({"part": "out"})
    assert table.groupby("clip")["part"].nunique().max() == 1
    begins = {part: each["time"].min() for part, each in table.groupby("part")}
    ends = {part: each["time"].max() for part, each in table.groupby("part")}
    for earlier, later in itertools.combinations(("train", "valid", "test"), 2):
        if later in begins and earlier in ends:
            assert ends[earlier] + 1 < begins[later]


def test_a_clip_over_a_border_goes_out_unless_groups_go_on_for_ever():
    times, users = list(range(10)), ["u"] * 2 + ["v"] * 8
    with pytest.raises(UserError, match="whole_groups: false"):
        timed(times, users)
    parts = timed(times, users, whole_groups=False)
    assert parts == ["train"] * 6 + ["valid"] * 2 + ["test"] * 2
    groups = ["a", "b", "c", "d", "e", "f", "f", "g", "h", "i"]
    parts = timed([0, 1, 2, 3, 4, 5, 7, 6, 8, 9], groups)  # f runs past the start of g
    assert parts[5:8] == [None, None, "valid"]


@pytest.mark.trial("leaks", "a split by time of rows without a time", "refused, the rows named")
def test_rows_without_a_time_are_named():
    with pytest.raises(UserError, match=r"2 items have none, such as \['001', '003'\]"):
        timed([1, None, 3, None])


def shares(parts: np.ndarray, has: np.ndarray, k: int) -> np.ndarray:
    """The share of each part in each label's rows, [labels, parts]."""
    counts = np.stack([has[parts == part].sum(axis=0) for part in range(k)], axis=1)
    return counts / counts.sum(axis=1, keepdims=True)


ROWS = st.lists(st.sets(st.sampled_from("abcdef")).map(sorted), min_size=1, max_size=80)


@settings(deadline=None, max_examples=80)
@given(ROWS, st.integers(2, 5), st.integers(0, 9))
def test_rows_of_many_labels_fill_the_parts_exactly(rows, k, seed):
    sizes = [len(range(part, len(rows), k)) for part in range(k)]
    part = iterative.assign(rows, sizes, seed)
    assert np.bincount(part, minlength=k).tolist() == sizes
    again = iterative.assign([[*row[::-1], *row] for row in rows], sizes, seed)
    assert (again == part).all()


@pytest.mark.parametrize("seed", range(5))
def test_each_of_many_labels_keeps_its_share_and_better_than_by_chance(seed):
    draw = np.random.default_rng(seed)
    has = draw.random((1000, 20)) < 0.4 / np.arange(1, 21)
    rows = [[f"l{at}" for at in np.flatnonzero(row)] for row in has]
    part = iterative.assign(rows, [600, 200, 200], seed)
    counts = np.stack([has[part == p].sum(axis=0) for p in range(3)], axis=1)
    wanted = has.sum(axis=0)[:, None] * np.array([0.6, 0.2, 0.2])
    assert np.abs(counts - wanted).max() <= 3  # rows, for every label and part
    chance = draw.permutation(part)
    by_chance = np.stack([has[chance == p].sum(axis=0) for p in range(3)], axis=1)
    assert np.abs(by_chance - wanted).max() > 4


def test_a_label_of_two_rows_is_in_train_and_beside_it():
    rows = [["common"]] * 98 + [["rare", "common"], ["rare"]]
    part = iterative.assign(rows, [60, 20, 20], 0)
    assert 0 in part[-2:] and len(set(part[-2:])) == 2


@pytest.mark.parametrize("path", ["/etc/hosts", "../lists/test.txt", "a/../../b"])
def test_files_lie_in_the_raw_data(path):
    with pytest.raises(ValidationError, match="expected a file inside the raw data"):
        TypeAdapter(Params).validate_python({"by": "files", "valid": "v.txt", "test": path})
