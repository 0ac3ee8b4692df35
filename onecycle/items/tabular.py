"""Tables of pictures: a CSV file with a row for each, such as fast.ai's `pascal_2007/train.csv`."""

import os
from collections import Counter
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from onecycle.errors import UserError
from onecycle.items.lines import lines_of, number, records_of, whole_number
from onecycle.items.table import ReaderParams, Reading
from onecycle.params import Section, nearest
from onecycle.tables import COLUMNS, TITLE

TAKEN = {*COLUMNS, TITLE, "width", "height"}  # names that mean something else in the items table


class Table(Section):
    """One CSV file with a header.

    Attributes:
        path: the file, inside the raw data.
        images: the folder that its file names start from.
        split: the part that all its rows belong to, where the file stands for one.
    """

    path: str
    images: str = "."
    split: Literal["train", "valid", "test"] | None = None


class Columns(Section):
    """Which column holds what.

    Attributes:
        x: the file's name.
        y: the label, the labels, or for points the two columns of x and y in pixels.
        group: whom or what the row shows.
        time: an integer that orders the rows.
        split: train, valid or test.
        valid: true or false; true is valid, false train.
    """

    x: str = "fname"
    y: str | list[str] = "labels"
    group: str | None = None
    time: str | None = None
    split: str | None = None
    valid: str | None = None


class Params(ReaderParams):
    """How to read tables of pictures.

    Attributes:
        tables: the files.
        columns: their columns, the same in all; one that a file lacks is only allowed for `valid`.
        label_sep: what stands between the labels of a multicategory cell.
        keep: more columns to keep in the items table, by which evaluate then tells the score too.
    """

    reader: Literal["table"]
    tables: list[Table] = Field(min_length=1)
    columns: Columns = Columns()
    y: Literal["category", "multicategory", "points"]
    label_sep: str = Field(" ", min_length=1)
    keep: list[str] = []

    @field_validator("keep")
    @classmethod
    def _are_free(cls, keep: list[str]) -> list[str]:
        for name in keep:
            if name in TAKEN or keep.count(name) > 1:
                raise ValueError(f"'{name}' is the name of another column of the items table")
        return keep


def read(raw: Path, params: Params) -> Reading:
    """Reads every row of every table.

    Raises:
        UserError: a file is missing, is empty or in UTF-16, or lacks a column.
    """
    reading = Reading()
    for table in params.tables:
        _read_table(reading, raw, table, params)
    return reading


def _read_table(reading: Reading, raw: Path, table: Table, params: Params) -> None:
    """Reads a CSV file's rows; one with too few or too many cells is set aside."""
    file = raw / table.path
    if not file.is_file():
        raise UserError(f"{file}: no such file; prepare.tables names it inside the raw data")
    records = records_of(lines_of(file, blanks=True))
    first = next(records, None)
    if first is None:
        raise UserError(f"{file}: is empty; expected a header row")
    if first.wrong:
        raise UserError(f"{file}: expected a CSV file in UTF-8: its header {first.wrong}")
    header = [name.strip() for name in first.cells]
    _check_columns(file, header, params, table)
    for row, cells, wrong, spans in records:
        if wrong or len(cells) != len(header):
            why = wrong or f"expected {len(header)} cells, found {len(cells)}"
            reading.set_aside(table.path, why, row)
            continue
        if spans:
            reading.note(table.path, "a cell over several lines", row)
        try:
            _add(reading, raw, table, row, dict(zip(header, cells, strict=True)), params)
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            reading.set_aside(table.path, str(said), row)


def _check_columns(file: Path, header: list[str], params: Params, table: Table) -> None:
    columns = params.columns.model_dump(exclude_none=True)
    if table.split:
        columns.pop("valid", None)
    asked = {f"columns.{key}": names for key, names in columns.items()} | {"keep": params.keep}
    for key, names in asked.items():
        for name in names if isinstance(names, list) else [names]:
            if name not in header:
                hint = nearest(name, header)
                raise UserError(f"{file}: no column '{name}' (prepare.{key}); {hint}")
            if Counter(header)[name] > 1:
                raise UserError(f"{file}: several columns '{name}' (prepare.{key})")
    y = params.columns.y
    if not (isinstance(y, list) and len(y) == 2 if params.y == "points" else isinstance(y, str)):
        raise UserError("prepare.columns.y: points need two columns, other targets one")


def _add(
    reading: Reading, raw: Path, table: Table, row: int, cells: dict[str, str], params: Params
) -> None:
    """Adds a row.

    Raises:
        ValueError: a cell is not what is expected of it.
    """
    columns = params.columns
    target = _target(cells, params)
    split = table.split or _split(cells, columns)
    time = whole_number(cells[columns.time], columns.time) if columns.time else None
    x = _path(table.images, cells[columns.x])
    if not (raw / x).is_file() and (raw / _path(table.images, cells[columns.x].strip())).is_file():
        x = _path(table.images, cells[columns.x].strip())
        reading.note(table.path, "stray spaces around a file's name", row)
    if Path(x).is_absolute() or x.startswith(".."):
        raise ValueError(f"'{x}' lies outside the raw data")
    if not (raw / x).is_file():
        raise ValueError(f"no file '{x}'")
    group = cells[columns.group].strip() or None if columns.group else None
    at, kept = (table.path, row), {name: cells[name] for name in params.keep}
    reading.add(id=x, x=x, y=target, group=group, time=time, split=split, at=at, kept=kept)


def _path(images: str, name: str) -> str:
    """A picture's path in the raw data: one for each file, however it is written."""
    if "\0" in name or len(name) > 4096:
        raise ValueError("expected a file's name")
    return Path(os.path.normpath(Path(images) / name)).as_posix()


def _target(cells: dict[str, str], params: Params) -> str | list[str] | list[float]:
    names = params.columns.y
    if isinstance(names, list):
        return [number(cells[name], name) for name in names]
    if params.y == "multicategory":
        parts = [part.removeprefix(" ") for part in cells[names].split(params.label_sep)]
        return sorted({part for part in parts if part.strip()})
    if not cells[names].strip():
        raise ValueError(f"its label ('{names}') is empty")
    return cells[names]


def _split(row: dict[str, str], columns: Columns) -> str | None:
    if columns.split:
        part = row[columns.split].strip().lower()
        if part not in {"train", "valid", "test"}:
            raise ValueError(f"expected train, valid or test, got '{part}'")
        return part
    if columns.valid:
        flag = row[columns.valid].strip().lower()
        if flag not in {"true", "false", "1", "0"}:
            raise ValueError(f"expected true or false in '{columns.valid}', got '{flag}'")
        return "valid" if flag in {"true", "1"} else "train"
    return None
