from pathlib import Path

import pytest

from onecycle.errors import UserError
from onecycle.items import readers, voc

ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
BOMB = f'<!DOCTYPE a [<!ENTITY e0 "ha">{ENTITIES}]><annotation>&e8;</annotation>'


def xml(*objects: tuple[str, str]) -> str:
    inner = "".join(
        f"<object><name>{name}</name>{f'<difficult>{hard}</difficult>' if hard else ''}"
        "<part><name>head</name></part></object>"
        for name, hard in objects
    )
    return f"<annotation><folder>VOC2007</folder>{inner}</annotation>"


def devkit(raw: Path, annotations: dict[str, str | bytes | None], **lists: str) -> None:
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (raw / "VOC" / folder).mkdir(parents=True)
    for name, text in annotations.items():
        (raw / f"VOC/JPEGImages/{name}.jpg").write_text("picture")
        if text is not None:
            file = raw / f"VOC/Annotations/{name}.xml"
            file.write_bytes(text.encode() if isinstance(text, str) else text)
    for part, names in lists.items():
        (raw / f"VOC/ImageSets/Main/{part}.txt").write_text(names)


def read(raw: Path):
    return voc.read(raw, voc.Params(reader="voc", path="VOC"))


def test_labels_are_the_plain_objects_each_once(tmp_path):
    annotations = {
        "1": xml(("dog", "0"), ("cat", ""), ("dog", "0"), ("person", "1")),
        "2": xml(("person", "1")),
        "3": xml(),
    }
    devkit(tmp_path, annotations, train="1\n2\n3\n")
    reading = read(tmp_path)
    assert [row["y"] for row in reading.rows] == [["cat", "dog"], [], []]
    assert reading.rows[0]["x"] == "VOC/JPEGImages/1.jpg"
    assert reading.bad == []


def test_lists_become_parts_and_an_unlisted_picture_is_no_item(tmp_path):
    annotations = {name: xml(("dog", "0")) for name in "1234"}
    devkit(tmp_path, annotations, train="1\n", val="2\n", test="3\n", trainval="1\n2\n4\n")
    found = [(row["id"], row["split"]) for row in read(tmp_path).rows]
    assert found == [("1", "train"), ("2", "valid"), ("3", "test")]


@pytest.mark.trial(
    "tables", "XML that is damaged, missing, expands entities or is nameless", "set aside"
)
@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (None, "its annotation is missing"),
        ("<annotation><object>", "not a VOC annotation"),
        ("", "not a VOC annotation"),
        (BOMB, "not a VOC annotation: Entities"),
        ('<?xml version="1.0" encoding="nope"?><annotation/>', "unknown encoding"),
        ("<svg/>", "expected <annotation> at its root"),
        (xml(("", "0")), "an object has no name"),
        (" " * (2 << 20), "larger than 1,048,576 bytes"),
        (b'<?xml version="1.0" encoding="utf-8"?><a>\xff</a>', "not a VOC annotation"),
    ],
)
def test_a_picture_without_a_readable_annotation_is_quarantined(tmp_path, annotation, said):
    devkit(tmp_path, {"1": annotation, "2": xml(("dog", "0"))}, train="1\n2\n")
    reading = read(tmp_path)
    assert [row["id"] for row in reading.rows] == ["2"]
    (bad,) = reading.bad
    assert bad["file"] == "VOC/JPEGImages/1.jpg" and said in bad["reason"]


def test_a_listed_picture_that_is_missing_is_quarantined(tmp_path):
    devkit(tmp_path, {"1": xml()}, test="1\n9\n")
    assert [(bad["file"], bad["reason"]) for bad in read(tmp_path).bad] == [
        ("VOC/JPEGImages/9.jpg", "the picture is missing")
    ]


def test_a_devkit_without_lists_is_refused(tmp_path):
    devkit(tmp_path, {"1": xml()}, trainval="1\n")
    with pytest.raises(UserError, match=r"VOC/ImageSets/Main: expected train\.txt, val\.txt or"):
        read(tmp_path)


@pytest.mark.trial(
    "tables", "lists of names: repeated, leading out, not UTF-8", "set aside by line"
)
def test_damage_in_a_list_of_names_is_told_by_line(tmp_path):
    devkit(tmp_path, {"1": xml(), "2": xml()}, train="1\n\n../../1\n1\n", test="2\n1\n")
    file = tmp_path / "VOC/ImageSets/Main/train.txt"
    file.write_bytes(file.read_bytes() + b"\xff\n")
    reading = readers.read(tmp_path, voc.Params(reader="voc", path="VOC"))
    assert [(row["id"], row["split"]) for row in reading.rows] == [("1", "train"), ("2", "test")]
    found = sorted((bad["file"][-9:], bad["row"]) for bad in reading.bad)
    assert found == [("/test.txt", 2), ("train.txt", 3), ("train.txt", 4), ("train.txt", 5)]
