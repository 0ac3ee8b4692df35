"""Damaged rows: each costs itself alone, and is told by its physical line."""

import csv
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from reading import FILES, RATINGS, bad, ids, notes, read, table

from onecycle.errors import UserError
from onecycle.items import lines, readers
from onecycle.items.lines import lines_of, records_of

trial = pytest.mark.trial


@trial("tables", "short and long rows", "set aside with their line")
def test_short_and_long_rows(tmp_path):
    reading = table(tmp_path, "fname,labels\na.jpg\nb.jpg,x,y\n\nc.jpg,x\n")
    assert ids(reading) == ["c"]
    assert bad(reading) == [(2, "expected 2 cells, found 1"), (3, "expected 2 cells, found 3")]


@trial("tables", "bytes of another encoding in a UTF-8 file", "their rows are set aside")
def test_bytes_of_another_encoding_cost_their_row(tmp_path):
    reading = table(tmp_path, b"fname,labels\na.jpg,caf\xe9\nb.jpg,caf\xc3\xa9\n")
    assert [row["y"] for row in reading.rows] == ["café"]
    assert bad(reading) == [(2, "holds bytes that are not UTF-8: save the file as UTF-8")]


@trial("tables", "a whole file in UTF-16 or UTF-32", "refused, the remedy named")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("reader", ["table", "ratings"])
def test_utf_16_is_refused_as_a_whole(tmp_path, encoding, reader):
    with pytest.raises(UserError, match=r"looks like UTF-16, expected .*: save it as UTF-8"):
        if reader == "table":
            table(tmp_path, "fname,labels\na.jpg,x\n".encode(encoding))
        else:
            read(tmp_path, RATINGS, u_data="1\t2\t3\t4\n".encode(encoding))


@trial("tables", "NUL bytes", "their rows are set aside")
def test_nul_bytes_cost_their_row(tmp_path):
    reading = table(tmp_path, "fname,labels\na.jpg,x\0\nb.jpg,x\n" + "c.jpg,x\n" * 3)
    assert ids(reading) == ["b", "c"] and bad(reading)[0] == (2, "holds a NUL byte")
    rated = read(tmp_path, RATINGS, u_data="1\t2\t3\t4\n1\0\t3\t3\t4\n")
    assert ids(rated) == ["1/2"] and bad(rated) == [(2, "holds a NUL byte")]


@trial("tables", "a byte order mark", "accepted, no part of the first cell")
@pytest.mark.parametrize("reader", ["table", "ratings", "files", "voc"])
def test_a_byte_order_mark_is_accepted(tmp_path, reader):
    mark = b"\xef\xbb\xbf"
    if reader == "table":
        assert ids(table(tmp_path, mark + b"fname,labels\na.jpg,x\n")) == ["a"]
    elif reader == "ratings":
        (row,) = read(tmp_path, RATINGS, u_data=mark + "é\t2\t3\t4\n".encode()).rows
        assert row["x"] == ["é", "2"]  # the mark says that it is UTF-8
    elif reader == "files":
        (tmp_path / "a_1.jpg").write_bytes(b"x")
        (tmp_path / "l").write_bytes(mark + b"a_1\r\n")
        assert read(tmp_path, FILES | {"lists": {"test": "l"}}).rows[0]["split"] == "test"
    else:
        for name in ("ImageSets/Main", "JPEGImages", "Annotations"):
            (tmp_path / "V" / name).mkdir(parents=True)
        (tmp_path / "V/ImageSets/Main/train.txt").write_bytes(mark + b"1\r\n")
        (tmp_path / "V/JPEGImages/1.jpg").write_bytes(b"x")
        (tmp_path / "V/Annotations/1.xml").write_text("<annotation/>")
        assert ids(read(tmp_path, {"reader": "voc", "path": "V"})) == ["1"]


@trial("tables", "a rating out of range, NaN, infinite, or no number", "set aside with its line")
@pytest.mark.parametrize("rating", ["0", "5.5", "nan", "-inf", "1e999", "", "four", "4_0", "4,0"])
def test_a_rating_out_of_range_is_set_aside(tmp_path, rating):
    params = RATINGS | {"rating_range": [1, 5]}
    text = f"1\t1\t5\t4\n1\t2\t{rating}\t4\n1\t3\t1.0\t4\n"
    reading = read(tmp_path, params, u_data=text)
    assert ids(reading) == ["1/1", "1/3"]
    ((row, said),) = bad(reading)
    assert row == 2 and "expected a" in said and f"'{rating}'" in said


