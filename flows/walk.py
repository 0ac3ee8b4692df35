"""The walk over the graph in a flow run: a Prefect task run for each stage, and how all ended."""

import os
import queue
import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from typing import Any

import httpx
from prefect import allow_failure
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, State
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import living
from flows.schedule import Schedule, Stage, Work
from flows.shown.display import Display
from flows.shown.floors import Below
from flows.stage import Runner
from flows.task import run_stage

# Prefect types a runner by the futures of any task; its own thread pool is none such.
THREADS: Any = ThreadPoolTaskRunner()
LOOK_S = 2.0  # between two looks whether the run was cancelled in the UI
RECORDED_S = 10.0  # what the server is given to record how the tasks ended


def look(name: str) -> bool:
    """As `flows.graph.look`; DVC takes long to import, and few runs need it here."""
    from flows import graph

    return graph.look(name)


def slots(threads: int) -> int:
    """How many stages of so many threads may run at once on the cores that this process has."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (own or 1) // threads)


def walk(schedule: Schedule, runner: Runner, display: Display) -> dict[str, State[Any]]:
    """Submits the stages as the schedule hands them out.

    Returns:
        Each stage's final state, by name.
    """
    futures: dict[str, PrefectFuture[Any]] = {}
    edges: dict[str, list[PrefectFuture[Any]]] = {}  # what a stage's followers follow
    states: dict[str, State[Any]] = {}
    ended: queue.SimpleQueue[str] = queue.SimpleQueue()
    looked = time.monotonic()
    while not schedule.over:
        for stage, work in schedule.ready():
            before = list(chain.from_iterable(edges[need] for need in stage.needs))
            future = submit(stage, work, before, runner, display)
            futures[stage.name] = future
            edges[stage.name] = before
            # mypy infers no lambda that has a default, and without it all would put the last name.
            future.add_done_callback(lambda _, name=stage.name: ended.put(name))  # type: ignore[misc]
        try:
            name = ended.get(timeout=LOOK_S)
        except queue.Empty:
            pass
        else:
            futures[name].wait()
            states[name] = state = futures[name].state
            if not state.is_cancelled():  # after such a one Prefect lets no task begin
                edges[name] = [futures[name]]
            schedule.end(name, completed=state.is_completed())
            display.end(name, str(state.name), str(state.message or ""))
        if time.monotonic() - looked > LOOK_S:
            looked = time.monotonic()
            if living.cancelled():
                runner.stop()
    return states


def submit(
    stage: Stage, work: Work, needs: list[PrefectFuture[Any]], runner: Runner, display: Display
) -> PrefectFuture[Any]:
    """Starts a stage's task run, named as the stage; `needs` are the edges that Prefect draws."""
    named: Any = run_stage.with_options(  # Prefect types submit for literal arguments only
        name=stage.task,
        task_run_name=stage.name,
    )
    future: PrefectFuture[Any] = named.submit(
        stage, work, runner, display, wait_for=[allow_failure(need) for need in needs]
    )
    return future


def await_record(tasks: int) -> None:
    """Waits until the server has recorded how all tasks ended: it learns that by events, later."""
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run.id]))
    ended = TaskRunFilterStateType(any_=list(TERMINAL_STATES))
    final = TaskRunFilter(state=TaskRunFilterState(type=ended))
    end = time.monotonic() + RECORDED_S
    with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
        while time.monotonic() < end and not client.read_task_runs(
            flow_run_filter=mine, task_run_filter=final, offset=tasks - 1, limit=1
        ):
            time.sleep(0.05)


def summary(states: dict[str, State[Any]], worse: Iterable[Below] = ()) -> State[Any]:
    """The flow run's state: how its stages ended, on lines of their own why one failed.

    So are the metrics that are worse than their floors.
    """
    names = [str(state.name) for state in states.values()]
    counts = ", ".join(f"{names.count(name)} {name.lower()}" for name in dict.fromkeys(names))
    failed = {name: it for name, it in states.items() if it.is_failed() or it.is_crashed()}
    if failed:
        causes = [f"{name}: {state.message}" for name, state in failed.items()]
        return Failed(message="\n".join([counts, *causes, *map(str, worse)]))
    completed = all(state.is_completed() for state in states.values())
    message = "\n".join([counts, *map(str, worse)])
    return Completed(message=message) if completed else Cancelled(message=message)
