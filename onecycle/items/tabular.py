"""Tables of pictures: a CSV file with a row for each, such as fast.ai's `pascal_2007/train.csv`."""

import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from onecycle.errors import UserError
from onecycle.items.table import ReaderParams, Reading
from onecycle.params import Section, nearest


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
    """

    reader: Literal["table"]
    tables: list[Table] = Field(min_length=1)
    columns: Columns = Columns()
    y: Literal["category", "multicategory", "points"]
    label_sep: str = Field(" ", min_length=1)


def read(raw: Path, params: Params) -> Reading:
    """Reads every row of every table.

    Raises:
        UserError: a file is missing or empty, or lacks a column.
    """
    reading = Reading()
    for table in params.tables:
        file = raw / table.path
        for number, row in rows_of(file, reading, raw):
            if number == 0:
                _check_columns(file, list(row), params, table)
            else:
                _add(reading, raw, table, number, row, params)
    return reading


def rows_of(file: Path, reading: Reading, raw: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yields a CSV file's header as row 0, then (line number, cells by column) of each row.

    A row with too few or too many cells is set aside in `reading`.

    Raises:
        UserError: the file is missing, empty, or no CSV in UTF-8.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file; prepare.tables names it inside the raw data")
    with file.open(encoding="utf-8-sig", newline="") as stream:
        lines = csv.reader(stream)
        header = next(cells_of(file, lines), None)
        if not header:
            raise UserError(f"{file}: is empty; expected a header row")
        yield 0, dict.fromkeys(header, "")
        for cells in cells_of(file, lines):
            if len(cells) == len(header):
                yield lines.line_num, dict(zip(header, cells, strict=True))
            elif cells:
                reason = f"expected {len(header)} cells, found {len(cells)}"
                reading.set_aside(file.relative_to(raw), reason, lines.line_num)


def cells_of(file: Path, lines: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yields the cells of each row; what can't be read so is the user's to mend."""
    try:
        yield from lines
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{file}: expected a CSV file in UTF-8: {error}") from None


def _check_columns(file: Path, header: list[str], params: Params, table: Table) -> None:
    asked = params.columns.model_dump(exclude_none=True)
    if table.split:
        asked.pop("valid", None)
    for key, names in asked.items():
        for name in names if isinstance(names, list) else [names]:
            if name not in header:
                hint = nearest(name, header)
                raise UserError(f"{file}: no column '{name}' (prepare.columns.{key}); {hint}")
    y = params.columns.y
    if not (isinstance(y, list) and len(y) == 2 if params.y == "points" else isinstance(y, str)):
        raise UserError("prepare.columns.y: points need two columns, other targets one")


def _add(
    reading: Reading, raw: Path, table: Table, number: int, row: dict[str, str], params: Params
) -> None:
    columns = params.columns
    try:
        target = _target(row, params)
        split = table.split or _split(row, columns)
        time = int(row[columns.time]) if columns.time else None
    except ValueError as error:
        reading.set_aside(table.path, str(error), number)
        return
    x = (Path(table.images) / row[columns.x]).as_posix()
    if Path(x).is_absolute() or os.path.normpath(x).startswith(".."):
        reading.set_aside(table.path, f"'{x}' lies outside the raw data", number)
        return
    if not (raw / x).is_file():
        reading.set_aside(table.path, f"no file '{x}'", number)
        return
    group = row[columns.group].strip() or None if columns.group else None
    reading.add(id=x, x=x, y=target, group=group, time=time, split=split)


def _target(row: dict[str, str], params: Params) -> str | list[str] | list[float]:
    names = params.columns.y
    if isinstance(names, list):
        point = [float(row[name]) for name in names]
        if not all(map(math.isfinite, point)):
            raise ValueError(f"expected finite numbers, got {point}")
        return point
    cell = row[names].strip()
    if params.y == "multicategory":
        return sorted({part.strip() for part in cell.split(params.label_sep)} - {""})
    if not cell:
        raise ValueError(f"its label ('{names}') is empty")
    return cell


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
