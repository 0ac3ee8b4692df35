"""Places where a run can be made to break, for trials of what it survives.

All of it is off unless an environment variable is set:

- `ONECYCLE_FAULT="renaming items.parquet=kill"` ends the process that comes to that place first, by
  SIGKILL; `=ENOSPC`, or another name in `errno`, raises that OSError there instead. A number counts
  passages of a process: `stepped#3=kill` is the third. `*` stands for what no run tells twice, as
  in `renaming 000001-*=kill`.
- `ONECYCLE_FAULTS_PASSED=FILE` appends the name of every place that is passed, a line each: a run
  that is not broken tells all the places where it could be.
"""

import errno
import os
import signal
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

BREAK, PASSED = "ONECYCLE_FAULT", "ONECYCLE_FAULTS_PASSED"

POINTS = {
    "stage begins": "params.yaml is read, nothing is done yet",
    "stage ends": "all outputs are written, DVC knows nothing of them",
    "writing": "a file or folder is begun under its temporary name",
    "syncing": "it is written, the disk may not have it",
    "renaming": "it is whole under its temporary name",
    "renamed": "it has its name",
    "stepped": "a training step is done",
    "epoch ends": "an epoch's steps are done, it is not yet measured",
    "checkpoint begins": "a checkpoint is due, nothing of it is written",
    "checkpoint kept": "a checkpoint is there, older ones are not yet removed",
    "checkpoints go": "the outputs are whole, the checkpoints are about to be removed",
    "running": "DVC is about to run a stage's command",
    "recording": "a stage's command has ended, DVC records what it made",
    "recorded": "dvc.lock tells of it",
}
"""What has come to pass at each place. Some are told apart by a file's or stage's name."""

_passages: Counter[str] = Counter()


def on() -> bool:
    """Whether a trial is under way."""
    return BREAK in os.environ or PASSED in os.environ


def point(name: str, of: str = "") -> None:
    """A place where a run may be broken.

    Args:
        name: one of `POINTS`.
        of: the file or stage that it is about.

    Raises:
        OSError: a trial has asked for it.
    """
    if not on():
        return
    assert name in POINTS, name
    place = f"{name} {of}".strip()
    _passages[place] += 1
    if passed := os.environ.get(PASSED):
        with Path(passed).open("a") as file:
            file.write(f"{place}\n")
    where, _, what = os.environ.get(BREAK, "").rpartition("=")
    if not any(fnmatchcase(it, where) for it in (place, f"{place}#{_passages[place]}")):
        return
    if what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    number = getattr(errno, what)
    raise OSError(number, os.strerror(number))
