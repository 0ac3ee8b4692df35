from pathlib import Path

import pytest
from pydantic import ValidationError

from onecycle.errors import UserError
from onecycle.items import tabular
from onecycle.items.table import items_table
from onecycle.tables import COLUMNS


def read(raw: Path, text: str | bytes = "", pictures: str = "a.jpg b.jpg", **params):
    (raw / "images").mkdir(exist_ok=True)
    for name in pictures.split():
        (raw / "images" / name).write_text("picture")
    (raw / "t.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    tables = params.pop("tables", [{"path": "t.csv", "images": "images"}])
    params = {"y": "category"} | params
    return tabular.read(raw, tabular.Params(reader="table", tables=tables, **params))


def reasons(reading) -> list[tuple[int, str]]:
    assert all(bad["file"] == "t.csv" for bad in reading.bad)
    return [(bad["row"], bad["reason"]) for bad in reading.bad]


def test_fastais_pascal_with_a_test_table_beside_it(tmp_path):
    (tmp_path / "test").mkdir()
    (tmp_path / "test/c.jpg").write_text("picture")
    (tmp_path / "test.csv").write_text("fname,labels\nc.jpg,dog\n")
    reading = read(
        tmp_path,
        "fname,labels,is_valid\na.jpg,person horse person,True\nb.jpg,,False\n",
        y="multicategory",
        columns={"valid": "is_valid"},
        tables=[
            {"path": "t.csv", "images": "images"},
            {"path": "test.csv", "images": "test", "split": "test"},
        ],
    )
    assert reading.bad == []
    assert [(row["id"], row["y"], row["split"]) for row in reading.rows] == [
        ("images/a.jpg", ["horse", "person"], "valid"),
        ("images/b.jpg", [], "train"),
        ("test/c.jpg", ["dog"], "test"),
    ]


def test_short_and_long_rows_are_quarantined_with_their_number(tmp_path):
    reading = read(tmp_path, "fname,labels\na.jpg\n\nb.jpg,dog\na.jpg,cat,extra\n")
    assert [row["id"] for row in reading.rows] == ["images/b.jpg"]
    assert reasons(reading) == [(2, "expected 2 cells, found 1"), (5, "expected 2 cells, found 3")]


@pytest.mark.parametrize(
    ("columns", "cells", "said"),
    [
        ({}, "a.jpg, ,1,p,train,true", "its label ('labels') is empty"),
        ({}, "z.jpg,dog,1,p,train,true", "no file 'images/z.jpg'"),
        ({}, ",dog,1,p,train,true", "no file 'images'"),
        ({"time": "time"}, "a.jpg,dog,soon,p,train,true", "'soon'"),
        ({"split": "split"}, "a.jpg,dog,1,p,dev,true", "train, valid or test, got 'dev'"),
        ({"valid": "valid"}, "a.jpg,dog,1,p,train,maybe", "true or false in 'valid', got 'maybe'"),
    ],
)
def test_a_bad_cell_quarantines_its_row_alone(tmp_path, columns, cells, said):
    text = f"fname,labels,time,who,split,valid\n{cells}\nb.jpg,cat,2,q, Test ,0\n"
    reading = read(tmp_path, text, columns=columns)
    assert [row["id"] for row in reading.rows] == ["images/b.jpg"]
    ((row, reason),) = reasons(reading)
    assert row == 2 and said in reason


def test_group_time_and_split_come_from_their_columns(tmp_path):
    text = "fname,labels,when,who,part\na.jpg,cat,7,ann,VALID\nb.jpg,dog,8, ,train\n"
    columns = {"group": "who", "time": "when", "split": "part"}
    rows = read(tmp_path, text, columns=columns).rows
    found = [(row["group"], row["time"], row["split"]) for row in rows]
    assert found == [("ann", 7, "valid"), (None, 8, "train")]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"y": "label"}, r"t\.csv: no column 'label' \(prepare\.columns\.y\); .*'labels'"),
        ({"x": "zzz"}, r"t\.csv: no column 'zzz' \(prepare\.columns\.x\); known are: fname, is_v"),
        ({"valid": "is_vald"}, r"prepare\.columns\.valid\); did you mean 'is_valid'"),
        ({"y": ["fname", "labels"]}, "points need two columns"),
        ({"y": ["labels"]}, "points need two columns"),
    ],
)
def test_a_missing_column_is_named_with_file_and_nearest(tmp_path, columns, said):
    with pytest.raises(UserError, match=said):
        read(tmp_path, "fname,labels,is_valid\na.jpg,dog,1\n", columns=columns)


