"""Repeated rows, and labels and groups that are or look the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import bad, ids, notes, table

from onecycle.items.tidy import skeleton

trial = pytest.mark.trial


@trial("tables", "the same picture twice, with the same label", "the first is kept")
def test_a_repeated_row_is_set_aside(tmp_path):
    reading = table(tmp_path, "fname,labels\na.jpg,x\n./a.jpg,x\nb/../a.jpg,x\nb.jpg,x\n")
    assert ids(reading) == ["a", "b"]
    said = "'a.jpg' is in t.csv, row 2, already"
    assert bad(reading) == [(3, said), (4, said)]


@trial("tables", "the same picture twice, with other labels", "all its rows are set aside")
def test_rows_that_contradict_each_other_are_set_aside(tmp_path):
    reading = table(tmp_path, "fname,labels\na.jpg,x\nb.jpg,x\na.jpg,x\na.jpg,y\n")
    assert ids(reading) == ["b"]
    assert sorted(bad(reading)) == [
        (2, "'a.jpg' is in t.csv, row 5, again, with another y"),
        (4, "'a.jpg' is in t.csv, row 2, already"),
        (5, "'a.jpg' is in t.csv, row 2, already, with another y"),
    ]


def test_a_picture_in_two_tables_stays_in_the_first(tmp_path):
    (tmp_path / "test.csv").write_text("fname,labels\na.jpg,x\n")
    tables = [{"path": "t.csv"}, {"path": "test.csv", "split": "test"}]
    reading = table(tmp_path, "fname,labels\na.jpg,x\n", tables=tables)
    assert [row["split"] for row in reading.rows] == [None]
    assert [each["file"] for each in reading.bad] == ["test.csv"]


@trial("tables", "labels and file names with stray spaces", "stripped and noted")
def test_stray_spaces_are_stripped_and_noted(tmp_path):
    reading = table(tmp_path, "fname,labels\na.jpg, x\nb.jpg ,x\nc.jpg,x\u00a0\nd.jpg,x\n")
    assert [row["y"] for row in reading.rows] == ["x"] * 4 and reading.bad == []
    label, name = "stray spaces around a label", "stray spaces around a file's name"
    assert sorted(notes(reading)) == [(2, label), (3, name), (4, label)]
    many = {"y": "multicategory", "label_sep": ";"}
    reading = table(tmp_path, "fname,labels\na.jpg,x; y\nb.jpg,x  ;y\n", **many)
    assert [row["y"] for row in reading.rows] == [["x", "y"]] * 2
    assert notes(reading) == [(3, label)]


@trial("tables", "labels that differ in case or by look-alike letters", "kept and noted")
@pytest.mark.parametrize(
    "twin",
    ["Cat", "CAT", "c\u0430t", "\u0441at", "\uff43at", "ca\u200bt", "c\u03b1t", "\u00adcat"],
)
def test_labels_that_look_alike_are_noted(tmp_path, twin):
    reading = table(tmp_path, f"fname,labels\na.jpg,{twin}\nb.jpg,cat\nc.jpg,cat\nd.jpg,dog\n")
    assert [row["y"] for row in reading.rows] == [twin, "cat", "cat", "dog"]
    assert notes(reading) == [(2, f"label {twin!a} looks like 'cat'")]


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_a_skeleton_of_a_skeleton_is_the_same(name):
    assert skeleton(skeleton(name)) == skeleton(skeleton(skeleton(name)))


@trial("tables", "groups that differ in case", "kept and noted")
def test_groups_that_look_alike_are_noted(tmp_path):
    text = "fname,labels,who\na.jpg,x,Ann\nb.jpg,x,ann\nc.jpg,x,ann\n"
    reading = table(tmp_path, text, columns={"group": "who"})
    assert notes(reading) == [(2, "group 'Ann' looks like 'ann'")]


@trial("tables", "labels that are blank or invisible", "set aside")
@pytest.mark.parametrize("label", ["", "  ", "\u200b", "\ufeff"])
def test_a_label_that_can_not_be_seen_is_set_aside(tmp_path, label):
    reading = table(tmp_path, f"fname,labels\na.jpg,{label}\nb.jpg,x\n")
    assert ids(reading) == ["b"] and bad(reading)[0][0] == 2
