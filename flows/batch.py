"""The flow of a batch prediction: one stage, which `python -m tasks predict` does."""

import argparse
import re
import sys
from contextlib import ExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows import living
from flows.connection import Connection
from flows.flow import drained, stopped_by_signals
from flows.schedule import Schedule, Stage
from flows.shown import notice
from flows.shown.display import Display, console
from flows.shown.publish import costs, told
from flows.stage import Runner
from flows.walk import THREADS, await_record, summary, walk
from onecycle.errors import UserError
from onecycle.foreign import one_line
from onecycle.paths import read_json
from onecycle.predict.batch import histograms_of

MOST = 500  # labels that the table shows
FEW = 100  # inputs that the flow run's parameters show: Prefect's server takes 512 KB of them


class Predictor(Runner):
    """Runs a prediction in place of a stage.

    Args:
        given: the arguments of `python -m tasks predict`.
    """

    def __init__(self, given: list[str]) -> None:
        super().__init__()
        self.given = given

    def command(self, _: str) -> list[str]:
        """The prediction."""
        return [sys.executable, "-m", "tasks", "predict", *self.given]

    def alone(self, _: str) -> str:
        """The same outside of Prefect; there may be too many arguments to repeat."""
        return "python -m tasks predict …"


@dataclass(frozen=True)
class Ready:
    """What a run in place has ready before Prefect calls the flow.

    Attributes:
        given: the arguments of `python -m tasks predict`.
        brief: whether the server ends with the run.
    """

    given: list[str]
    brief: bool


READY: ContextVar[Ready | None] = ContextVar("ready", default=None)  # none: a deployment's run


@flow(
    name="onecycle-predict",
    task_runner=THREADS,
    persist_result=False,
    on_failure=[notice.ended],
    on_crashed=[living.crashed],
)
def onecycle_predict(
    model: str, inputs: list[str], out: str, options: list[str] | None = None
) -> State[Any]:
    """Answers for new inputs by a model, as `python -m tasks predict` does, in the main tree.

    Args:
        model: the folder of the model, such as `models/pets`, or its name: `pets@production`.
        inputs: files, folders, patterns.
        out: the table that is written, `.csv` or `.parquet`; an unfinished one is gone on with.
        options: more of that command's options.
    """
    ready = READY.get()
    with living.known():
        if ready:
            return follow(Path(model), Path(out), ready.given, brief=ready.brief)
        try:
            folder = named(model)
        except UserError as error:
            return Failed(message=str(error))
        given = [str(folder), *inputs, "-o", out, *(options or [])]
        return follow(folder, Path(out), given, brief=False)


def named(model: str) -> Path:
    """The folder of a model, which may be asked for by a name such as `pets@production`.

    Raises:
        UserError: no model has that name, or it can't be had.
    """
    if "@" not in model:
        return Path(model)
    from flows.versions import registry  # here: DVC and GTO are slow to import

    return registry.named(model) or Path(model)


def run(arguments: argparse.Namespace, given: list[str], server: Connection) -> State[Any]:
    """Predicts as a flow.

    Args:
        arguments: the command line, read.
        given: the same, as it was given.
        server: which may still start.

    Returns:
        The flow run's final state.
    """
    import_module("prefect.flow_engine")
    READY.set(Ready(given, server.brief))
    server.ready()
    with drained():
        state: State[Any] = onecycle_predict(
            arguments.model, brief(arguments.inputs), arguments.out, return_state=True
        )
    return state


def brief(inputs: list[str]) -> list[str]:
    """The first inputs, and how many more there are."""
    more = len(inputs) - FEW
    return [*inputs[:FEW], f"and {more:,} more"] if more > 0 else inputs


def follow(model: Path, out: Path, given: list[str], *, brief: bool) -> State[Any]:
    """The flow's body: predicts, and publishes what was counted."""
    name = re.sub("[^a-z0-9]+", "-", model.resolve().name.lower()).strip("-") or "model"
    stage = Stage(f"predict@{name}", meta={"gpu": True})
    schedule, runner = Schedule([stage], 1, lambda _: False), Predictor(given)
    with ExitStack() as stack:
        display = stack.enter_context(Display(1, console()))
        stack.enter_context(stopped_by_signals(runner))
        if not READY.get():
            stack.enter_context(living.watched(runner.stop))
        try:
            states = walk(schedule, runner, display)
        except BaseException:
            runner.stop()
            raise
    if states[stage.name].is_completed():
        with told("what was answered is not in Prefect", console()):
            counted = read_json(histograms_of(out))
            create_table_artifact(rows(counted), key=f"predictions-{name}", description=out.name)
    costs(runner.costs, states, console())
    if brief:
        await_record(len(states))
    return summary(states)


def rows(counted: dict[str, Any]) -> list[dict[str, Any]]:
    """What was counted, as a table: rows, those without an answer and why, labels."""
    answered = counted["rows"] - counted["errors"]
    found = [{"what": "rows", "count": counted["rows"]}, {"what": "answered", "count": answered}]
    found += [{"what": one_line(why), "count": n} for why, n in counted["reasons"].items()]
    labels = counted["scores"].get("labels", {})
    often = sorted(labels.items(), key=lambda each: (-each[1], each[0]))
    return found + [{"what": f"label: {one_line(name)}", "count": n} for name, n in often[:MOST]]