@pytest.mark.parametrize("bounds", [[5, 1], [1], [1, 1], [1, float("nan")]])
def test_a_range_of_ratings_rises(bounds):
    with pytest.raises(ValidationError):
        readers.ratings.Params(reader="ratings", rating_range=bounds)


@trial("tables", "a time that is no whole number, or beyond 64 bits", "set aside with its line")
@pytest.mark.parametrize("time", ["12.5", "noon", "", "1e3", "9" * 19, "9" * 5000, "nan", "1_0"])
@pytest.mark.parametrize("reader", ["table", "ratings"])
def test_a_time_that_is_no_whole_number_is_set_aside(tmp_path, time, reader):
    if reader == "table":
        text = f"fname,labels,at\na.jpg,x,{time}\nb.jpg,x,12.0\n"
        reading = table(tmp_path, text, columns={"time": "at"})
    else:
        reading = read(tmp_path, RATINGS, u_data=f"7\t7\t3\t-3\n1\t2\t3\t{time}\n")
    assert [row["time"] for row in reading.rows] == [12 if reader == "table" else -3]
    ((row, said),) = bad(reading)
    assert row == 2 and said.startswith("expected a whole number as ") and len(said) < 100


@trial("tables", "a quote that is never closed", "its line alone is set aside")
@pytest.mark.parametrize("rest", [2, 1500])
def test_an_open_quote_costs_its_line_alone(tmp_path, rest):
    text = 'fname,labels\na.jpg,"x\nb.jpg,x\nc.jpg,"x"\n' + "d.jpg,x\n" * rest
    reading = table(tmp_path, text)
    assert ids(reading) == ["b", "c", "d"]
    assert reading.bad[0]["row"] == 2 and "quote" in reading.bad[0]["reason"]
    assert len(reading.bad) == rest  # and the repetitions of d


def test_an_open_quote_at_the_end_is_told(tmp_path):
    reading = table(tmp_path, 'fname,labels\na.jpg,x\nb.jpg,"x\n')
    assert ids(reading) == ["a"] and bad(reading) == [(3, "a quote is not closed")]


@trial(
    "tables", "a quoted cell over several lines", "kept, and noted; later lines keep their number"
)
def test_a_cell_over_several_lines_is_noted(tmp_path):
    text = 'fname,labels,text\na.jpg,x,"one\ntwo, ""three""\n"\nb.jpg,x\nc.jpg,x,\n'
    reading = table(tmp_path, text)
    assert ids(reading) == ["a", "c"] and notes(reading) == [(2, "a cell over several lines")]
    assert bad(reading) == [(5, "expected 3 cells, found 2")]


@trial("tables", "text before or after a closed quote", "set aside, or taken as csv does")
def test_quotes_that_do_not_fit(tmp_path):
    reading = table(tmp_path, 'fname,labels\na.jpg,"x" y\nb.jpg,5" tv\nc.jpg,"say ""x"""\n')
    assert [row["y"] for row in reading.rows] == ['5" tv', 'say "x"']
    assert bad(reading)[0][0] == 2 and "quotes do not fit" in bad(reading)[0][1]


@trial("tables", "line ends of any system", "read alike, with the same numbers")
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_any_system(tmp_path, end):
    text = end.join(["fname,labels", "a.jpg,x", "b.jpg", "", "c.jpg,x"])
    reading = table(tmp_path, text)
    assert ids(reading) == ["a", "c"] and [row for row, _ in bad(reading)] == [3]
    reading = read(tmp_path, RATINGS, u_data=end.join(["1\t2\t3\t4", "1", "2\t2\t3\t4", ""]))
    assert ids(reading) == ["1/2", "2/2"] and [row for row, _ in bad(reading)] == [2]


