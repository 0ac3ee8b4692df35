"""Checkpoints: all that a training needs to go on to the same bytes, on disk whole or not at all.

A file holds tensors and, as its only metadata, JSON. Its name tells its number and the sha256 of
its content, so that one rename makes it count, and damage is known when it is read.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from onecycle.errors import UserError
from onecycle.faults import point
from onecycle.paths import sweep, write_whole
from onecycle.progress import say

EVERY_S = 30.0  # between two checkpoints; ONECYCLE_CHECKPOINT_S is another, 0 is every step
SHARE = 50  # so many times what the last one cost passes before the next: they take 2 % at most
KEPT = 2  # the newest, and one in case that it is damaged
OTHERS = 3  # recipes of the same problem whose checkpoints are kept beside
HOLDER = "holder"  # the file that tells who trains
SAID = "said"


@dataclass(frozen=True)
class State:
    """What a checkpoint holds.

    Attributes:
        tensors: by name.
        said: all else, as JSON has it.
    """

    tensors: dict[str, Tensor]
    said: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with a prefix, without it."""
        found = {k: v for k, v in self.tensors.items() if k.startswith(prefix)}
        return {name.removeprefix(prefix): value for name, value in found.items()}


class Checkpoints:
    """The checkpoints of one training.

    Args:
        folder: theirs alone; it exists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.every_s = float(os.environ.get("ONECYCLE_CHECKPOINT_S", EVERY_S))
        self._spent = (0.0, 0.0)
        self._begin()

    def _begin(self) -> None:
        self._next = time.monotonic() + self.every_s
        self._began = (time.perf_counter(), time.process_time())

    def due(self) -> bool:
        """Whether it is time for one."""
        return time.monotonic() >= self._next

    def spent(self) -> tuple[float, float]:
        """Seconds that have led here, by the clock and of the CPU, those of killed runs included.

        What they did after their last checkpoint is not.
        """
        now = (time.perf_counter(), time.process_time())
        wall, cpu = (
            before + at - began
            for before, at, began in zip(self._spent, now, self._began, strict=True)
        )
        return wall, cpu

    def write(self, state: State) -> None:
        """Writes one, then removes those that it makes old.

        A disk that has no room for it ends no training: that is said, and what is there stays.
        """
        point("checkpoint begins")
        began = time.monotonic()
        said = state.said | {"spent": self.spent()}
        content = safetensors.torch.save(
            {name: each.detach().contiguous() for name, each in state.tensors.items()},
            metadata={SAID: json.dumps(said)},
        )
        files = self._files()
        number = 1 + (_number(files[-1]) if files else 0)
        name = f"{number:06}-{hashlib.sha256(content).hexdigest()}.safetensors"
        try:
            write_whole(self.folder / name, content, of="checkpoint")
            point("checkpoint kept")
            for old in files[: len(files) + 1 - KEPT]:
                old.unlink()
        except (OSError, UserError) as error:
            say(f"no checkpoint, training goes on: {error}")
        took = time.monotonic() - began
        self._next = time.monotonic() + (self.every_s and max(self.every_s, SHARE * took))

    def newest(self) -> State | None:
        """The newest that is whole, or null; those that are damaged are named and removed.

        What is spent counts from here.
        """
        self._begin()
        for file in reversed(self._files()):
            if _is_whole(file):
                with safetensors.safe_open(file, "pt") as opened:
                    said = json.loads(opened.metadata()[SAID])
                    state = State({name: opened.get_tensor(name) for name in opened.keys()}, said)
                self._spent = tuple(said["spent"])
                return state
            say(f"{file} is damaged: the checkpoint before it is used, if there is one")
            _remove(file)
        return None

    def clear(self) -> None:
        """Removes them all."""
        point("checkpoints go")
        for file in self._files():
            _remove(file)

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors"), key=_number)


def _number(file: Path) -> int:
    return int(file.name.partition("-")[0])


def _is_whole(file: Path) -> bool:
    try:
        return _sha256(file) == file.stem.partition("-")[2]
    except OSError:  # as of a disk that fails
        return False


def _remove(file: Path) -> None:
    """Removes a file; what is learnt does not hang on it."""
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        say(f"can't be removed: {error}")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def opened(folder: Path, others: int = OTHERS) -> Iterator[Checkpoints]:
    """The checkpoints of a training that no other process is in; the folder goes if none are left.

    Where another process trains the same, this waits and says who does. Of other folders beside,
    those that are oldest and that nobody is in are removed. Where the folder can't be made, that is
    said, and nothing is kept.

    Args:
        folder: theirs alone; it is made.
        others: so many folders of the same kind are kept beside it.
    """
    try:
        held = _hold(folder)
    except OSError as error:
        say(f"no checkpoints, training goes on: {error}")
        yield Checkpoints(folder)
        return
    try:
        with suppress(OSError):  # a disk that is full or read-only: it is said when one is written
            sweep(folder)
            who = f"process {os.getpid()} in {Path.cwd()}"
            (folder / HOLDER).write_text(who, encoding="utf-8")
            prune(folder, others)
        yield Checkpoints(folder)
    finally:
        with suppress(OSError):  # some are left
            (folder / HOLDER).unlink(missing_ok=True)
            folder.rmdir()
        os.close(held)


def _hold(folder: Path) -> int:
    """Makes the folder, and holds it alone: a descriptor, with which the kernel lets go of it."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            held = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # whoever held it has just removed it
            continue
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting: {_holder(folder)} trains the same")
            fcntl.flock(held, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(held), folder.stat()):
                return held
        os.close(held)  # whoever held it has removed it


def _holder(folder: Path) -> str:
    with suppress(OSError):
        return (folder / HOLDER).read_text(encoding="utf-8") or "another process"
    return "another process"


def prune(folder: Path, others: int = OTHERS) -> None:
    """Removes folders of the same kind beside this one: all but the newest that nobody is in.

    Args:
        folder: that stays.
        others: how many stay beside it.
    """
    ages: dict[Path, float] = {}
    for each in folder.parent.iterdir():
        with suppress(FileNotFoundError):  # another process prunes too
            if each.suffix == folder.suffix and each.is_dir() and each != folder:
                ages[each] = each.stat().st_mtime
    for old in sorted(ages, key=lambda each: -ages[each])[others:]:
        with suppress(FileNotFoundError):
            _remove_idle(old)


def _remove_idle(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    except BlockingIOError:
        pass
    finally:
        os.close(held)
