"""What every reader gives: the table of examples, and the rows that were set aside."""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from onecycle.errors import UserError
from onecycle.items.columns import Columns
from onecycle.params import Section
from onecycle.tables import COLUMNS, TITLE

IMAGE_SUFFIXES = {
    *(".npy", ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
}
CODE = re.compile("0[0-9]")
Y_TYPES = {
    "category": pa.string(),
    "multicategory": pa.list_(pa.string()),
    "points": pa.list_(pa.float64()),  # x, y in pixels of the file as published
    "rating": pa.float64(),
}


class Resize(Section):
    """What is done to every picture once.

    Attributes:
        size: pixels of a stored picture's short side; null keeps the file's own.
        channels: of a picture: 1 grey, 3 RGB; others as they are, in files such as RGBA PNGs, or
            `.npy` arrays, uint8 [H, W, C].
    """

    size: int | None = Field(256, ge=16)
    channels: int = Field(3, ge=1, le=512)


class ReaderParams(Resize):
    """What all readers share.

    Attributes:
        x: `image`, or `[user, item]`.
        y: the target's block.
        group_map: whom a group shows, where several groups show the same: `{'15': '03'}`, or a CSV
            file inside the raw data with the columns `group` and `person`. Other groups stand for
            themselves.
        max_bad: the share of rows, 0 to 1, that may be quarantined before the stage fails.
    """

    x: Literal["image"] | list[str] = "image"
    y: Literal["category", "multicategory", "points", "rating"]
    group_map: dict[str, str] | str = {}
    max_bad: float = Field(0.02, ge=0, le=1)

    @field_validator("x")
    @classmethod
    def _is_the_readers(cls, x: str | list[str]) -> str | list[str]:
        if x != cls.model_fields["x"].default:
            raise ValueError(f"expected {cls.model_fields['x'].default}, which this reader gives")
        return x


@dataclass
class Reading:
    """The rows that a reader found, good ones and bad ones, as they came.

    `rows` are mappings with the keys of COLUMNS (missing ones are null), maybe `title`, maybe
    `kept`: cells of more columns by name, as text, and maybe `at`: the (file, row) that it stands
    in, else it is x. `Columns` of ratings may stand for them.
    `bad` have `file`, `row` (1 is a file's first line; 0 where the whole file is meant) and
    `reason`; `notes` the same with `note`.
    """

    rows: list[dict[str, Any]] | Columns = field(default_factory=list)
    bad: list[dict[str, Any]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)

    def add(self, **row: Any) -> None:  # noqa: ANN401 - cells of any column
        """Takes a good row.

        Raises:
            TypeError: the rows came as columns.
        """
        if not isinstance(self.rows, list):
            raise TypeError("columns take no row")
        self.rows.append(row)

    def set_aside(self, file: Path | str, reason: str, row: int = 0) -> None:
        """Takes a bad row: it is written to quarantine.parquet, counted and shown."""
        self.bad.append({"file": _text(file), "row": row, "reason": _text(reason)})

    def note(self, file: Path | str, note: str, row: int = 0) -> None:
        """Takes what is odd of a row that stays: written to notes.parquet, counted by its words."""
        self.notes.append({"file": _text(file), "row": row, "note": _text(note)})


def place(row: dict[str, Any]) -> tuple[str, int]:
    """The file and row that a good row stands in."""
    at: tuple[str, int] = row.get("at") or (str(row["x"]), 0)
    return at


def _text(value: Path | str) -> str:
    """What UTF-8 can hold; other bytes of a file's name are written as escapes."""
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def items_table(rows: list[dict[str, Any]] | Columns, y: str, *, pair: bool) -> pa.Table:
    """The items table: `id x y group time split`, sorted by id; its metadata name the target.

    A column `title` follows where the rows have that key, then those that they keep: as numbers
    where all cells are, null where one is empty.

    Args:
        rows: good rows.
        y: the target's block, which decides the type of y.
        pair: whether x is a pair of names (user, item) rather than a file's path in raw.

    Raises:
        UserError: two rows have the same id.
    """
    if isinstance(rows, Columns):
        return rows.table({"target": y})
    rows = sorted(rows, key=lambda row: row["id"])
    for before, after in pairwise(rows):
        if before["id"] == after["id"]:
            raise UserError(f"items: two rows have the id '{after['id']}'; ids must be unique")
    types = [
        pa.string(),
        pa.list_(pa.string()) if pair else pa.string(),
        Y_TYPES[y],
        pa.string(),
        pa.int64(),
        pa.string(),
    ]
    names = COLUMNS + [TITLE] * any(TITLE in row for row in rows)
    cells = {name: [row.get(name) for row in rows] for name in names}
    columns = [
        pa.array(cells[name], kind)
        for name, kind in zip(names, [*types, pa.string()], strict=False)
    ]
    kept = list(rows[0].get("kept", {})) if rows else []
    columns += [_typed([row["kept"][name] for row in rows]) for name in kept]
    return pa.table(columns, names=names + kept, metadata={"target": y})


def _typed(cells: list[str]) -> pa.Array:
    """Cells as whole numbers, as numbers or as text; `007` is a name."""
    texts = pa.array([cell.strip() or None for cell in cells], pa.string())
    if not any(CODE.match(cell.strip()) for cell in cells):
        for kind in (pa.int64(), pa.float64()):
            try:
                return pc.cast(texts, kind)
            except pa.ArrowInvalid:
                continue
    return texts


def quarantine_table(bad: list[dict[str, Any]]) -> pa.Table:
    """The quarantine table: `file row reason`, in the order of file and row."""
    return _findings(bad, "reason")


def notes_table(notes: list[dict[str, Any]]) -> pa.Table:
    """The table of notes: `file row note`, in that order."""
    return _findings(notes, "note")


def _findings(found: list[dict[str, Any]], what: str) -> pa.Table:
    schema = pa.schema([("file", pa.string()), ("row", pa.int64()), (what, pa.string())])
    ordered = sorted(found, key=lambda each: (each["file"], each["row"], each[what]))
    return pa.Table.from_pylist(ordered, schema)
