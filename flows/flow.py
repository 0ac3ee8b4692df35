"""The flow: DVC's graph, a Prefect task run for each stage."""

import os
import queue
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import chain
from types import FrameType
from typing import Any, Literal

import httpx
from prefect import allow_failure, flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, State
from prefect.events.worker import EventsWorker
from prefect.futures import PrefectFuture
from prefect.logging.handlers import APILogWorker
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Crashed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows import limits, living, notice, publish, trees
from flows.connection import Connection
from flows.display import Display, console, leave
from flows.floors import Below, Floors, below, check
from flows.schedule import Schedule, Stage, Work
from flows.stage import GRACE_S, Runner, StageError
from flows.task import run_stage
from onecycle.errors import UserError
from tasks.problems import change, load

LOOK_S = 2.0  # between two looks whether the run was cancelled in the UI
DRAIN_S = 3.0  # what the last events and log lines are given to reach the server
RECORDED_S = 10.0  # what the server is given to record how the tasks ended


@dataclass(frozen=True)
class Ready:
    """What a run in place has ready before Prefect calls the flow.

    Attributes:
        stages: of the graph.
        brief: whether the server ends with the run.
    """

    stages: list[Stage]
    brief: bool


READY: ContextVar[Ready | None] = ContextVar("ready", default=None)  # none: a deployment's run


# Prefect types a runner by the futures of any task; its own thread pool is none such.
@flow(
    name="onecycle",
    task_runner=ThreadPoolTaskRunner(),  # type: ignore[arg-type]
    persist_result=False,
    on_cancellation=[trees.dropped],
    on_failure=[notice.ended],
    on_crashed=[trees.dropped, notice.ended],
)
def onecycle(
    problems: list[str] | None = None,
    settings: list[str] | None = None,
    force: bool = False,
    refresh: bool = False,
    grace_s: float = GRACE_S,
    collision: Literal["queue", "skip"] = "queue",
    budget_s: float | None = None,
    floors: dict[str, dict[str, float]] | None = None,
) -> State[Any]:
    """Runs dvc.yaml's graph, a task run for each stage.

    A deployment's run works in a git worktree of its own, at the last commit; what it made is
    kept as an experiment of DVC that has the run's name.

    Args:
        problems: those that run; none: those that params.yaml names.
        settings: written into params.yaml first, each KEY=VALUE or @FILE.
        force: run every stage though nothing has changed.
        refresh: verify downloads again, for DVC does not see a source change by itself.
        grace_s: seconds that a stage which is stopped has to end in order.
        collision: whether it waits when another run has one of its problems, or is skipped.
        budget_s: seconds of stages, added up, beyond which none is started; none: any.
        floors: the worst value of metrics, by problem and metric; a worse one sends a notice.
    """
    ready = READY.get()
    runner = Runner(grace_s=grace_s, patient=not ready)
    with ExitStack() as stack:
        stack.enter_context(living.known())
        stack.enter_context(stopped_by_signals(runner))
        tree = stack.enter_context(trees.closed())
        orphaned = stack.enter_context(living.watched(runner.stop)) if not ready else None
        state = attempt(runner, problems, settings, force, refresh, collision, budget_s, floors)
        if orphaned and orphaned.is_set():
            state = Crashed(message=f"{living.ORPHANED}: {state.message}")
        return kept(tree, state) if tree else state


def attempt(
    runner: Runner,
    problems: list[str] | None,
    settings: list[str] | None,
    force: bool,
    refresh: bool,
    collision: str,
    budget_s: float | None,
    floors: Floors | None,
) -> State[Any]:
    """Runs the graph once no other run has one of its problems; as the flow."""
    ready = READY.get()
    brief = bool(ready and ready.brief)
    try:
        if not ready:
            change(named(problems, settings))
        names = [] if brief else [limits.PROBLEM.format(name) for name in load().run]
        with limits.held(names, runner, wait=collision == "queue") as waited:
            stages = ready.stages if ready and not waited else graph()
            runner.forced = forced(stages, force=force, refresh=refresh)
            return follow(stages, runner, brief=brief, budget_s=budget_s, floors=floors)
    except UserError as error:
        return Failed(message=str(error))
    except limits.TakenError as error:
        return Cancelled(name="Skipped", message=f"{error}; this was to be skipped then")
    except StageError as error:
        return Cancelled(message=str(error))


