from pathlib import Path

import pytest
from pydantic import ValidationError

from onecycle.errors import UserError
from onecycle.items import ratings
from onecycle.items.table import COLUMNS, items_table


def read(raw: Path, text: str, **params):
    (raw / "u.data").write_bytes(text.encode("latin-1"))
    return ratings.read(raw, ratings.Params(reader="ratings", path="u.data", **params))


def test_a_line_of_movielens(tmp_path):
    (row,) = read(tmp_path, "196\t242\t3\t881250949\n").rows
    expected = {"id": "196/242", "x": ["196", "242"], "y": 3.0, "group": None, "time": 881250949}
    assert row == expected | {"at": ("u.data", 1)}


def test_names_may_be_in_latin_1(tmp_path):
    (row,) = read(tmp_path, "ann\tLes Misérables\t3.5\t1\n", encoding="latin-1").rows
    assert row["x"] == ["ann", "Les Misérables"] and row["y"] == 3.5
    (bad,) = read(tmp_path, "ann\tLes Misérables\t3.5\t1\n").bad
    assert bad["row"] == 1 and "utf-8" in bad["reason"].lower()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1\t2\t3", "expected 4 cells, found 3"),
        ("1\t2\t3\t4\t5", "expected 4 cells, found 5"),
        ("1\t2\tgood\t4", "'good'"),
        ("1\t2\tnan\t4", "expected a finite rating, got 'nan'"),
        ("1\t2\t3\tnoon", "'noon'"),
        (" \t2\t3\t4", "its user or its item is empty"),
        ("8\t8\t5\t4", "user 8 rated item 8 already in row 1"),
    ],
)
def test_a_bad_line_is_quarantined_with_its_number(tmp_path, line, said):
    reading = read(tmp_path, f"8\t8\t4\t1\n{line}\n9\t9\t5\t1\n")
    assert [row["id"] for row in reading.rows] == ["8/8", "9/9"]
    (bad,) = reading.bad
    assert (bad["file"], bad["row"]) == ("u.data", 2) and said in bad["reason"]


def test_a_line_that_was_set_aside_is_no_first_rating(tmp_path):
    reading = read(tmp_path, "1\t2\t3\tnoon\n1\t2\t4\t5\n1\t2\t5\t6\n")
    assert [row["y"] for row in reading.rows] == [4.0]
    assert [(bad["row"], bad["reason"][-5:]) for bad in reading.bad][1] == (3, "row 2")


def test_time_is_optional_and_columns_have_any_order(tmp_path):
    reading = read(tmp_path, "4,i,u\n", sep=",", columns=["rating", "item", "user"], group="user")
    (row,) = reading.rows
    expected = {"id": "u/i", "x": ["u", "i"], "y": 4.0, "group": "u", "time": None}
    assert row == expected | {"at": ("u.data", 1)}


@pytest.mark.parametrize("columns", [["user", "item"], ["user", "item", "rating", "user"]])
def test_user_item_and_rating_are_needed_once(columns):
    with pytest.raises(ValidationError, match="expected user, item and rating"):
        ratings.Params(reader="ratings", columns=columns)


def test_a_missing_file_is_told_by_the_key_that_names_it(tmp_path):
    with pytest.raises(UserError, match=r"u\.data: no such file; prepare\.path"):
        ratings.read(tmp_path, ratings.Params(reader="ratings", path="u.data"))


RATED = "1\t7\t3\t1\n2\t8\t4\t1\n1\t9\t5\t1\n"


def titled(tmp_path, text: str, **titles):
    (tmp_path / "u.item").write_bytes(text.encode("latin-1"))
    return read(tmp_path, RATED, titles={"path": "u.item", **titles})


def test_titles_join_on_the_item_and_may_be_shared(tmp_path):
    reading = titled(tmp_path, "7|Amélie|x|y\n8|Amélie|\n10|No one saw it\n\n")
    assert [row["title"] for row in reading.rows] == ["Amélie", "Amélie", None]
    assert [row["x"][1] for row in reading.rows] == ["7", "8", "9"] and not reading.bad
    table = items_table(reading.rows, "rating", pair=True)
    assert table.column_names == [*COLUMNS, "title"]
    assert table["title"].to_pylist() == ["Amélie", None, "Amélie"]  # by id: 1/7, 1/9, 2/8


def test_a_line_without_a_title_or_a_second_one_is_set_aside(tmp_path):
    reading = titled(tmp_path, "7;A\n8\n7;B\n", sep=";")
    assert [row["title"] for row in reading.rows] == ["A", None, None]
    assert [(bad["file"], bad["row"]) for bad in reading.bad] == [("u.item", 2), ("u.item", 3)]


def test_titles_in_another_encoding_are_set_aside_by_line(tmp_path):
    reading = titled(tmp_path, "7|Amélie\n8|Alien\n", encoding="utf-8")
    assert [row["title"] for row in reading.rows] == [None, "Alien", None]
    (bad,) = reading.bad
    assert (bad["file"], bad["row"]) == ("u.item", 1) and "not UTF-8" in bad["reason"]


def test_missing_titles_are_told_by_the_key_that_names_them(tmp_path):
    with pytest.raises(UserError, match=r"prepare\.titles\.path"):
        read(tmp_path, RATED, titles={"path": "u.item"})


def test_movielens_1m_has_cells_two_colons_apart(tmp_path):
    (tmp_path / "movies.dat").write_bytes("7::Amélie: a life::Comedy\n".encode("latin-1"))
    titles = {"path": "movies.dat", "sep": "::"}
    reading = read(tmp_path, "1::7::5::978300760\n", sep="::", titles=titles)
    assert [(row["x"], row["y"], row["title"]) for row in reading.rows] == [
        (["1", "7"], 5.0, "Amélie: a life")
    ]


@pytest.mark.trial("tables", "MovieLens 25M's CSV: a header, titles with commas in quotes", "read")
def test_movielens_25m_is_csv_with_a_header(tmp_path):
    films = 'movieId,title,genres\n7,"American President, The ""95""",Drama\n8,Alien,Horror\n'
    (tmp_path / "movies.csv").write_text(films)
    text = "userId,movieId,rating,timestamp\n1,7,3.5,1147880044\n1,8,4.0,1147880045\n"
    titles = {"path": "movies.csv", "sep": ",", "encoding": "utf-8", "header": True}
    reading = read(tmp_path, text, sep=",", header=True, titles=titles)
    assert [row["title"] for row in reading.rows] == ['American President, The "95"', "Alien"]
    assert [row["at"] for row in reading.rows] == [("u.data", 2), ("u.data", 3)]
    assert not reading.bad
