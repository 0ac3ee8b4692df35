"""Tables in columns are those that pandas would make of rows."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onecycle import tables
from onecycle.items.table import items_table
from onecycle.splits.audit import pair_codes, pair_keys

NAMES = st.sampled_from(["1", "01", "1.0", "a", "A", "a/b", "b", "Ａ", "é", ""])
TITLES = st.none() | st.sampled_from(["Alien", "ALIEN", "1", "a / b"])


@st.composite
def items(draw) -> pd.DataFrame:
    """An items table of pairs."""
    triples = draw(st.lists(st.tuples(NAMES, NAMES, TITLES), min_size=1, max_size=12))
    rows = [
        {"id": f"{at:02}", "x": [user, item], "y": float(at), "title": title}
        for at, (user, item, title) in enumerate(triples)
    ]
    return items_table(rows, "rating", pair=True).to_pandas()


def written(table: pa.Table, folder) -> pd.DataFrame:
    pq.write_table(table, folder / "items.parquet")
    return tables.read_items(folder / "items.parquet")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@settings(max_examples=60, deadline=None)
@given(table=items())
def test_pairs_stay_arrow_and_say_the_same(folder, table):
    table.to_parquet(folder / "items.parquet", index=False)
    read = tables.read_items(folder / "items.parquet")
    assert isinstance(read["x"].dtype, pd.ArrowDtype)
    assert read["x"].tolist() == [list(each) for each in table["x"]]
    for (codes, names), at in zip(tables.users_and_items(read["x"]), (0, 1), strict=True):
        assert len(set(names)) == len(names)
        assert [names[code] for code in codes] == [each[at] for each in table["x"]]
    keys = pair_keys(read)
    assert pair_codes(read).groupby(keys).nunique().eq(1).all()
    assert pair_codes(read).nunique() == keys.nunique()
    assert pair_keys(table.set_axis(table.index + 5)).tolist() == keys.tolist()


def test_a_picture_is_a_path_and_only_wanted_columns_are_read(tmp_path):
    rows = [{"id": "a", "x": "a.jpg", "y": ["l", "m"]}]
    table = items_table(rows, "multicategory", pair=False)
    assert written(table, tmp_path)["y"].dtype == object
    some = tables.read_items(tmp_path / "items.parquet", ["id", "title", "x"])
    assert list(some) == ["id", "x"] and some["x"].tolist() == ["a.jpg"]


@given(parts=st.lists(st.sampled_from(["train", "valid", None]), min_size=1, max_size=9))
def test_a_join_is_a_merge(parts):
    table = pd.DataFrame({"id": [f"{at}" for at in range(len(parts))], "y": range(len(parts))})
    split = table[["id"]].assign(split=pd.Series(parts, dtype=object)).dropna(subset="split")
    expected = table.merge(split.rename(columns={"split": "part"}), on="id")
    pd.testing.assert_frame_equal(tables.joined(table, split, "part"), expected)
    mixed = table.set_axis(table.index + 3)
    pd.testing.assert_frame_equal(tables.joined(mixed, split, "part"), expected)


@given(ids=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=3)))
def test_sorted_is_what_python_sorts(ids):
    assert tables.ascends(pd.Series(ids, dtype="str")) == (ids == sorted(ids))


@settings(max_examples=20, deadline=None)
@given(table=items())
def test_predictions_are_written_as_pandas_writes_rows(folder, table):
    scores = np.linspace(1, 5, len(table), dtype=np.float32)[:, None]
    rows = table[["id", "x", "title", "y", "group"]].assign(predicted=scores[:, 0])
    tables.write(rows.assign(scores=list(scores)), folder / "rows.parquet")
    columns = rows.assign(x=pd.Series(rows["x"].tolist(), dtype=pd.ArrowDtype(tables.PAIRS)))
    tables.write_predictions(folder / "columns.parquet", columns, scores)
    assert (folder / "rows.parquet").read_bytes() == (folder / "columns.parquet").read_bytes()
