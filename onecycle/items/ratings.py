"""Ratings: lines of user, item, rating and time, such as MovieLens' `u.data`."""

import csv
import math
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from onecycle.errors import UserError
from onecycle.items.table import ReaderParams, Reading


class Params(ReaderParams):
    """How to read ratings. An item's id in the table is `user/item`.

    Attributes:
        path: the file, inside the raw data, without a header.
        sep: what stands between its cells.
        columns: what its cells are, in order; `user`, `item` and `rating` must be among them.
        group: the ratings of a user belong together, or null.
    """

    reader: Literal["ratings"]
    path: str = "ml-100k/u.data"
    sep: str = Field("\t", min_length=1, max_length=1)
    columns: list[Literal["user", "item", "rating", "time"]] = ["user", "item", "rating", "time"]
    x: list[str] = ["user", "item"]
    y: Literal["rating"] = "rating"
    group: Literal["user"] | None = None
    size: None = None

    @field_validator("columns")
    @classmethod
    def _names_each_once(cls, columns: list[str]) -> list[str]:
        if not {"user", "item", "rating"} <= set(columns) or len(set(columns)) != len(columns):
            raise ValueError("expected user, item and rating among the columns, each once")
        return columns


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
    with file.open(encoding="latin-1", newline="") as stream:
        for row, cells in enumerate(
            csv.reader(stream, delimiter=params.sep, quoting=csv.QUOTE_NONE), start=1
        ):
            try:
                _add(reading, row, cells, params, first_row)
            except ValueError as error:
                reading.set_aside(params.path, str(error), row)
    return reading


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
    rating = float(cell["rating"])
    if not math.isfinite(rating):
        raise ValueError(f"expected a finite rating, got '{cell['rating']}'")
    pair = cell["user"].strip(), cell["item"].strip()
    if not all(pair):
        raise ValueError("its user or its item is empty")
    time = int(cell["time"]) if "time" in cell else None
    first = first_row.setdefault(pair, row)
    if first != row:
        raise ValueError(f"user {pair[0]} rated item {pair[1]} already in row {first}")
    reading.add(
        id="/".join(pair),
        x=list(pair),
        y=rating,
        group=pair[0] if params.group else None,
        time=time,
    )
