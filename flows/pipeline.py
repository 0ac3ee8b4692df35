"""Runs the graph under Prefect: `python -m flows.pipeline`, `make run`.

It runs what params.yaml's `run:` names, shows it, and ends with a table of scores. `--problems` and
`--set` write params.yaml, as `dvc exp run -S` does.
"""

import argparse
import gc
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType

from flows import connection, private, server, trees
from flows.schedule import Stage
from flows.shown.display import leave
from flows.stage import GRACE_S
from onecycle.errors import UserError
from onecycle.progress import complain, say

ISOLATED = "--isolated"
QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}  # the display tells it better


def main(argv: list[str] | None = None) -> int:
    """Runs the flow; status 0 if every stage completed.

    What takes seconds goes on side by side: the server's start, DVC's look at the graph, imports.
    """
    arguments = parser().parse_args(argv)
    if arguments.isolated:
        return isolate(sys.argv[1:] if argv is None else argv)
    with trees.closed() as tree:  # of a run that ends before its flow begins
        return go(arguments, KEPT if tree else NEXT)


def go(arguments: argparse.Namespace, advice: str) -> int:
    """Runs the flow in the current folder; as `main`, with what to do when it has completed."""
    began = time.monotonic()
    signal.signal(signal.SIGTERM, ended)
    problems = arguments.problems.split(",") if arguments.problems else None
    named = [f"run=[{arguments.problems}]"] if arguments.problems else []
    settings = [*arguments.settings, *named]
    try:
        with suppress(OSError):  # of a disk that can't be written, others tell in better words
            private.settle()
        with ThreadPoolExecutor(1) as beside, connection.connected(lost) as connected:
            # Behind a run that has the database, or with settings, the graph will be another.
            begun = dict(os.environ)  # a copy: a process must not start from what is being changed
            early = None if settings or connected.brief else beside.submit(read, begun)
            gc.disable()  # what is imported stays: to look through it at each step takes .3 s
            from tasks.problems import change, load

            # What is wrong is told at once, whoever is waited for.
            change(settings, write=False) if settings else load()
            floors = checked(arguments.floors)
            connected.point()
            for line in change(settings) if settings else []:
                say(f"params.yaml: {line}")
            stages = early or beside.submit(read, begun)
            os.environ.update(QUIET | os.environ)
            from flows import flow

            gc.freeze()
            gc.enable()
            state = flow.run(
                stages.result,
                connected,
                problems=problems,
                settings=arguments.settings,
                force=arguments.force,
                refresh=arguments.refresh,
                grace_s=arguments.grace_s,
                collision=arguments.collision,
                budget_s=arguments.budget_s,
                floors=floors,
            )
    except UserError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130
    say(f"{state.name} in {time.monotonic() - began:,.0f} s: {state.message}")
    say(advice if state.is_completed() else AGAIN)
    return 0 if state.is_completed() else 130 if state.is_cancelled() else 1


def isolate(argv: list[str]) -> int:
    """Goes on as the same command in a working tree of its own."""
    try:
        tree = trees.begin(f"{time.strftime('%Y-%m-%d-%H-%M-%S')}-{os.getpid()}", os.getpid())
    except UserError as error:
        complain(error)
        return 1
    say(f"runs in {tree}, on the last commit")
    rest = [re.sub("^(--set=)?@(?!/)", rf"\1@{Path.cwd()}/", each) for each in argv]
    rest.remove(ISOLATED)
    os.chdir(tree)
    os.execv(sys.executable, [sys.executable, "-m", "flows.pipeline", *rest])


NEXT = """Next: open a report; `make ui` shows this run in a browser; your own data is a block in
params.yaml, see README.md; `git add dvc.lock params.yaml` keeps what led to these models."""
KEPT = "Next: open a report; `dvc exp apply` with the experiment's name brings it into this tree"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m flows.pipeline",
        description=__doc__,
        allow_abbrev=False,  # what runs isolated is given the same words again, but for that one
    )
    top.add_argument("--problems", help="the problems that run from now on, as in pets,biwi")
    top.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE or @FILE",
        help="write a value, or merge a YAML file, into params.yaml; may be given more than once",
    )
    top.add_argument(
        ISOLATED,
        action="store_true",
        help="run in a git worktree of its own, at the last commit; what it makes is kept as an "
        "experiment of DVC",
    )
    top.add_argument(
        "--collision",
        choices=["queue", "skip"],
        default="queue",
        help="what to do while another run has one of the problems (default %(default)s)",
    )
    top.add_argument("--force", action="store_true", help="run stages though nothing has changed")
    top.add_argument("--refresh", action="store_true", help="verify the downloads again")
    top.add_argument(
        "--grace-s",
        type=float,
        default=GRACE_S,
        metavar="SECONDS",
        help="what a stage has to end in order, with a checkpoint, when the run is stopped by "
        "Ctrl-C, SIGTERM or in the UI; a second Ctrl-C ends all at once (default %(default)g)",
    )
    top.add_argument(
        "--budget-s",
        type=float,
        metavar="SECONDS",
        help="of stages, added up: none is started that goes beyond it by what it took last time",
    )
    top.add_argument(
        "--floor",
        dest="floors",
        action="append",
        default=[],
        metavar="PROBLEM.METRIC=VALUE",
        help="say so, and send a notice, where the metric is worse; may be given more than once",
    )
    return top


def checked(given: list[str]) -> dict[str, dict[str, float]] | None:
    """The floors of the command line, if any; a wrong one is told at once."""
    if not given:
        return None
    from flows.shown import floors

    found = floors.parsed(given)
    floors.check(found)
    return found


def read(environment: Mapping[str, str]) -> list[Stage]:
    """The graph, as a process of its own reads it: two cores are quicker than one.

    Args:
        environment: of that process; this one's own may be changed by another thread meanwhile,
            and a process that starts just then ends in `Bad address`.
    """
    command = [sys.executable, "-m", "flows.graph"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=environment)
    if done.returncode:
        raise UserError(f"flows.graph ended with status {done.returncode}: run again")
    found = json.loads(done.stdout.splitlines()[-1])
    if isinstance(found, str):
        raise UserError(found)
    return [Stage(**each | {"needs": tuple(each["needs"])}) for each in found]


AGAIN = "What had completed is kept: run again to go on."


def lost() -> None:
    """The run's own server has ended: nothing can be reported any more, so the run ends.

    Without its stdin each stage's supervisor stops it.
    """
    log = server.state() / "server.log"
    complain(f"Prefect's server ended, see {log}; run again to go on")
    leave(1)


def ended(number: int, frame: FrameType | None) -> None:
    """Ends as on Ctrl-C, before the flow and after it."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    # All is sent and the server may be gone: Prefect's threads have nothing to wait for any more.
    leave(main())
