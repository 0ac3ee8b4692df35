"""Ratings: lines of user, item, rating and time, such as MovieLens' `u.data`."""

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator

from onecycle.errors import UserError
from onecycle.items import plain
from onecycle.items.columns import Columns, Ints
from onecycle.items.lines import lines_of, number, records_of, whole_number
from onecycle.items.table import ReaderParams, Reading
from onecycle.params import Section


class Titles(Section):
    """Where the items' titles are: each line an item's name and title.

    Attributes:
        path: the file, inside the raw data.
        sep: what stands between its cells; those after the second are not read. With `,` it is a
            CSV file, in which quotes hold a title with commas together.
        encoding: of its text; that of MovieLens 100K and 1M is latin-1.
        header: whether its first line names the columns.
    """

    path: str
    sep: str = Field("|", min_length=1)
    encoding: Literal["latin-1", "utf-8"] = "latin-1"
    header: bool = False


class Params(ReaderParams):
    """How to read ratings. An item's id in the table is `user/item`.

    Attributes:
        path: the file, inside the raw data.
        sep: what stands between its cells, such as MovieLens 1M's `::`.
        columns: what its cells are, in order; `user`, `item` and `rating` must be among them.
        encoding: of its text; one that begins with a byte order mark is UTF-8.
        rating_range: the lowest and the highest rating there is; a row beyond is set aside. Null:
            any.
        group: the ratings of a user belong together, or null.
        titles: of the items, for the table's column `title`; several items may share one. Null: no
            titles.
        header: whether the file's first line names its columns.
    """

    reader: Literal["ratings"]
    path: str = "ml-100k/u.data"
    sep: str = Field("\t", min_length=1)
    columns: list[Literal["user", "item", "rating", "time"]] = ["user", "item", "rating", "time"]
    x: list[str] = ["user", "item"]
    y: Literal["rating"] = "rating"
    encoding: Literal["latin-1", "utf-8"] = "utf-8"
    rating_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    group: Literal["user"] | None = None
    titles: Titles | None = None
    header: bool = False
    size: None = None

    @field_validator("columns")
    @classmethod
    def _names_each_once(cls, columns: list[str]) -> list[str]:
        if not {"user", "item", "rating"} <= set(columns) or len(set(columns)) != len(columns):
            raise ValueError("expected user, item and rating among the columns, each once")
        return columns

    @field_validator("rating_range")
    @classmethod
    def _rises(cls, bounds: list[float] | None) -> list[float] | None:
        if bounds and bounds[0] >= bounds[1]:
            raise ValueError("expected the lowest rating first")
        return bounds


def read(raw: Path, params: Params) -> Reading:
    """Reads every line; one that is short, not a number or a repetition is set aside.

    Raises:
        UserError: the file is missing.
    """
    file = raw / params.path
    if not file.is_file():
        raise UserError(f"{file}: no such file; prepare.path names it inside the raw data")
    reading, found = Reading(), plain.Found()
    odd = None if params.sep == "," and plain.holds_quotes(file) else _plain(file, params, found)
    if odd is None or len(odd):
        _row_by_row(file, params, found, odd, reading)
    columns = found.columns(params.path)
    if "time" not in params.columns:
        columns = replace(columns, time=None)
    if params.group:
        columns = replace(columns, groups=columns.users)
    columns, repeated = _without_repetitions(columns)
    for row, why in repeated:
        reading.set_aside(params.path, why, row)
    reading.bad.sort(key=lambda bad: bad["row"])
    reading.rows = columns
    if params.titles:
        titles = _titles(raw, params.titles, reading)
        reading.rows = replace(columns, titles=[titles.get(name) for name in columns.items])
    return reading


