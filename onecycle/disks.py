"""Disks that are full, read-only or gone: which errors tell of them, and how they are told."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from onecycle.errors import DiskError

REMEDY = {
    errno.ENOSPC: "free some, or move the project to a larger disk",
    errno.EDQUOT: "free some, or have the quota raised",
    errno.EFBIG: "the system allows no file as large here (see `ulimit -f`)",
    errno.EROFS: "its disk is read-only: mount it anew, or move the project",
    errno.EACCES: "allow this user to write there",
    errno.EPERM: "allow this user to write there",
}
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}  # only writing meets these
GONE = {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN}


def number_of(error: BaseException) -> int | None:
    """The system's number for what went wrong; libraries in Rust tell it in words only."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    told = re.search(r"os error (\d+)|\[Errno (\d+)\]", str(error))
    return int(told.group(1) or told.group(2)) if told else None


def is_of_disk(error: Exception, partial: Path) -> bool:
    """Whether an error tells of the place that is written to, not of what is read meanwhile.

    Args:
        error: that came while it was written.
        partial: the file or folder.
    """
    if isinstance(error, DiskError):  # of a file in this folder
        return True
    number = number_of(error)
    if number in FULL:
        return True
    if isinstance(error, OSError) and number is None:  # pandas' own
        return not partial.parent.exists()
    where = str(getattr(error, "filename", None) or "")
    here = bool(where) and (where.startswith(str(partial)) or partial.is_relative_to(where))
    if number == errno.ENOENT:
        return here or not partial.parent.exists()
    return here or not where if number in GONE else here and number in REMEDY


def disk_error(path: Path, error: BaseException, needs: int | None) -> DiskError:
    """What is told of a path that could not be written.

    Args:
        path: the path.
        error: what the system or a library said.
        needs: bytes, or those that were written before; null: not known.
    """
    cause = error
    while isinstance(cause, DiskError) and cause.__cause__:
        cause = cause.__cause__
    number = number_of(cause)
    gone = number is None or number == errno.ENOENT
    said = "its folder has vanished" if gone else os.strerror(number or 0)
    room = f"{needs:,} bytes or more are needed" if needs else "its size is not known"
    with suppress(OSError):
        there = next(each for each in path.absolute().parents if each.exists())
        room += f", {shutil.disk_usage(there).free:,} are free on its disk"
    remedy = REMEDY.get(number or 0, "see whether its disk is there and whole, then run again")
    told = f"{path}: cannot be written ({said}): {room}; {remedy}; nothing half written is left"
    return DiskError(told, needs)


@contextmanager
def telling(path: Path, needs: int | None = None, *, reads: bool = False) -> Iterator[None]:
    """Tells of a path that is written to otherwise than by `whole`.

    Args:
        path: what is told.
        needs: its bytes, where they are known.
        reads: whether files elsewhere are read meanwhile: what may be of them stays as it is.

    Raises:
        DiskError: the disk is full, read-only or failing, or may not be written to.
    """
    try:
        yield
    except OSError as error:
        if number_of(error) in (FULL if reads else {*REMEDY, *GONE}):
            raise disk_error(path, error, needs) from error
        raise
