"""Where each stage's files lie, and how they come to lie there: whole or not at all.

Source: DESIGN's table of stages. dvc.yaml names the same paths; a test compares the two.
"""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
def whole(path: Path) -> Iterator[Path]:
    """Gives a temporary sibling of `path` to write a file or folder to; renames it on success.

    When the body raises, the temporary goes and whatever stood at `path` stays as it was. A folder
    that stood there is replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    remove(partial)
    try:
        yield partial
        if path.is_dir():
            shutil.rmtree(path)
        partial.replace(path)
    finally:
        remove(partial)


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


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Writes JSON, whole or not at all; keys keep their order, NaN is refused."""
    with whole(path) as partial:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        partial.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:  # noqa: ANN401 - any JSON value
    """Reads JSON."""
    return json.loads(path.read_text(encoding="utf-8"))