POINTS = "fname,px,py\na.jpg,10.5,20\nb.jpg,"


def test_points_take_two_columns_x_before_y(tmp_path):
    reading = read(tmp_path, POINTS + "3,4\n", y="points", columns={"y": ["px", "py"]})
    assert [row["y"] for row in reading.rows] == [[10.5, 20.0], [3.0, 4.0]]


@pytest.mark.parametrize("cells", ["left,4", ",4", "nan,4", "3,inf"])
def test_a_point_that_is_no_place_is_quarantined(tmp_path, cells):
    reading = read(tmp_path, POINTS + cells, y="points", columns={"y": ["px", "py"]})
    assert [row["y"] for row in reading.rows] == [[10.5, 20.0]]
    assert [row for row, _ in reasons(reading)] == [3]


@pytest.mark.parametrize("y", ["px", ["px"], ["px", "py", "px"]])
def test_points_need_two_columns(tmp_path, y):
    with pytest.raises(UserError, match="points need two columns"):
        read(tmp_path, POINTS + "3,4\n", y="points", columns={"y": y})


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    reading = read(tmp_path, b"\xef\xbb\xbffname,labels\na.jpg,caf\xc3\xa9\n")
    assert [row["y"] for row in reading.rows] == ["café"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"fname,labels,\xe9\na.jpg,cat,1\n", r"t\.csv: expected a CSV file in UTF-8: its header"),
        (b"", r"t\.csv: is empty"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_words(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        read(tmp_path, text)


def test_a_missing_table_is_told_by_the_key_that_names_it(tmp_path):
    with pytest.raises(UserError, match=r"gone\.csv: no such file; prepare\.tables"):
        read(tmp_path, tables=[{"path": "gone.csv"}])


def test_another_separator_of_labels(tmp_path):
    text = "fname,labels\na.jpg,polar bear; cat;\n"
    rows = read(tmp_path, text, y="multicategory", label_sep=";").rows
    assert rows[0]["y"] == ["cat", "polar bear"]


def test_columns_to_keep_become_numbers_or_text(tmp_path):
    text = "fname,labels,age,dose,site,code,unused\n"
    text += "a.jpg,cat, 30,0.5,north,007,x\nb.jpg,dog,,2,,010,y\n"
    keep = ["age", "dose", "site", "code"]
    reading = read(tmp_path, text, keep=keep)
    table = items_table(reading.rows, "category", pair=False)
    assert table.column_names == COLUMNS + keep
    assert table.select(keep).to_pydict() == {
        "age": [30, None],
        "dose": [0.5, 2.0],
        "site": ["north", None],
        "code": ["007", "010"],
    }


@pytest.mark.parametrize("keep", [["group"], ["width"], ["age", "age"]])
def test_columns_to_keep_have_names_of_their_own(tmp_path, keep):
    with pytest.raises(ValidationError, match=f"'{keep[0]}' is the name of another column"):
        read(tmp_path, "fname,labels\na.jpg,cat\n", keep=keep)


def test_a_column_to_keep_that_is_not_there_is_told_with_the_nearest(tmp_path):
    said = r"no column 'aeg' \(prepare.keep\); did you mean 'age'"
    with pytest.raises(UserError, match=said):
        read(tmp_path, "fname,labels,age\na.jpg,cat,3\n", keep=["aeg"])
