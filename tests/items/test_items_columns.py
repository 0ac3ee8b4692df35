"""Ratings read in columns say what rows read one by one say."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from onecycle.errors import UserError
from onecycle.items import plain, ratings
from onecycle.items.columns import Columns
from onecycle.items.table import Reading, items_table
from onecycle.items.tidy import tidy

CELLS = [*("1", "2", "7", "07", " 7", "7 ", "a", "A", "a/b", "b", "b/1", "1/2", "NA", "null", "")]
CELLS += ["ä", "\udcff", "\0", "\x1f", "\x85", "\t", '"', '"x,y"', "#", "'", "\\", ":", "x" * 9]
RATINGS = [
    *("1", "5", "3.5", " 4", "4 ", "+3", ".5", "5.", "1e0", "nan", "inf", "1_0", "x", "", "9")
]
TIMES = [
    *("0", "881250949", "12.0", "12.5", "-3", " 5", "+5", "9" * 18, "9" * 19, "9" * 20, "1_0", "")
]
LINES = [*("", " ", "\t\t\t", "\ufeff", "1", "user\titem\trating\ttime", "1,2,3,4", "::", "1::2")]
SEPS = ["\t", ",", "::", ";", " ", "§", '"', "\t\t", "\x1f"]
FULL = ["user", "item", "rating", "time"]


@st.composite
def texts(draw) -> tuple[str, str]:
    """A separator, and a file's text with every kind of line."""
    sep = draw(st.sampled_from(SEPS))
    cells = [st.sampled_from(kind) for kind in (CELLS, CELLS, RATINGS, TIMES)]
    good = st.tuples(*(st.sampled_from(kind[:3]) for kind in (CELLS, CELLS, RATINGS, TIMES)))
    line = good | st.tuples(*cells) | st.lists(cells[0], max_size=6).map(tuple)
    lines = draw(st.lists(line.map(sep.join) | st.sampled_from(LINES), max_size=25))
    ends = draw(st.lists(st.sampled_from(["\n", "\n", "\r\n", "\r"]), min_size=25, max_size=25))
    text = "".join(line + end for line, end in zip(lines, ends, strict=False))
    return sep, draw(st.sampled_from(["", "\ufeff"])) + text.removesuffix(
        draw(st.sampled_from("\n "))
    )


def row_by_row(file, params) -> Reading:
    """What the verdict on each row gives, one after the other."""
    reading, first_row = Reading(), {}
    for row, cells, wrong in ratings._rows(file, params):
        try:
            if wrong:
                raise ValueError(wrong)
            user, item, rating, time = ratings._verdict(cells, params)
            if first_row.setdefault((user, item), row) != row:
                first = first_row[user, item]
                raise ValueError(f"user {user} rated item {item} already in row {first}")
        except ValueError as error:
            reading.set_aside(params.path, str(error), row)
            continue
        group = user if params.group else None
        cells = {"id": f"{user}/{item}", "x": [user, item], "y": rating, "group": group}
        reading.add(**cells, time=time, at=(params.path, row))
    return reading


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tmp_path_factory.mktemp("raw")


@settings(max_examples=400, deadline=None)
@given(
    text=texts(),
    encoding=st.sampled_from(["utf-8", "latin-1"]),
    header=st.booleans(),
    bounds=st.sampled_from([None, [1, 5]]),
    group=st.sampled_from([None, "user"]),
    time=st.booleans(),
    block=st.sampled_from([7, 64, plain.BLOCK]),
)
@example(("\t", "a/b\tc\t1\t1\na\tb/c\t2\t1\nd\te\t1\t1"), "utf-8", False, None, "user", True, 64)
@example(("\t", "A\t1\t1\t1\na\t1\t2\t1\na\t2\t2\t1"), "utf-8", False, None, "user", True, 64)
def test_columns_say_what_rows_say(raw, text, encoding, header, bounds, group, time, block):
    (sep, lines), columns = text, FULL if time else FULL[:3]
    (raw / "u.data").write_bytes(lines.encode("utf-8", "surrogateescape"))
    params = ratings.Params(
        reader="ratings",
        path="u.data",
        sep=sep,
        encoding=encoding,
        header=header,
        rating_range=bounds,
        group=group,
        columns=columns,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "BLOCK", block)
        patch.setattr(plain, "MAX_LINE", 40)
        patch.setattr("onecycle.items.lines.MAX_LINE", 40)
        try:
            expected = row_by_row(raw / "u.data", params)
        except UserError as error:
            with pytest.raises(UserError, match="UTF-16"):
                ratings.read(raw, params)
            assert "UTF-16" in str(error)
            return
        found = ratings.read(raw, params)
    assert isinstance(found.rows, Columns)
    assert list(found.rows) == expected.rows and found.bad == expected.bad
    groups = {"1": "p", "a": "b"} if group else {}
    found, expected = tidy(found, raw, groups), tidy(expected, raw, groups)
    assert list(found.rows) == expected.rows and found.notes == expected.notes
    assert found.bad == expected.bad
    table = items_table(found.rows, "rating", pair=True)
    assert table.equals(items_table(expected.rows, "rating", pair=True), check_metadata=True)


def test_a_clean_line_is_read_in_a_column_and_another_is_not(tmp_path, monkeypatch):
    (tmp_path / "u.data").write_text("1\t2\t3\t4\n1\t3\tx\t4\n1\t4\t5\t12.0\n2\t2\t3\t4\n")
    judged = []
    verdict = ratings._verdict
    monkeypatch.setattr(ratings, "_verdict", lambda *of: judged.append(of[0][1]) or verdict(*of))
    found = ratings.read(tmp_path, ratings.Params(reader="ratings", path="u.data"))
    assert judged == ["3", "4"]
    assert [row["id"] for row in found.rows] == ["1/2", "1/4", "2/2"]
    assert found.rows[-1]["at"] == ("u.data", 4) and len(found.rows[1:]) == 2
    with pytest.raises(TypeError):
        found.add(id="x")
