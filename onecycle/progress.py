"""Progress: a live bar in a terminal, a plain line every few seconds elsewhere.

Such a line reads `what: 1,200 of 5,000`, with or without more words; `told` reads it again.
"""

import re
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from onecycle.foreign import shown

PLAIN_EVERY_S = 5.0
T = TypeVar("T")  # 3.11 has no `def track[T]`


def say(text: str) -> None:
    """Prints text at once, so that logs keep their order; nothing in it steers a terminal."""
    print(shown(text), flush=True)  # noqa: T201 - the one place that prints


def complain(error: object) -> None:
    """Prints a user's mistake, and what to do about it, to stderr."""
    print(shown(f"error: {error}"), file=sys.stderr, flush=True)  # noqa: T201 - as above


def track(items: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yields `items`, telling how far it has come.

    Args:
        items: anything iterable.
        what: the name shown beside the count.
        total: how many there are, if `items` has no length.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    if sys.stdout.isatty():
        from rich.progress import track as rich_track

        yield from rich_track(items, description=what, total=total, transient=True)
        return
    last = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last >= PLAIN_EVERY_S:
            last = time.monotonic()
            say(f"{what}: {done:,} of {total:,}" if total else f"{what}: {done:,}")
        yield item


def told(line: str) -> float | None:
    """The share that is done, from 0 to 1, as a plain line tells it; None of any other line."""
    found = re.match(r"[^:]+: (?:\w+ )?(\d[\d,]*) of (\d[\d,]*)\b", line)
    if not found:
        return None
    done, total = (int(text.replace(",", "")) for text in found.groups())
    return done / total if 0 <= done <= total and total else None
