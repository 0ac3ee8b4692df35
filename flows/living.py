"""Which flow runs have a process: one that was killed would else be *Running* in Prefect for ever.

Each holds a file of its number, `.onecycle/runs/<id>`, which the kernel lets go of when the process
ends, however it ends. The next run in this tree ends those that nobody holds.
"""

import fcntl
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, State, StateType
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Cancelled, Crashed

from flows.shown import notice
from onecycle.paths import home
from onecycle.progress import say

KILLED = "its process was killed; what had completed is kept: run again to go on"
ORPHANED = "its worker was killed, so it ended"
_OPEN = [each for each in StateType if each not in TERMINAL_STATES]
OPEN = TaskRunFilter(state=TaskRunFilterState(type=TaskRunFilterStateType(any_=_OPEN)))
PARENT_S = 1.0  # between two looks whether the worker is there
# How long a run may be so without a process here: a worker has half a minute to end one, and a
# tree is made within seconds.
LATE_S = {StateType.CANCELLING: 60.0, StateType.PENDING: 600.0}
KNOWN_S = 90 * 86400.0  # a run of another server, which is perhaps never asked again


@contextmanager
def known() -> Iterator[None]:
    """Holds the file of the flow run that this is, after ending in Prefect those that were killed.

    An outage of the server is no matter here.
    """
    with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
        sweep(client)
    path = folder() / str(flow_run.id)
    begun = path.with_name(f".{path.name}")
    with begun.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        begun.rename(path)  # nobody sees it unheld
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def cancelled() -> bool:
    """Whether somebody has asked for this flow run's end; not known while the server is away."""
    if not flow_run.id:
        return False
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(flow_run.id).state
    except ObjectNotFound:  # somebody has deleted it
        return True
    except httpx.HTTPError:
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())


def folder() -> Path:
    """Where the files are."""
    found = home() / "runs"
    found.mkdir(parents=True, exist_ok=True)
    return found


def note(lease: str) -> None:
    """Writes down what this run has on loan from the server, to be given back if it is killed."""
    path = folder() / str(flow_run.id)
    if path.exists():
        with path.open("a") as file:
            file.write(f"{lease}\n")


def sweep(client: SyncPrefectClient) -> None:
    """Ends in Prefect the runs that were killed."""
    for path in killed(folder()):
        end(client, path)


@contextmanager
def watched(stop: Callable[[], None]) -> Iterator[threading.Event]:
    """Has a deployment's run stopped when its worker is killed: nobody could cancel it any more.

    Yields:
        What is set then.
    """
    worker, orphaned, over = os.getppid(), threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(PARENT_S):
            if os.getppid() != worker:
                orphaned.set()
                stop()
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield orphaned
    finally:
        over.set()


def killed(folder: Path) -> Iterator[Path]:
    """The files that nobody holds."""
    for path in sorted(folder.glob("[!.]*")):
        with suppress(FileNotFoundError), path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield path


def end(client: SyncPrefectClient, path: Path) -> None:
    """Ends a run in Prefect, with its tasks that have not ended; forgets its file.

    It is *Crashed*, or *Cancelled* where somebody had asked for that.
    """
    number = UUID(path.name)
    try:
        run = client.read_flow_run(number)
    except ObjectNotFound:  # another server's, or somebody has deleted it
        if time.time() - path.stat().st_mtime > KNOWN_S:
            path.unlink()
        return
    if run.state is None or not run.state.is_final():
        finish(client, run)
    elif run.state.is_crashed():  # the server saw that itself, which tells nobody
        notice.ended(None, run, run.state)
    for lease in path.read_text().split():
        client.release_concurrency_slots_with_lease(UUID(lease))
    path.unlink(missing_ok=True)


def crashed(flow: object, flow_run: FlowRun, state: State[Any]) -> None:
    """Tells once of a run that crashed, and gives back what it had if it was killed.

    A hook: a worker that lives calls it of a run that does not, before another run finds the file.
    """
    path = folder() / str(flow_run.id)
    if path in killed(folder()):
        with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
            end(client, path)
    else:
        notice.ended(flow, flow_run, state)


def finish(client: SyncPrefectClient, run: FlowRun) -> None:
    """Ends a run in Prefect that has no process; as `end`."""
    asked = run.state is not None and run.state.is_cancelling()
    state = Cancelled if asked else Crashed
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    while left := client.read_task_runs(flow_run_filter=mine, task_run_filter=OPEN):
        for each in left:  # no more than the server gives at once
            client.set_task_run_state(each.id, state(message=KILLED), force=True)
    client.set_flow_run_state(run.id, state(message=KILLED), force=True)
    say(f"the run {run.name} was killed: in Prefect it is now {state().name}")
    if not asked:
        notice.ended(None, run, state(message=KILLED))


def close(client: SyncPrefectClient, run: FlowRun) -> None:
    """Ends a run that `stuck` has found, and forgets its file if it had one."""
    path = folder() / str(run.id)
    if path.exists():
        end(client, path)
    else:
        finish(client, run)


def stuck(client: SyncPrefectClient) -> Iterator[FlowRun]:
    """The runs in Prefect that have no process here: killed, before they had begun or later."""
    began = FlowRunFilterStateType(any_=[StateType.RUNNING, *LATE_S])
    gone = {path.name for path in killed(folder())}
    held = {path.name for path in folder().glob("[!.]*")} - gone
    asked = FlowRunFilter(state=FlowRunFilterState(type=began))
    for run in client.read_flow_runs(flow_run_filter=asked):
        assert run.state
        age_s = time.time() - run.state.timestamp.timestamp()
        late = age_s > LATE_S.get(run.state.type, math.inf) and str(run.id) not in held
        if late or str(run.id) in gone:
            yield run
