"""Ratings: lines of user, item, rating and time, such as MovieLens' `u.data`."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from onecycle.errors import UserError
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
    reading = Reading()
    first_row: dict[tuple[str, str], int] = {}
    for row, cells, wrong in _rows(file, params):
        try:
            if wrong:
                raise ValueError(wrong)
            _add(reading, row, cells, params, first_row)
        except ValueError as error:
            reading.set_aside(params.path, str(error), row)
    if params.titles:
        titles = _titles(raw, params.titles, reading)
        for rated in reading.rows:
            rated["title"] = titles.get(rated["x"][1])
    return reading


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


def _add(
    reading: Reading,
    row: int,
    cells: list[str],
    params: Params,
    first_row: dict[tuple[str, str], int],
) -> None:
    if len(cells) != len(params.columns):
        raise ValueError(f"expected {len(params.columns)} cells, found {len(cells)}")
    cell = dict(zip(params.columns, cells, strict=True))
    rating = number(cell["rating"], "rating")
    low, high = params.rating_range or (rating, rating)
    if not low <= rating <= high:
        raise ValueError(f"expected a rating of {low:g} to {high:g}, got '{cell['rating']}'")
    pair = cell["user"].strip(), cell["item"].strip()
    if not all(pair):
        raise ValueError("its user or its item is empty")
    time = whole_number(cell["time"], "time") if "time" in cell else None
    first = first_row.setdefault(pair, row)
    if first != row:
        raise ValueError(f"user {pair[0]} rated item {pair[1]} already in row {first}")
    reading.add(
        id="/".join(pair),
        x=list(pair),
        y=rating,
        group=pair[0] if params.group else None,
        time=time,
        at=(params.path, row),
    )
