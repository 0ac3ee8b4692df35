"""The disk that files come to: whether they fit, and who may write them."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from onecycle.errors import UserError
from onecycle.progress import say

SPARE = 256 << 20  # bytes that stay free
BLOCK = 4096  # bytes: what a file takes on a disk is a multiple


def room(path: Path) -> int:
    """The bytes that may be written at `path` before its disk is full but for `SPARE`."""
    return shutil.disk_usage(_there(path)).free - SPARE


def claim(path: Path, size: int) -> None:
    """Checks that so many more bytes fit at `path`, which need not exist.

    Raises:
        UserError: they don't.
    """
    if size > room(path):
        free = room(path) + SPARE
        raise UserError(
            f"{path}: {size:,} bytes are needed, {free:,} are free on its disk, of which "
            f"{SPARE:,} stay free: free some, or move the project to a larger disk"
        )


def _there(path: Path) -> Path:
    """The path or the nearest folder above that exists."""
    return next(each for each in (path, *path.absolute().parents) if each.exists())


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Lets one process after the other in; a holder that dies lets go.

    Args:
        path: what is held. An empty file beside it, `<name>.lock`, stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The kernel frees a flock when its process ends, however it ends.
    with path.with_name(f"{path.name}.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting: another process brings {path.name}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
