"""What damage to the tables and the JSON of stages comes to."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rot

from onecycle import tables
from onecycle.errors import DamagedError
from onecycle.items.table import items_table
from onecycle.paths import read_json, write_json


def items():
    rows = [{"id": f"{at:02}", "x": f"{at}.jpg", "y": "ab"[at % 2]} for at in range(20)]
    return items_table(rows, "category", pair=False)


TABLES = {
    "items": items,
    "split": lambda: pd.DataFrame({"id": ["a", "b", "c"], "split": ["train", "valid", "test"]}),
    "no rows": lambda: items().slice(0, 0),
}


def seen(file):
    table = tables.read(file)
    return table.to_pydict(), table.schema.types, dict(tables.read_schema(file).metadata or {})


@pytest.mark.trial("rot", "tables: bits, cuts, zeros", "told, or the same values")
@pytest.mark.parametrize("name", TABLES)
def test_a_damaged_table_is_told_and_never_read_otherwise(name, tmp_path, record_property):
    folder = tmp_path / "data"
    folder.mkdir()
    tables.write(TABLES[name](), folder / "it.parquet")
    rot.tell(folder / "it.parquet", folder, lambda at: seen(at / "it.parquet"), record_property)


def test_a_sealed_table_is_parquet_to_others_and_has_the_same_bytes_each_time(tmp_path):
    table = items()
    for name in "ab":
        tables.write(table, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert pq.read_table(tmp_path / "a").equals(table, check_metadata=True)
    assert pd.read_parquet(tmp_path / "a").equals(table.to_pandas())
    assert tables.read_schema(tmp_path / "a").metadata[b"target"] == b"category"


def test_a_table_of_another_program_is_read_but_no_stump_of_one(tmp_path):
    table = pa.table({"id": ["a"]})
    pq.write_table(table, tmp_path / "plain")
    assert tables.read(tmp_path / "plain").equals(table)
    (tmp_path / "stump").write_bytes((tmp_path / "plain").read_bytes()[:-9])
    for read in (tables.read, tables.read_schema):
        with pytest.raises(DamagedError, match=r"stump: is damaged .*flows\.doctor`, then run"):
            read(tmp_path / "stump")
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none")


def test_a_seal_is_found_before_a_long_footer(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "END", 1 << 14)
    table = pa.table({f"column {at}": [at] for at in range(60)})
    tables.write(table, tmp_path / "wide")
    content = bytearray((tmp_path / "wide").read_bytes())
    assert len(content) > tables.END
    content[40] ^= 1
    (tmp_path / "flipped").write_bytes(content)
    assert tables.read(tmp_path / "wide").equals(table)
    with pytest.raises(DamagedError):
        tables.read(tmp_path / "flipped")


SAID = {"a": [1, 0.1, 1e-300, None, True], "ü": {"\U0001f600": "\\n", "seal": 1}, "last": -0.0}


@pytest.mark.trial("rot", "sealed JSON: bits, cuts, zeros", "told, or the same values")
def test_damaged_json_is_told_and_never_read_otherwise(tmp_path, record_property):
    folder = tmp_path / "data"
    write_json(folder / "it.json", SAID, sealed=True)
    assert read_json(folder / "it.json") == SAID
    rot.tell(folder / "it.json", folder, lambda at: read_json(at / "it.json"), record_property)


def test_json_without_a_seal_is_read_as_it_is(tmp_path):
    write_json(tmp_path / "a.json", SAID)
    assert read_json(tmp_path / "a.json") == SAID
    (tmp_path / "a.json").write_bytes(b'{"a": "\xff"}')
    with pytest.raises(DamagedError, match=r"a\.json: is damaged \(no JSON: .*, then run again"):
        read_json(tmp_path / "a.json")
