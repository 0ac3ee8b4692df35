"""What all readers give: the items table, the quarantine, and the same in any order of files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from onecycle.errors import UserError
from onecycle.items import readers
from onecycle.items.table import COLUMNS, Y_TYPES, Reading, items_table, quarantine_table

VALUES = {"category": "dog", "multicategory": ["cat", "dog"], "points": [1.5, 2.0], "rating": 4.0}


@pytest.mark.parametrize("y", Y_TYPES)
def test_the_columns_their_types_and_the_target(y):
    pair = y == "rating"
    x = ["u", "i"] if pair else "a.jpg"
    table = items_table([{"id": "a", "x": x, "y": VALUES[y], "time": 7}], y, pair=pair)
    assert table.column_names == COLUMNS == ["id", "x", "y", "group", "time", "split"]
    assert table.schema.metadata == {b"target": y.encode()}
    assert table.schema.field("y").type == Y_TYPES[y]
    assert table.schema.field("x").type == (pa.list_(pa.string()) if pair else pa.string())
    assert table.schema.field("time").type == pa.int64()
    nulls = {"group": None, "split": None}
    assert table.to_pylist() == [{"id": "a", "x": x, "y": VALUES[y], "time": 7} | nulls]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(min_size=1), unique=True))
def test_items_are_sorted_by_id(names):
    rows = [{"id": name, "x": name, "y": "dog"} for name in names]
    table = items_table(rows, "category", pair=False)
    assert table["id"].to_pylist() == sorted(names)
    assert table["x"].to_pylist() == sorted(names)


def test_two_rows_of_one_id_are_refused():
    rows = [{"id": name, "x": name, "y": "dog"} for name in ("b", "a", "b")]
    with pytest.raises(UserError, match="two rows have the id 'b'"):
        items_table(rows, "category", pair=False)


def test_the_quarantine_is_sorted_by_file_and_row():
    reading = Reading()
    for file, row in [("b", 2), ("a", 10), ("a", 9)]:
        reading.set_aside(Path(file), "why", row)
    reading.set_aside("c", "all of it")
    table = quarantine_table(reading.bad)
    assert table.schema.types == [pa.string(), pa.int64(), pa.string()]
    found = [tuple(row.values()) for row in table.to_pylist()]
    assert found == [("a", 9, "why"), ("a", 10, "why"), ("b", 2, "why"), ("c", 0, "all of it")]


def test_an_empty_quarantine_keeps_its_columns():
    assert quarantine_table([]).column_names == ["file", "row", "reason"]


CAMERA, POSE = "9 0 5\n0 9 5\n0 0 1\n", "1 0 0\n0 1 0\n0 0 1\n\n10 20 300\n"
XML = "<annotation><object><name>dog</name></object></annotation>"
RAW = {
    "files": (
        {"reader": "files", "label": r"^(.+)_\d+", "y": "category"},
        {f"{name}_{n}.jpg": "" for name in ("a", "B", "ü") for n in (1, 2, 10)}
        | {"sub/c_1.png": "", "bad.jpg": "", "worse.jpg": ""},
    ),
    "table": (
        {"reader": "table", "tables": [{"path": "t.csv"}], "y": "category"},
        {"t.csv": "fname,labels\nb.jpg,x\nc.jpg\na.jpg,y\nz.jpg,y\n", "a.jpg": "", "b.jpg": ""},
    ),
    "voc": (
        {"reader": "voc", "path": "v", "y": "multicategory"},
        {f"v/ImageSets/Main/{part}.txt": f"{part}2\n{part}1\n" for part in ("train", "test")}
        | {f"v/JPEGImages/{p}{n}.jpg": "" for p in ("train", "test") for n in (1, 2)}
        | {"v/Annotations/train1.xml": XML, "v/Annotations/test2.xml": XML},
    ),
    "biwi": (
        {"reader": "biwi", "path": "b", "y": "points"},
        {f"b/{who}/frame_{n}_rgb.png": "" for who in ("01", "02", "10") for n in (3, 20)}
        | {f"b/{who}/frame_{n}_pose.txt": POSE for who in ("01", "10") for n in (3, 20)}
        | {"b/01/rgb.cal": CAMERA, "b/02/rgb.cal": CAMERA},
    ),
    "ratings": (
        {"reader": "ratings", "path": "u.data", "y": "rating"},
        {"u.data": "2\t1\t3\t4\n1\t1\t5\t4\nshort\n", "u.user": ""},
    ),
}


def tables_of(name: str, order: list[str], shuffle) -> tuple[pa.Table, pa.Table]:
    """What a reader gives for files created in an order and listed in another."""
    params, files = RAW[name]
    listed = Path.glob, Path.rglob

    def disordered(original):
        def listing(self: Path, pattern: str) -> Iterator[Path]:
            found = sorted(original(self, pattern))
            shuffle(found)
            return iter(found)

        return listing

    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder)
        for path in order:
            (raw / path).parent.mkdir(parents=True, exist_ok=True)
            (raw / path).write_text(files[path])
        with (
            mock.patch.object(Path, "glob", disordered(listed[0])),
            mock.patch.object(Path, "rglob", disordered(listed[1])),
        ):
            model = TypeAdapter(readers.Params).validate_python(params)
            reading = readers.READERS[name](raw, model)
    pair = params["y"] == "rating"
    return items_table(reading.rows, params["y"], pair=pair), quarantine_table(reading.bad)


@pytest.mark.parametrize("name", readers.READERS)
@settings(max_examples=15, deadline=None)
@given(data=st.data(), random=st.randoms(use_true_random=False))
def test_the_order_of_the_file_system_decides_nothing(name, data, random):
    files = sorted(RAW[name][1])
    items, bad = tables_of(name, data.draw(st.permutations(files)), random.shuffle)
    expected_items, expected_bad = tables_of(name, files, lambda _: None)
    assert len(items) >= 2 and len(bad) >= 1
    assert items.equals(expected_items) and bad.equals(expected_bad)