def run(read: Callable[[], list[Stage]], server: Connection, **asked: Any) -> State[Any]:  # noqa: ANN401 - the flow's
    """Runs the flow in the current folder's repository, whose params.yaml has the settings.

    Args:
        read: gives the graph's stages.
        server: which may still start; what can be done before it answers is done before.
        asked: the flow's parameters.

    Returns:
        The flow run's final state, when the server knows all of it; one that ends with the run has
        then recorded it, another does so within seconds.
    """
    import_module("prefect.flow_engine")  # Prefect would import it when the flow is called
    READY.set(Ready(read(), server.brief))
    server.ready()
    with drained():
        state: State[Any] = onecycle(**asked, return_state=True)
    return state


def kept(tree: trees.Tree, state: State[Any]) -> State[Any]:
    """The state of a run in a tree of its own, once what it made is kept."""
    if state.is_cancelled() and os.environ.get("PREFECT__WORKER_ID"):
        tree.hooked = living.cancelled()  # the worker looks there for hooks, one of which drops it
    try:
        said = trees.keep(tree, str(flow_run.name), completed=state.is_completed())
    except UserError as error:
        return Failed(message=f"{state.message}\n{error}")
    return state.model_copy(update={"message": f"{state.message}\n{said}"})


def named(problems: list[str] | None, settings: list[str] | None) -> list[str]:
    """The settings with one for the problems that run."""
    return [*(settings or []), *([f"run=[{','.join(problems)}]"] if problems else [])]


def graph() -> list[Stage]:
    """As `flows.graph.read`; DVC takes long to import, and few runs need it here."""
    from flows import graph

    return graph.read()


@contextmanager
def drained() -> Iterator[None]:
    """Sends what Prefect has still to send of a flow, but does not wait long."""
    try:
        yield
    finally:
        for worker in (EventsWorker, APILogWorker):
            worker.drain_all(timeout=DRAIN_S)


def forced(stages: list[Stage], *, force: bool, refresh: bool) -> set[str]:
    """The stages that run though nothing has changed; `run` says what the options mean."""
    return {each.name for each in stages if force or (refresh and each.task == "download")}


def follow(
    stages: list[Stage],
    runner: Runner,
    *,
    brief: bool,
    budget_s: float | None = None,
    floors: Floors | None = None,
) -> State[Any]:
    """The flow's body: runs the stages, publishes the scores, says how it went.

    Args:
        stages: in DVC's order.
        runner: runs them.
        brief: whether the server ends with the run.
        budget_s: as the flow's.
        floors: likewise.

    Raises:
        UserError: a problem or metric that has a floor is not known.
    """
    check(floors)
    if refusal := runner.costs.limit(budget_s, stages, runner.forced):
        return Failed(name="Refused", message=refusal)
    stages = [replace(each, clean=each.clean and each.name not in runner.forced) for each in stages]
    schedule, out = Schedule(stages, slots(load().threads), look), console()
    with Display(len(stages), out) as display:
        try:
            states = walk(schedule, runner, display)
        except BaseException:
            runner.stop()
            raise
    worse: list[Below] = []
    if not runner.stopping:
        measured = [each for each in stages if each.task == "evaluate"]
        complete = [each.problem for each in measured if states[each.name].is_completed()]
        anew = [each for each in complete if states[f"evaluate@{each}"].name != "Cached"]
        publish.scores(complete, anew, out)
        with publish.told("no metric is held to its floor", out):
            worse = below(complete, floors)
    publish.costs(runner.costs, states, out)
    notice.below(worse)
    if brief:
        await_record(len(states))
    return summary(states, worse)


def look(name: str) -> bool:
    """As `flows.graph.look`; DVC takes long to import, and few runs need it here."""
    from flows import graph

    return graph.look(name)


def slots(threads: int) -> int:
    """How many stages of so many threads may run at once on the cores that this process has."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, (own or 1) // threads)


@contextmanager
def stopped_by_signals(runner: Runner) -> Iterator[None]:
    """Ctrl-C and SIGTERM stop the stages, with time to end in order; a second one all at once.

    Without this process the supervisors end the stages, so that it may go at any time.
    """
    told = False  # by a signal: a run that is cancelled in the UI gets one from its worker too

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal told
        if told:
            runner.kill()
            leave(128 + number)
        told = True
        runner.stop()

    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


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
