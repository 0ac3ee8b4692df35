"""Where each stage's files lie, and how they come to lie there: whole or not at all.

Source: DESIGN's table of stages. dvc.yaml names the same paths; a test compares the two.
"""

import fcntl
import glob
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from onecycle.disks import disk_error, is_of_disk
from onecycle.errors import DamagedError
from onecycle.faults import point

SEAL, BY = "seal", "by sha256 "  # the last key of JSON files that are held to it, and its value
QUEUED = (".dvc", "tmp", "exps")
"""Where DVC clones the working tree for `dvc exp run --queue` and `--temp`."""


@dataclass(frozen=True)
class Paths:
    """The files of one problem, relative to the working tree.

    Args:
        problem: its name in params.yaml.
        root: the working tree's root; tests pass a temporary one.
    """

    problem: str
    root: Path = Path()

    def data(self, name: str = "") -> Path:
        """A file of the data, such as `items.parquet`."""
        return self.root / "data" / self.problem / name

    def model(self, name: str = "") -> Path:
        """A file of the model, such as `lr.json`."""
        return self.root / "models" / self.problem / name

    def report(self, name: str = "") -> Path:
        """A file of the report, such as `metrics.json`."""
        return self.root / "reports" / self.problem / name


def home() -> Path:
    """The main working tree's `.onecycle/`: downloads and other state that is no stage's output.

    Linked worktrees share it, for they share git's common directory. Outside git it lies in the
    current directory.
    """
    return main_tree() / ".onecycle"


def main_tree() -> Path:
    """The main working tree, at which relative paths and file urls in params.yaml start.

    An experiment of DVC's queue runs in a clone below the tree that it was queued in: it is that
    tree's, so that it finds the same archives and downloads nothing again.
    """
    here = Path.cwd()
    for folder in here.parents:
        if folder.parts[-len(QUEUED) :] == QUEUED:
            here = folder.parents[len(QUEUED) - 1]
    command = ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=here)
    except (OSError, subprocess.CalledProcessError):
        return here
    return Path(found.stdout.strip()).parent


@contextmanager
def whole(path: Path, needs: int | None = None, of: str | None = None) -> Iterator[Path]:
    """Gives a temporary sibling of `path` to write a file or folder to; renames it on success.

    When the body raises, the temporary goes and whatever stood at `path` stays as it was. A folder
    that stood there is replaced. A file is on the disk before it takes its name. Temporaries that
    processes left which are no more go too.

    Args:
        path: what is to be.
        needs: its bytes, where they are known.
        of: what a trial calls it; null: its name.

    Raises:
        DiskError: the disk is full, read-only or gone, or may not be written to.
    """
    name = of or path.name
    partial = temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, path.name)
        remove(partial)
        point("writing", name)
        yield partial
        settle(partial, path, name)
    except Exception as error:
        if is_of_disk(error, partial):
            with suppress(OSError):
                needs = needs or getattr(error, "needs", None) or _size(partial)
            raise disk_error(path, error, needs) from error
        raise
    finally:
        with suppress(OSError):  # of a disk that is gone
            remove(partial)


def temporary(path: Path) -> Path:
    """The name under which this process writes what is to be at a path; `sweep` knows it."""
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def settle(partial: Path, path: Path, of: str | None = None) -> None:
    """Gives what was written its name, once the disk has it; `of` is what a trial calls it."""
    name = of or path.name
    point("syncing", name)
    if partial.is_file():
        _sync(partial)
    point("renaming", name)
    _put(partial, path)
    _sync(path.parent)
    point("renamed", name)


def _put(partial: Path, path: Path) -> None:
    """Gives what was written its name; a folder that had it goes only then."""
    if not path.is_dir():
        partial.replace(path)
        return
    old = path.with_name(f".{path.name}.old.{os.getpid()}.partial")
    path.rename(old)
    try:
        partial.rename(path)
    except OSError:
        old.rename(path)
        raise
    remove(old)


def _sync(path: Path) -> None:
    """Waits until the disk has a file, or a folder's list of names."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_whole(path: Path, content: bytes | str, of: str | None = None) -> None:
    """Writes a file, text as UTF-8, whole or not at all."""
    content = content.encode() if isinstance(content, str) else content
    with whole(path, len(content), of) as partial:
        partial.write_bytes(content)


def sweep(folder: Path, name: str = "*") -> None:
    """Removes temporaries of `whole` whose processes are no more.

    Args:
        folder: where they lie.
        name: of the file or folder that was being written; all by default.
    """
    known = name if name == "*" else glob.escape(name)
    # The second are temporaries of a temporary, such as of an archive that is unpacked into one.
    for left in [*folder.glob(f".{known}.*.partial"), *folder.glob(f"..{known}.*.partial")]:
        if is_left_over(left):
            with suppress(OSError):  # another process sweeps too, or it may not be removed
                remove(left)


def is_left_over(path: Path) -> bool:
    """Whether it has the name of a temporary of `whole` whose process is no more."""
    *_, process, kind = path.name.rsplit(".", 2)
    if kind != "partial" or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Waits until no other process is inside; the kernel lets go when a process ends."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def remove(path: Path) -> None:
    """Removes a file, link or folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any, *, sealed: bool = False) -> None:  # noqa: ANN401 - JSON
    """Writes JSON, whole or not at all; keys keep their order, NaN is refused.

    Args:
        path: the file.
        value: any JSON value.
        sealed: whether `seal` is added to an object: a sha256 of all else, to which `read_json`
            holds it.
    """
    if sealed:
        value = {**value, SEAL: _seal(value)}
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """Reads JSON, without its seal.

    Raises:
        DamagedError: it is no JSON, or not what its seal says.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedError(path, f"no JSON: {error}") from None
    if isinstance(found, dict) and found:
        last = next(reversed(found.values()))
        sealed = SEAL in found or str(last).startswith(BY)  # either may be what is damaged
        if sealed and found.pop(SEAL, None) != _seal(found):
            raise DamagedError(path, f"not what its `{SEAL}` says")
    return found


def _seal(value: dict[str, Any]) -> str:
    """A sha256 of an object as JSON, which neither its layout nor lone surrogates change."""
    return BY + hashlib.sha256(json.dumps(value).encode()).hexdigest()


def sha256(file: Path) -> str:
    """Of a file's content, read once as long as it does not change."""
    stamp = file.stat()
    return _hashed(file.resolve(), stamp.st_mtime_ns, stamp.st_size)


@cache
def _hashed(file: Path, mtime_ns: int, size: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
