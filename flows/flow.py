"""The flow: DVC's graph, a Prefect task run for each stage."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from importlib import import_module
from types import FrameType
from typing import Any, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.runtime import flow_run
from prefect.states import Cancelled, Crashed, Failed

from flows import limits, living, trees
from flows.connection import Connection
from flows.schedule import Schedule, Stage
from flows.shown import notice, publish
from flows.shown.display import Display, console, leave
from flows.shown.floors import Below, Floors, below, check
from flows.stage import GRACE_S, Runner, StageError
from flows.walk import THREADS, await_record, look, slots, summary, walk
from onecycle.errors import UserError
from tasks.problems import change, load

HOOKS = "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS"  # false: Prefect's worker runs them itself
DRAIN_S = 3.0  # what the last events and log lines are given to reach the server


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


@flow(
    name="onecycle",
    task_runner=THREADS,
    persist_result=False,
    on_cancellation=[trees.dropped],
    on_failure=[notice.ended],
    on_crashed=[trees.dropped, living.crashed],
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
    if state.name in ("Skipped", "Refused"):
        return state  # as it says, nothing was started
    if state.is_cancelled() and os.environ.get(HOOKS) == "false":
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
