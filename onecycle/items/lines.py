"""Text files read line by line, so that damage stays in its line; and numbers in their cells."""

import csv
import math
import re
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from onecycle.errors import UserError

MAX_LINE = 1 << 20  # characters
MAX_SPAN = 1000  # lines of a quoted cell
MAX_SMALL = 1 << 20  # bytes of a file that is read at once
ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that are not of the encoding


class Line(NamedTuple):
    """A physical line.

    Attributes:
        number: from 1.
        text: without its end.
        wrong: why it can't be used, or "".
    """

    number: int
    text: str
    wrong: str = ""


class Record(NamedTuple):
    """A row of a CSV file.

    Attributes:
        row: the number of its first line.
        cells: its cells, empty where it is wrong.
        wrong: why it can't be used, or "".
        spans: whether a cell of it holds a line break.
    """

    row: int
    cells: list[str]
    wrong: str = ""
    spans: bool = False


def lines_of(file: Path, encoding: str = "utf-8", *, blanks: bool = False) -> Iterator[Line]:
    r"""Yields the lines of a text; they end in `\n`, `\r\n` or `\r`.

    Args:
        file: a regular file.
        encoding: of its text; a byte order mark of UTF-8 goes before it, and is no text.
        blanks: whether blank lines are wanted.

    Raises:
        UserError: the file is UTF-16 or UTF-32.
    """
    with file.open("rb") as raw:
        head = raw.read(4096)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head.count(0) > len(head) / 4:
        raise UserError(f"{file}: looks like UTF-16, expected {encoding}: save it as UTF-8")
    encoding = "utf-8-sig" if head.startswith(b"\xef\xbb\xbf") else encoding
    with file.open(encoding=encoding, errors="surrogateescape") as stream:
        number = 0
        while text := stream.readline(MAX_LINE):
            number += 1
            if len(text) == MAX_LINE and not text.endswith("\n"):
                while (more := stream.readline(MAX_LINE)) and not more.endswith("\n"):
                    pass
                yield Line(number, "", f"is longer than {MAX_LINE:,} characters")
            elif blanks or text.strip():
                yield Line(number, text.rstrip("\n"), _wrong(text))


def _wrong(text: str) -> str:
    if not text.isascii() and ESCAPED.search(text):
        return "holds bytes that are not UTF-8: save the file as UTF-8"
    return "holds a NUL byte" if "\0" in text else ""


def records_of(lines: Iterable[Line]) -> Iterator[Record]:
    """Yields the rows of a CSV file, blank ones left out.

    A quote that is never closed costs its own line alone: what it seems to hold is read again.
    So it is where a cell holds a line break and the row has not as many cells as the first.

    Args:
        lines: a file's, with blank ones.
    """
    source, pending = iter(lines), deque[Line]()
    width = 0
    while line := pending.popleft() if pending else next(source, None):
        if not line.wrong and not line.text.strip():
            continue
        if line.wrong or '"' not in line.text:
            cells = [] if line.wrong else line.text.split(",")
            yield Record(line.number, cells, line.wrong)
            width = width or len(cells)
            continue
        taken = [line]
        try:
            cells = next(csv.reader(_through(taken, pending, source), strict=True))
            if len(taken) > 1 and width and len(cells) != width:
                raise csv.Error("unexpected end of data")
        except csv.Error as error:
            why = str(error)
            pending.extendleft(reversed(taken[1:]))
            open_quote = "unexpected end" in why
            why = "a quote is not closed" if open_quote else f"its quotes do not fit: {why}"
            yield Record(line.number, [], why)
            continue
        width = width or len(cells)
        yield Record(line.number, cells, "", len(taken) > 1)


def _through(taken: list[Line], pending: deque[Line], source: Iterator[Line]) -> Iterator[str]:
    """Yields a line and those after it as far as they are asked for, and puts them in `taken`."""
    yield taken[0].text + "\n"
    while len(taken) < MAX_SPAN:
        line = pending.popleft() if pending else next(source, None)
        if line is None:
            return
        taken.append(line)
        if line.wrong:
            return
        yield line.text + "\n"


def small_text(file: Path) -> str:
    """A small file of ASCII.

    Raises:
        OSError: it is missing, or can't be read.
        ValueError: it is no regular file, is large, or is no ASCII.
    """
    if file.exists() and not file.is_file():
        raise ValueError("is no regular file")
    if file.stat().st_size > MAX_SMALL:
        raise ValueError(f"is larger than {MAX_SMALL:,} bytes")
    return file.read_text(encoding="ascii")


def number(text: str, what: str) -> float:
    """A finite number from a cell.

    Raises:
        ValueError: it is none.
    """
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        raise ValueError(f"expected a number as {what}, got '{text[:50]}'") from None
    if not math.isfinite(value):
        raise ValueError(f"expected a finite {what}, got '{text[:50]}'")
    return value


def whole_number(text: str, what: str) -> int:
    """A whole number of 64 bits from a cell; `12.0` is one.

    Raises:
        ValueError: it is none.
    """
    if found := re.fullmatch(r"\s*([+-]?[0-9]{1,19})(\.0*)?\s*", text):
        value = int(found.group(1))
        if -(2**63) <= value < 2**63:
            return value
    raise ValueError(f"expected a whole number as {what}, got '{text[:50]}'")
