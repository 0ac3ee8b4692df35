from pathlib import Path

import pytest
from pydantic import ValidationError

from onecycle.errors import UserError
from onecycle.items import files

PETS = r"^(.+)_\d+"


def put(raw: Path, *names: str, text: str = "picture") -> None:
    for name in names:
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_text(text)


def read(raw: Path, **params):
    return files.read(raw, files.Params(reader="files", **params))


def test_a_label_is_the_first_group_of_the_expression(tmp_path):
    put(tmp_path, "images/great_pyrenees_17.jpg", "images/Bombay_2.JPG")
    reading = read(tmp_path, path="images", label=PETS)
    assert [(row["id"], row["x"], row["y"]) for row in reading.rows] == [
        ("Bombay_2.JPG", "images/Bombay_2.JPG", "Bombay"),
        ("great_pyrenees_17.jpg", "images/great_pyrenees_17.jpg", "great_pyrenees"),
    ]
    assert not reading.bad


def test_a_folder_per_class_keeps_equal_names_apart(tmp_path):
    put(tmp_path, "dog/1.jpg", "cat/1.jpg", "cat/deep/2.png")
    rows = read(tmp_path, label="^([^/]+)/").rows
    assert {row["id"]: row["y"] for row in rows} == {
        "cat/1.jpg": "cat",
        "cat/deep/2.png": "cat",
        "dog/1.jpg": "dog",
    }


@pytest.mark.parametrize(
    ("label", "group", "said"),
    [
        (PETS, None, r"does not match prepare.label '^(.+)_\\d+'"),
        (r"^(?:(.+)_\d+|odd)", None, "does not match prepare.label"),  # the group took no part
        (r"^(o?)", r"_(\d+)", "does not match prepare.group"),
        (r"^(o?).*_", None, "does not match prepare.label"),
    ],
)
def test_a_path_without_label_or_group_is_quarantined(tmp_path, label, group, said):
    put(tmp_path, "odd.jpg", "o_1.jpg")
    reading = read(tmp_path, label=label, group=group)
    assert [row["id"] for row in reading.rows] == ["o_1.jpg"]
    (bad,) = reading.bad
    assert bad["file"] == "odd.jpg" and bad["row"] == 0 and said in bad["reason"]


def test_an_empty_label_is_quarantined(tmp_path):
    put(tmp_path, "_1.jpg", "a_1.jpg")
    reading = read(tmp_path, label=r"^(.*)_\d+")
    assert [row["y"] for row in reading.rows] == ["a"]
    assert [bad["file"] for bad in reading.bad] == ["_1.jpg"]


def test_lists_decide_the_split_and_a_group_is_read(tmp_path):
    put(tmp_path, "images/ann_1.jpg", "images/ann_2.jpg", "images/bob_1.jpg", "images/bob_2.jpg")
    put(tmp_path, "trainval.txt", text="#Image CLASS-ID\nann_1 1 1 1\n\nbob_1 2 1 1\n")
    put(tmp_path, "test.txt", text="#Image CLASS-ID\nann_2 1 1 1\n")
    rows = read(
        tmp_path,
        path="images",
        label="_([12])",
        group="^([a-z]+)_",
        lists={"train": "trainval.txt", "test": "test.txt"},
    ).rows
    assert [(row["id"], row["group"], row["split"]) for row in rows] == [
        ("ann_1.jpg", "ann", "train"),
        ("ann_2.jpg", "ann", "test"),
        ("bob_1.jpg", "bob", "train"),
        ("bob_2.jpg", "bob", None),
    ]


def test_a_list_names_pictures_with_their_folder_or_without(tmp_path):
    put(tmp_path, "cat/1.jpg", "cat/2.jpg", "dog/1.jpg")
    put(tmp_path, "train.txt", text="cat/1\n2\n")
    rows = read(tmp_path, label="^([^/]+)/", lists={"train": "train.txt"}).rows
    assert [row["split"] for row in rows] == ["train", "train", None]


def test_a_name_in_two_lists_is_refused(tmp_path):
    put(tmp_path, "a_1.jpg")
    put(tmp_path, "train.txt", "test.txt", text="a_1\n")
    with pytest.raises(UserError, match=r"test\.txt, row 1: 'a_1' is in the train list too"):
        read(tmp_path, label=PETS, lists={"train": "train.txt", "test": "test.txt"})


def test_a_missing_list_is_named(tmp_path):
    put(tmp_path, "a_1.jpg")
    with pytest.raises(UserError, match=r"nowhere\.txt: the list of the valid items"):
        read(tmp_path, label=PETS, lists={"valid": "nowhere.txt"})


def test_hidden_and_other_files_are_passed_over(tmp_path):
    put(tmp_path, "a_1.jpg", "._a_1.jpg", ".cache/a_2.jpg", "a_3.mat", "README_1", "a_4.jpg~")
    (tmp_path / "a_5.jpg").mkdir()
    reading = read(tmp_path, label=PETS)
    assert [row["id"] for row in reading.rows] == ["a_1.jpg"]
    assert reading.bad == []
    said = {each["file"]: each["note"] for each in reading.notes}
    assert said.pop("a_5.jpg") == "a folder named like a picture"
    assert sorted(said) == ["README_1", "a_3.mat", "a_4.jpg~"]


def test_a_hidden_folder_above_the_pictures_does_not_hide_them(tmp_path):
    put(tmp_path, ".raw/a_1.jpg")
    assert len(read(tmp_path / ".raw", label=PETS).rows) == 1


def test_a_missing_folder_is_told_by_the_key_that_names_it(tmp_path):
    with pytest.raises(UserError, match=r"images: no such folder; prepare\.path"):
        read(tmp_path, path="images", label=PETS)


def test_when_nothing_matches_the_expression_is_suspected(tmp_path):
    put(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(UserError, match=r"no labelled picture.*2 were set aside; a\.jpg.*label"):
        read(tmp_path, label=PETS)


@pytest.mark.parametrize("pattern", ["no group", "(unclosed", "(?:.+)"])
@pytest.mark.parametrize("key", ["label", "group"])
def test_an_expression_without_a_group_is_refused(key, pattern):
    with pytest.raises(ValidationError, match="expected a regular expression"):
        files.Params(reader="files", **({"label": "(.)"} | {key: pattern}))


def test_pictures_are_not_pairs():
    with pytest.raises(ValidationError, match="expected image"):
        files.Params(reader="files", label="(.)", x=["user", "item"])


@pytest.mark.trial(
    "pictures", "files whose suffix is no picture's, such as HEIC", "noted by suffix"
)
def test_what_is_passed_over_is_noted(tmp_path):
    put(tmp_path, "a_1.jpg", "a_2.HEIC", "a_3", "sub/a_4.txt", ".hidden", "a_5.pgm")
    reading = read(tmp_path, label=PETS)
    assert [row["id"] for row in reading.rows] == ["a_1.jpg", "a_5.pgm"]
    assert [(each["file"], each["note"]) for each in reading.notes] == [
        ("a_2.HEIC", "passed over: no picture's suffix (.heic)"),
        ("a_3", "passed over: no picture's suffix (no suffix)"),
        ("sub/a_4.txt", "passed over: no picture's suffix (.txt)"),
    ]