@trial("tables", "a line of megabytes, and a huge quoted cell", "set aside")
@pytest.mark.parametrize("quoted", [True, False])
def test_a_huge_cell_is_set_aside(tmp_path, monkeypatch, quoted):
    monkeypatch.setattr(lines, "MAX_LINE", 1 << 18)
    cell = f'"{"x" * 200_000}"' if quoted else "x" * 1_000_000
    reading = table(tmp_path, f"fname,labels\na.jpg,{cell}\nb.jpg,x\n")
    assert ids(reading) == ["b"] and [row for row, _ in bad(reading)] == [2]


@trial("tables", "a column twice in the header", "refused, where it is used")
def test_a_column_twice_is_refused_where_it_is_used(tmp_path):
    with pytest.raises(UserError, match=r"several columns 'labels' \(prepare\.columns\.y\)"):
        table(tmp_path, "fname,labels, labels\na.jpg,x,y\n")
    assert ids(table(tmp_path, "fname,labels,z,z\na.jpg,x,1,2\n")) == ["a"]


@trial("tables", "file names that lead out of the raw data, or can't be names", "set aside")
@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "x/../../a.jpg", "", ".", "x" * 5000])
def test_a_name_that_leads_out_is_set_aside(tmp_path, name):
    (tmp_path / "raw").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"outside")
    reading = table(tmp_path / "raw", f"fname,labels\n{name},x\nb.jpg,x\n")
    assert ids(reading) == ["b"] and [row for row, _ in bad(reading)] == [2]


@trial(
    "tables", "damage in lists of a split", "its lines are set aside; names without picture noted"
)
def test_damage_in_a_list_costs_its_line(tmp_path):
    (tmp_path / "a_1.jpg").write_bytes(b"x")
    (tmp_path / "l").write_bytes(b"a_1 1 2\n\xff\n\0\ngone_1\n# \xc3\xa9\n")
    reading = read(tmp_path, FILES | {"lists": {"train": "l"}})
    assert [row["split"] for row in reading.rows] == ["train"]
    assert [row for row, _ in bad(reading)] == [2, 3]
    assert notes(reading) == [(4, "a listed name without a labelled picture")]


@trial("tables", "bytes in a file's name that are not UTF-8", "set aside, the name escaped")
def test_a_name_that_is_no_text_is_set_aside(tmp_path):
    for name in (b"a_1.jpg", b"b\xff_1.jpg"):
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_bytes(b"x")
    reading = read(tmp_path, FILES)
    assert [row["id"] for row in reading.rows] == ["a_1.jpg"]
    (found,) = reading.bad
    assert found == {"file": "b\\udcff_1.jpg", "row": 0, "reason": "its name is not UTF-8"}


@trial("tables", "any bytes as a table", "a reading or a message; never a crash")
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([b"a.jpg", b",", b'"', b"\n", b"\r", b"\0", b"\xff", b"x", b" "])))
def test_any_bytes_are_read_or_refused(tmp_path_factory, parts):
    raw = tmp_path_factory.mktemp("raw")
    try:
        reading = table(raw, b"fname,labels\n" + b"".join(parts))
    except UserError:
        return
    assert set(ids(reading)) <= set("abcde") | {""}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.text('ab," \n', max_size=5), min_size=2, max_size=2), min_size=1))
def test_what_csv_writes_is_read_again(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("csv") / "t.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows([["x", "y"], *rows])
    found = list(records_of(lines_of(file, blanks=True)))
    assert [(each.cells, each.wrong) for each in found[1:]] == [(row, "") for row in rows]


@pytest.mark.trial("names", "a table or list that names a file longer than disks take", "set aside")
def test_a_name_longer_than_disks_take(tmp_path):
    reading = table(tmp_path, f"fname,labels\n{'n' * 300}.jpg,x\na.jpg,y\n")
    assert ids(reading) == ["a"] and bad(reading) == [(2, "File name too long")]
    folder = tmp_path / "voc"
    (folder / "ImageSets/Main").mkdir(parents=True)
    (folder / "JPEGImages").mkdir()
    (folder / "ImageSets/Main/train.txt").write_text("n" * 300 + "\n")
    assert bad(read(tmp_path, {"reader": "voc", "path": "voc"})) == [(0, "File name too long")]
