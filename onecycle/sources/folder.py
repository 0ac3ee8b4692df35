"""A local folder as a source: copied, with nothing in it that stands for something elsewhere."""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from onecycle.disks import FULL, number_of
from onecycle.errors import UserError
from onecycle.progress import track
from onecycle.sources.fetch.disk import BLOCK, claim


def copy_folder(folder: Path, target: Path) -> None:
    """Copies a folder's files; modes and times are not kept.

    A link to a file within the folder becomes that file. All is looked at before anything is
    copied.

    Args:
        folder: what to copy.
        target: where to; not there yet.

    Raises:
        UserError: it holds a link that leaves it, leads to a folder or to nothing, a device, pipe
            or socket, or a name that is no UTF-8; or it can't be read, or doesn't fit.
    """
    try:
        found = list(_entries(folder.resolve()))
        claim(target, sum(-(-size // BLOCK) * BLOCK for _, size in found if size is not None))
        target.mkdir(parents=True)
        for path, size in track(found, f"copy {folder.name}"):
            copy = target / path.relative_to(folder.resolve())
            if size is None:
                copy.mkdir()
            else:
                shutil.copyfile(path, copy)
    except OSError as error:
        if number_of(error) in FULL:  # the copy's disk, of which who makes it tells
            raise
        raise UserError(f"{folder}: download.folder can't be copied: {error}") from error


def _entries(folder: Path) -> Iterator[tuple[Path, int | None]]:
    """All that is in a folder, outer before inner: paths, and sizes in bytes of files."""

    def fail(error: OSError) -> None:
        raise error

    for here, folders, files in os.walk(folder, onerror=fail):
        for name in sorted([*folders, *files]):
            path = Path(here, name)
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                size = None
            elif stat.S_ISREG(mode):
                size = path.stat().st_size
            else:
                size = _linked(folder, path, mode)
            try:
                name.encode()
            except UnicodeEncodeError:
                raise _refusal(path, "its name is no UTF-8", "rename it") from None
            yield path, size


def _linked(folder: Path, path: Path, mode: int) -> int:
    """The size of the file that a link within the folder leads to; refuses all else."""
    if not stat.S_ISLNK(mode):
        raise _refusal(path, "is a device, pipe or socket", "move it elsewhere")
    try:
        to = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise _refusal(path, f"links to nothing ({path.readlink()})", "remove it") from None
    if not (to.is_relative_to(folder) and to.is_file()):
        why = f"links to {path.readlink()}, which is no file within the folder"
        raise _refusal(path, why, "put what it leads to in its place: `cp -rL FOLDER COPY`")
    return to.stat().st_size


def _refusal(path: Path, why: str, remedy: str) -> UserError:
    """The error that names a path in the folder."""
    return UserError(f"{str(path)!r}: {why}: expected files and folders alone; {remedy}")