def _plain(file: Path, params: Params, found: plain.Found) -> Ints:
    """Takes the lines that are plainly good; gives the numbers of all others, sorted."""
    first = next(lines_of(file, params.encoding), None)
    odd = []
    for start, data in plain.blocks_of(file):
        good, table = plain.plain_lines(data, params.sep, params.columns)
        user = plain.places(table["user"], found.users)
        item = plain.places(table["item"], found.items)
        rating = plain.said(table["rating"], lambda cell: _rating(cell, params))
        fine = (user >= 0) & (item >= 0) & np.isfinite(rating)
        time = np.zeros(len(user), np.int64)
        if "time" in params.columns:
            whole, time = plain.whole_numbers(table["time"])
            fine &= whole
        rows = start + np.flatnonzero(good)
        if params.header and first:
            fine &= rows != first.number
        good[good] = fine
        odd.append(start + np.flatnonzero(~good))
        found.blocks.append(tuple(each[fine] for each in (rows, user, item, rating, time)))
    return np.concatenate(odd) if odd else np.empty(0, np.int64)


def _row_by_row(
    file: Path, params: Params, found: plain.Found, odd: Ints | None, reading: Reading
) -> None:
    """Takes the lines of some numbers, or of all, or sets them aside."""
    last = math.inf if odd is None else int(odd[-1])
    wanted = None if odd is None else np.bincount(odd).astype(np.uint8).tobytes()
    for row, cells, wrong in _rows(file, params):
        if row > last:
            break
        if wanted is not None and not wanted[row]:
            continue
        try:
            if wrong:
                raise ValueError(wrong)
            found.add(row, *_verdict(cells, params))
        except ValueError as error:
            reading.set_aside(params.path, str(error), row)


def _without_repetitions(columns: Columns) -> tuple[Columns, list[tuple[int, str]]]:
    """The first rating of each pair; and the row of each other one, with what is wrong of it."""
    pairs = columns.pairs()
    order = np.argsort(pairs, kind="stable")
    again = np.append(False, pairs[order][1:] == pairs[order][:-1])[: len(order)]
    firsts = np.maximum.accumulate(np.where(again, 0, np.arange(len(order))))
    said_of = []
    for at, first in zip(order[again].tolist(), order[firsts[again]].tolist(), strict=True):
        user, item = columns.users[columns.user[at]], columns.items[columns.item[at]]
        why = f"user {user} rated item {item} already in row {columns.row[first]}"
        said_of.append((int(columns.row[at]), why))
    return columns.without(order[again]), said_of


def _rows(file: Path, params: "Params | Titles") -> Iterator[tuple[int, list[str], str]]:
    """The number, the cells and the fault, or "", of each row that is no header."""
    lines = lines_of(file, params.encoding, blanks=params.sep == ",")
    if params.sep == ",":
        rows = ((record.row, record.cells, record.wrong) for record in records_of(lines))
    else:
        rows = ((line.number, line.text.split(params.sep), line.wrong) for line in lines)
    return islice(rows, int(params.header), None)


def _titles(raw: Path, params: Titles, reading: Reading) -> dict[str, str]:
    """Titles by the item's name; a line without one is set aside, as is a name's second line."""
    file = raw / params.path
    if not file.is_file():
        raise UserError(f"{file}: no such file; prepare.titles.path names it inside the raw data")
    titles: dict[str, str] = {}
    for row, cells, wrong in _rows(file, params):
        name, title = ([cell.strip() for cell in cells] + ["", ""])[:2]
        if wrong or not name or not title:
            why = wrong or "expected an item's name and its title"
            reading.set_aside(params.path, why, row)
        elif name in titles:
            reading.set_aside(params.path, f"item {name} has a title already", row)
        else:
            titles[name] = title
    return titles


def _verdict(cells: list[str], params: Params) -> tuple[str, str, float, int | None]:
    """User, item, rating and time of a row.

    Raises:
        ValueError: what is wrong of it.
    """
    if len(cells) != len(params.columns):
        raise ValueError(f"expected {len(params.columns)} cells, found {len(cells)}")
    cell = dict(zip(params.columns, cells, strict=True))
    rating = _rating(cell["rating"], params)
    user, item = cell["user"].strip(), cell["item"].strip()
    if not (user and item):
        raise ValueError("its user or its item is empty")
    return user, item, rating, whole_number(cell["time"], "time") if "time" in cell else None


def _rating(cell: str, params: Params) -> float:
    rating = number(cell, "rating")
    low, high = params.rating_range or (rating, rating)
    if not low <= rating <= high:
        raise ValueError(f"expected a rating of {low:g} to {high:g}, got '{cell}'")
    return rating
