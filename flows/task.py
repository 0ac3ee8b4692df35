"""A stage as a Prefect task: its log lines, its progress, its slot of the GPU, its state."""

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import httpx
from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.states import Cancelled, Completed, Failed

from flows import cuda, limits
from flows.schedule import Stage, Work
from flows.shown import publish
from flows.shown.display import Display
from flows.stage import DVC, OWN, WAITING, Outcome, Runner, StageError
from onecycle import progress

PROGRESS_S = 2.0  # between two updates of a stage's progress in the UI
RETRY_S = 300.0  # before a stage is tried again: it has itself tried for a while
HEALS = re.compile(r"\(tried \d+ times\)")  # what a download says that may go well later
WORDS = {
    Outcome.CACHED: "nothing that it depends on has changed",
    Outcome.RESTORED: "DVC fetched the outputs of an earlier, equal run",
}


@task(cache_policy=NO_CACHE, persist_result=False)
def run_stage(stage: Stage, work: Work, runner: Runner, display: Display) -> State[Any]:
    """Runs a stage, unless there is nothing to do."""
    if work == "cached":
        return Completed(name="Cached", message=WORDS[Outcome.CACHED])
    if work == "skipped":
        return Cancelled(name="Skipped", message="a stage that it needs did not complete")
    logger, follow = get_run_logger(), Progress(stage)
    said = ""

    def line(text: str) -> None:
        nonlocal said
        if not text.startswith((DVC, WAITING)):
            said = text
        if not text.startswith(DVC):
            display.line(stage.name, text)
        if text.startswith(OWN):
            logger.error("%s", text)
        else:
            logger.info("%s", text)
            follow.line(text)

    try:
        with gpu_slot(stage, runner):
            display.start(stage.name)
            if refusal := runner.costs.claim(stage):
                raise StageError(refusal)
            timeout_s = stage.meta.get("timeout", math.inf)
            attempt = partial(runner.run, stage.name, line, timeout_s)
            outcome = attempts(stage, attempt, runner, logger.warning)
    except StageError as error:
        state = Cancelled if runner.stopping else Failed
        return state(message=str(error))
    finally:
        display.took(stage.name, runner.costs.memory(stage.name))
    follow.done()
    publish.curve(stage)
    said = WORDS.get(outcome, said)
    return Completed(name=outcome.name.capitalize(), message=said)


class Progress:
    """A stage's progress in the UI, made from the lines that it prints."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.updated = stage, 0.0
        self.artifact: Any = None  # its id

    def line(self, text: str) -> None:
        """Shows what a line tells of progress, but not too often."""
        share = progress.told(text)
        if share is not None and time.monotonic() - self.updated > PROGRESS_S:
            self._show(100 * share, text)

    def done(self) -> None:
        """The stage has ended well."""
        if self.artifact:
            self._show(100.0, f"{self.stage.name} has ended")

    def _show(self, percent: float, text: str) -> None:
        self.updated = time.monotonic()
        with suppress(httpx.HTTPError, PrefectException):  # an outage must not end the stage
            if self.artifact is None:
                key = f"progress-{self.stage.name}".replace("@", "-").replace("_", "-")
                self.artifact = create_progress_artifact(percent, key=key, description=text)
            else:
                update_progress_artifact(self.artifact, percent, description=text)


@contextmanager
def gpu_slot(stage: Stage, runner: Runner) -> Iterator[None]:
    """Holds a slot of the GPU where dvc.yaml says that the stage uses one and there is one."""
    if stage.meta.get("gpu") and cuda.devices():
        with limits.held([limits.GPU], runner):
            yield
    else:
        yield


def attempts(
    stage: Stage, attempt: Callable[[], Outcome], runner: Runner, tell: Callable[[str], None]
) -> Outcome:
    """Runs a stage; tries again what may heal, as often as dvc.yaml says, where nobody waits.

    Raises:
        StageError: it failed, took too long, or was stopped.
    """
    for _ in range(stage.meta.get("retries", 0) if runner.patient else 0):
        try:
            return attempt()
        except StageError as error:
            if runner.stopping or not HEALS.search(str(error)):
                raise
            tell(f"{error}; tried again in {RETRY_S:,.0f} s")
        if runner.pause(RETRY_S):
            break
    return attempt()
