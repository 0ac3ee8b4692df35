"""Runs one stage by DVC: `python -m flows.repro STAGE [--force]`.

It is `dvc --wait-for-lock repro --single-item STAGE`, and four things more. Where DVC gives up on
files that another process holds, this waits. Where a DVC that was killed is still in its list of
such files, or left it half written, this mends it. Where DVC writes dvc.lock in place, so that a
kill may empty it, this replaces it at once. And where DVC would record what the stage's inputs
have become while it ran, this refuses: dvc.lock never pairs new values with an old model.
"""

import argparse
import logging
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dvc import dvcfile
from dvc import stage as dvc_stage
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.repo import Repo
from dvc.rwlock import RWLockFileCorruptedError
from dvc.stage import Stage
from dvc.stage import run as dvc_run
from dvc.utils.serialize import modify_yaml

from flows import rwlock
from flows.stage import DVC, WAITING, Outcome
from onecycle.faults import point
from onecycle.paths import whole
from onecycle.progress import say

BUSY_S = (0.5, 2.0)  # a random time between these passes before a busy stage is tried again


class MovedError(DvcException):  # type: ignore[misc]  # DVC has no types
    """What a stage depends on changed while it ran."""


def main(argv: list[str] | None = None) -> Outcome:
    """Runs the stage that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m flows.repro", description=__doc__)
    parser.add_argument("stage", help="its name in dvc.yaml, such as train@pets")
    parser.add_argument("--force", action="store_true", help="run it though nothing has changed")
    arguments = parser.parse_args(argv)
    for handler in logging.getLogger("dvc").handlers:
        handler.setFormatter(logging.Formatter(f"{DVC}%(message)s"))
    try:
        return run(arguments.stage, force=arguments.force)
    except DvcException as error:
        *_, deepest = (each for each in causes(error) if isinstance(each, DvcException))
        say(f"{DVC}{deepest}")
        return Outcome.FAILED


def run(name: str, *, force: bool) -> Outcome:
    """Runs a stage in the current folder's repository; waits while another process holds it."""
    ran: list[Stage] = []
    run_stage, cmd_run = dvc_stage.run_stage, dvc_run.cmd_run

    def noted(stage: Stage, **kwargs: Any) -> None:  # noqa: ANN401 - DVC has no types
        ran.append(stage)
        point("running", stage.addressing)
        cmd_run(stage, **kwargs)

    dvc_stage.run_stage, dvc_run.cmd_run = partial(guarded, run_stage), noted
    dvcfile.modify_yaml = modify_whole
    try:
        changed = reproduce(name, force=force)
    finally:
        dvc_stage.run_stage, dvc_run.cmd_run = run_stage, cmd_run
        dvcfile.modify_yaml = modify_yaml
    if not changed:
        return Outcome.CACHED
    point("recorded", name)
    return Outcome.COMPLETED if ran else Outcome.RESTORED


def reproduce(name: str, *, force: bool) -> bool:
    """Whether there was something to do; tries again while another process holds the files."""
    told = ""
    while True:
        try:
            with Repo(_wait_for_lock=True) as repo:
                rwlock.drop(repo)
                repo.scm_context.quiet = True  # no advice on `git add`
                return bool(repo.reproduce(name, single_item=True, force=force))
        except DvcException as error:
            if any(isinstance(each, RWLockFileCorruptedError) for each in causes(error)):
                continue
            busy = [holders(each) for each in causes(error) if isinstance(each, LockError)]
            if not busy:
                raise
            if busy[0] != told:
                told = busy[0]
                say(f"{WAITING}{told}")
            time.sleep(random.uniform(*BUSY_S))


def holders(error: LockError) -> str:
    """Who holds what, in a line; DVC names them once for each file."""
    first, *more = str(error).splitlines()
    who = dict.fromkeys(line.strip() for line in more if line.strip().startswith("(PID"))
    return f"{first} {', '.join(who)}; if none is there, {DOCTOR}" if who else str(error)


DOCTOR = "run `python -m flows.doctor`"


@contextmanager
def modify_whole(path: str, fs: Any = None) -> Iterator[Any]:  # noqa: ANN401 - DVC has no types
    """As DVC's own, which changes a file's values, but on a copy that then takes its place."""
    with whole(Path(path)) as partial_file:
        if Path(path).exists():
            shutil.copy(path, partial_file)
        with modify_yaml(partial_file, fs) as values:
            yield values


def guarded(run_stage: Any, stage: Stage, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as above
    """Runs or restores a stage; if its inputs are others afterwards, DVC fails it unrecorded.

    DVC saves its dependencies' hashes after the command. They are compared as they are saved, so
    that there is no moment between the look and the record.
    """
    before = {str(dep): dep.get_hash() for dep in stage.deps}
    run_stage(stage, *args, **kwargs)
    point("recording", stage.addressing)
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
    # The stage's command gets the signal too and ends; DVC then fails in order. Ended at once, it
    # could leave dvc.lock half written. Not SIG_IGN, which the command would inherit.
    signal.signal(signal.SIGTERM, lambda *_: None)
    sys.exit(main())
