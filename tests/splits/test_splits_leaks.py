import pandas as pd
import pytest

from onecycle.splits import leaks

ITEMS = pd.DataFrame(
    {
        "id": list("abcdefg"),
        "group": ["ann", "ann", "bob", "bob", None, None, "eve"],
        "split": ["test"] * 7,  # the data set's own, which must not be taken for the split's
    }
)


def split(*parts: str | None) -> pd.DataFrame:
    rows = pd.DataFrame({"id": ITEMS["id"], "split": pd.Series(parts, dtype=object)})
    return rows.dropna(subset="split").iloc[::-1]


@pytest.mark.parametrize(
    ("parts", "counts", "groups", "shared"),
    [
        (("train", "train", "valid", "valid", "train", "valid", "test"),
         {"train": 3, "valid": 3, "test": 1}, {"train": 1, "valid": 1, "test": 1}, []),
        (("valid", "train", "train", "test", "train", "valid", None),
         {"train": 3, "valid": 2, "test": 1}, {"train": 2, "valid": 1, "test": 1}, ["ann", "bob"]),
        (("valid", None, "train", "train", "train", "valid", "train"),
         {"train": 4, "valid": 2, "test": 0}, {"train": 2, "valid": 1}, []),
    ],
)  # fmt: skip
def test_rows_groups_and_shared_groups_are_counted(parts, counts, groups, shared):
    found = split(*parts)
    assert leaks.counts(found) == counts
    assert list(leaks.counts(found)) == ["train", "valid", "test"]
    assert leaks.groups(ITEMS, found) == groups
    assert leaks.shared_groups(ITEMS, found) == shared


def test_without_groups_nothing_is_shared():
    found = split("train", "valid", "test", None, None, None, None)
    items = ITEMS.assign(group=None)
    assert leaks.groups(items, found) == {} and leaks.shared_groups(items, found) == []


def test_labels_that_train_lacks_are_found():
    items = pd.DataFrame({"id": list("abcd"), "y": ["x", "y", "x", "z"], "split": None})
    split = pd.DataFrame({"id": list("abcd"), "split": ["train", "valid", "valid", "test"]})
    assert leaks.unlearnt_labels(items, split) == ["y", "z"]
    assert leaks.having(items, split, ["y", "z"]) == ["b", "d"]
    many = items.assign(y=[["x", "y"], ["y"], [], ["z"]])
    assert leaks.unlearnt_labels(many, split) == ["z"]
    assert leaks.having(many, split, ["z"]) == ["d"]
    assert leaks.unlearnt_labels(items.assign(y=[[0.1, 0.2]] * 4), split) == []
