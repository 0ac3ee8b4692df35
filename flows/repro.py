"""Runs one stage by DVC: `python -m flows.repro STAGE [--force]`.

It is `dvc --wait-for-lock repro --single-item STAGE`, and two things more. Where DVC gives up on
files that another process holds, this waits. And where DVC would record what the stage's inputs
have become while it ran, this refuses: dvc.lock never pairs new values with an old model.
"""

import argparse
import logging
import random
import sys
import time
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.stage import Stage
from dvc.stage import run as dvc_run

from onecycle.progress import say

WAITING = "waiting: "  # how its word on a stage that another process holds begins
BUSY_S = (0.5, 2.0)  # a random time between these passes before a busy stage is tried again


class Outcome(IntEnum):
    """How a stage ended, as an exit status."""

    COMPLETED = 0
    FAILED = 1
    CACHED = 100  # nothing had changed
    RESTORED = 101  # DVC fetched the outputs of an earlier, equal run


class MovedError(DvcException):  # type: ignore[misc]
    """What a stage depends on changed while it ran."""


def main(argv: list[str] | None = None) -> Outcome:
    """Runs the stage that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m flows.repro", description=__doc__)
    parser.add_argument("stage", help="its name in dvc.yaml, such as train@pets")
    parser.add_argument("--force", action="store_true", help="run it though nothing has changed")
    arguments = parser.parse_args(argv)
    for handler in logging.getLogger("dvc").handlers:
        handler.setFormatter(logging.Formatter("dvc: %(message)s"))
    try:
        return run(arguments.stage, force=arguments.force)
    except DvcException as error:
        *_, deepest = (each for each in causes(error) if isinstance(each, DvcException))
        say(f"dvc: {deepest}")
        return Outcome.FAILED


def run(name: str, *, force: bool) -> Outcome:
    """Runs a stage in the current folder's repository; waits while another process holds it."""
    ran: list[Stage] = []
    plain = dvc_run.cmd_run

    def cmd_run(stage: Stage, **kwargs: Any) -> None:  # noqa: ANN401 - DVC has no types
        ran.append(stage)
        guarded(plain, stage, **kwargs)

    dvc_run.cmd_run = cmd_run
    try:
        while True:
            try:
                with Repo(_wait_for_lock=True) as repo:
                    repo.scm_context.quiet = True  # no advice on `git add`
                    changed = repo.reproduce(name, single_item=True, force=force)
                break
            except DvcException as error:
                busy = [each for each in causes(error) if isinstance(each, LockError)]
                if not busy:
                    raise
                say(f"{WAITING}{str(busy[0]).partition(chr(10))[0]}")
                time.sleep(random.uniform(*BUSY_S))
    finally:
        dvc_run.cmd_run = plain
    if not changed:
        return Outcome.CACHED
    return Outcome.COMPLETED if ran else Outcome.RESTORED


def guarded(cmd_run: Any, stage: Stage, **kwargs: Any) -> None:  # noqa: ANN401 - DVC has no types
    """Runs a stage's command; if its inputs are others afterwards, DVC fails it unrecorded.

    DVC saves its dependencies' hashes after the command. They are compared as they are saved, so
    that there is no moment between the look and the record.
    """
    before = {str(dep): dep.get_hash() for dep in stage.deps}
    cmd_run(stage, **kwargs)
    save = stage.save_deps

    def save_unmoved(allow_missing: bool = False) -> None:
        save(allow_missing)
        moved = [str(dep) for dep in stage.deps if dep.hash_info != before[str(dep)]]
        if moved:
            raise MovedError(
                f"{', '.join(moved)} changed while {stage.addressing} ran, so its outputs are not "
                "recorded; nothing is lost: run it again"
            )

    stage.save_deps = save_unmoved


def causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what led to it."""
    found: BaseException | None = error
    while found:
        yield found
        found = found.__cause__


if __name__ == "__main__":
    sys.exit(main())
