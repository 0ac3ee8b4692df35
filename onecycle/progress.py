"""Progress: a live bar in a terminal, a plain line every few seconds elsewhere.

Such a line reads `what: 1,200 of 5,000`, with or without more words; `told` reads it again.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, TypeVar

from onecycle.foreign import shown

PLAIN_EVERY_S = 5.0
MB = 10**6  # bytes
T = TypeVar("T")  # 3.11 has no `def track[T]`


def say(text: str) -> None:
    """Prints text at once, so that logs keep their order; nothing in it steers a terminal."""
    _print(shown(text), sys.stdout)


def complain(error: object) -> None:
    """Prints a user's mistake, and what to do about it, to stderr."""
    _print(shown(f"error: {error}"), sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    """Prints; where whoever reads it has ended, what is done goes on, and nobody is told."""
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        with Path(os.devnull).open("w") as nobody:
            os.dup2(nobody.fileno(), stream.fileno())


def _is_live() -> bool:
    """Whether stdout is a terminal that can redraw a line; in others rich would show nothing."""
    return sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def track(items: Iterable[T], what: str, total: int | None = None, done: int = 0) -> Iterator[T]:
    """Yields `items`, telling how far it has come.

    Args:
        items: anything iterable.
        what: the name shown beside the count.
        total: how many there are, if `items` has no length; with those done before.
        done: how many that is.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if _is_live():
        from rich.markup import escape
        from rich.progress import track as rich_track

        shown = rich_track(
            items, description=escape(what), total=total, completed=done, transient=True
        )
        yield from shown
        return
    last = time.monotonic()
    for at, item in enumerate(items, done):
        if time.monotonic() - last >= PLAIN_EVERY_S:
            last = time.monotonic()
            say(f"{what}: {at:,} of {total:,}" if total else f"{what}: {at:,}")
        yield item


@contextmanager
def transfer(what: str, total: int | None, done: int = 0) -> Iterator[Callable[[int], None]]:
    """Gives a function to call with each number of bytes that passed; tells total, rate and time.

    Args:
        what: the name shown beside the count.
        total: how many bytes there are, if that is known.
        done: how many of them had passed before.
    """
    if _is_live():
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        name = TextColumn("{task.description}", markup=False)
        columns = (
            name,
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, transient=True) as bars:
            bar = bars.add_task(what, total=total, completed=done)
            yield lambda count: bars.advance(bar, count)
        return
    began = last = time.monotonic()
    passed = 0

    def tell(count: int) -> None:
        nonlocal last, passed
        passed += count
        now = time.monotonic()
        if now - last >= PLAIN_EVERY_S:
            last = now
            say(f"{what}: {_bytes(done + passed, total, passed / (now - began))}")

    yield tell


def _bytes(done: int, total: int | None, rate: float) -> str:
    """How far a transfer is, in MB, at a rate in bytes per second."""
    speed = f"MB, {rate / MB:,.1f} MB/s"
    if total is None:
        return f"{done // MB:,} {speed}"
    left = f", {(total - done) / rate:,.0f} s left" if rate else ""
    return f"{done // MB:,} of {-(-total // MB):,} {speed}{left}"


def told(line: str) -> float | None:
    """The share that is done, from 0 to 1, as a plain line tells it; None of any other line."""
    found = re.match(r"[^:]+: (?:\w+ )?(\d[\d,]*) of (\d[\d,]*)\b", line)
    if not found:
        return None
    done, total = (int(text.replace(",", "")) for text in found.groups())
    return done / total if 0 <= done <= total and total else None
