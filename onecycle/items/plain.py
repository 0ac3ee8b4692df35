"""Tables as text, read in columns: the lines that are plainly good, and which are not.

A line is plain if it holds printable ASCII alone and as many cells as it should. What such a cell
says is asked once for each text that occurs; every other line is left to who reads row by row.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv

from onecycle.items.columns import Columns
from onecycle.items.lines import MAX_LINE

BLOCK = 1 << 24  # characters that are read at once
UNIT = "\x1f"  # stands for a separator of several characters: ASCII's own for cells
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass
class Found:
    """Good ratings, in the order in which they are found; not yet looked for repetitions.

    Attributes:
        users: names and their places.
        items: likewise.
        blocks: row, user, item, rating and time of many.
        rows: the same, each an array of 64-bit numbers to which one is added at a time.
    """

    users: dict[str, int] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    blocks: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    rows: tuple[Any, ...] = field(default_factory=lambda: tuple(array(kind) for kind in "qqqdq"))

    def add(self, row: int, user: str, item: str, rating: float, time: int | None) -> None:
        """Takes one."""
        place = self.users.setdefault(user, len(self.users))
        of_item = self.items.setdefault(item, len(self.items))
        for column, cell in zip(self.rows, (row, place, of_item, rating, time or 0), strict=True):
            column.append(cell)

    def columns(self, file: str) -> Columns:
        """All, sorted by row, of a file."""
        kinds = (np.int64, np.int32, np.int32, np.float64, np.int64)
        one_by_one = [np.frombuffer(each, each.typecode) for each in self.rows]
        parts = zip(*self.blocks, one_by_one, strict=True)
        row, user, item, rating, time = (
            np.concatenate(part).astype(kind, copy=False)
            for part, kind in zip(parts, kinds, strict=True)
        )
        self.blocks.clear()
        if len(self.rows[0]):
            order = np.argsort(row, kind="stable")
            row, user, item, rating, time = (
                each[order] for each in (row, user, item, rating, time)
            )
        return Columns(file, row, user, item, rating, time, list(self.users), list(self.items))


def holds_quotes(file: Path) -> bool:
    """Whether a file holds a double quote."""
    with file.open("rb") as raw:
        return any(b'"' in block for block in iter(lambda: raw.read(BLOCK), b""))


def blocks_of(file: Path) -> Iterator[tuple[int, bytes]]:
    r"""Yields whole lines, each ended by `\n`, and the number of the first.

    Lines end as in `onecycle.items.lines`; one that is longer than is allowed may be cut, but not
    below that.
    """
    number, rest = 1, b""
    with file.open(encoding="latin-1") as stream:  # a byte is a character, whatever it means
        while text := stream.read(BLOCK):
            data = rest + text.encode("latin-1")
            end = data.rfind(b"\n") + 1
            rest = data[end : end + MAX_LINE]
            if end:
                yield number, data[:end]
                number += data.count(b"\n")
    if rest:
        yield number, rest + b"\n"


def plain_lines(data: bytes, sep: str, names: Sequence[str]) -> tuple[Bools, pa.Table]:
    """Which lines of a block are plain, bool [lines], and their cells as text.

    Args:
        data: whole lines.
        sep: what stands between cells.
        names: of the columns.

    Returns:
        The mask, and a table of dictionary-encoded columns; `time` is plain text.
    """
    if not (sep == "\t" or (sep.isascii() and sep.isprintable())):
        return np.zeros(data.count(b"\n"), dtype=bool), _parsed(b"", sep, names)
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(codes == ord("\n"))
    strange = (codes < 32) | (codes > 126)
    strange[ends] = False
    if sep == "\t":
        strange &= codes != ord(sep)
    plain = np.diff(ends, prepend=-1) <= MAX_LINE
    plain[np.searchsorted(ends, np.flatnonzero(strange))] = False
    if len(sep) > 1:
        data, sep = data.replace(sep.encode(), UNIT.encode()), UNIT
        codes = np.frombuffer(data, np.uint8)
        ends = np.flatnonzero(codes == ord("\n"))
    seps = np.searchsorted(np.flatnonzero(codes == ord(sep)), ends)
    plain &= np.diff(seps, prepend=0) == len(names) - 1
    if not plain.all():
        data = codes[np.repeat(plain, np.diff(ends, prepend=-1))].tobytes()
    return plain, _parsed(data, sep, names)


def _parsed(data: bytes, sep: str, names: Sequence[str]) -> pa.Table:
    coded = pa.dictionary(pa.int32(), pa.string())
    types = {name: pa.string() if name == "time" else coded for name in names}
    if not data:
        return pa.table({name: pa.array([], kind) for name, kind in types.items()})
    table = csv.read_csv(
        pa.py_buffer(data),
        csv.ReadOptions(use_threads=False, block_size=len(data), column_names=list(names)),
        csv.ParseOptions(delimiter=sep, quote_char=False, ignore_empty_lines=False),
        csv.ConvertOptions(column_types=types, strings_can_be_null=False),
    )
    return table.unify_dictionaries().combine_chunks()


def said(column: pa.ChunkedArray, say: Callable[[str], float]) -> NDArray[np.float64]:
    """What each cell says, float64 [N]; NaN where `say` raises ValueError.

    Args:
        column: dictionary-encoded; each text of it is asked for once.
        say: from a text to a number.
    """
    coded = _one(column)

    def tried(text: str) -> float:
        try:
            return say(text)
        except ValueError:
            return np.nan

    values = np.array([tried(text) for text in coded.dictionary.to_pylist()], dtype=np.float64)
    found: NDArray[np.float64] = values[coded.indices.to_numpy()]
    return found


def places(column: pa.ChunkedArray, known: dict[str, int]) -> NDArray[np.int32]:
    """The place of each name among those known, int32 [N]; -1 for an empty one.

    Args:
        column: dictionary-encoded; spaces about a name are none of it.
        known: names and their places; new ones are added.
    """
    coded = _one(column)
    names = [text.strip() for text in coded.dictionary.to_pylist()]
    of = [known.setdefault(name, len(known)) if name else -1 for name in names]
    found: NDArray[np.int32] = np.array(of, dtype=np.int32)[coded.indices.to_numpy()]
    return found


def whole_numbers(column: pa.ChunkedArray) -> tuple[Bools, Ints]:
    """Which cells are of digits alone, bool [N], and what they say, int64 [N]."""
    digits = pc.match_substring_regex(column, "^[0-9]{1,18}$")
    values = pc.if_else(digits, column, "0").cast(pa.int64())
    return digits.to_numpy(), values.to_numpy()


def _one(column: pa.ChunkedArray) -> pa.DictionaryArray:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
