"""A stage as a Prefect task: its log lines, its progress, its slot of the GPU, its state."""

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpx
from prefect import get_run_logger, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.client.schemas.objects import State
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectException
from prefect.states import Cancelled, Completed, Failed

from flows import cuda, publish
from flows.display import Display
from flows.schedule import Stage, Work
from flows.stage import DVC, OWN, WAITING, Outcome, Runner, StageError
from onecycle import progress

GPU = "gpu"  # the name of Prefect's global concurrency limit: every stage takes the first device
LEASE_S = 60.0  # a slot whose holder died is free again after this time
SLOT_S = 2.0  # between two looks, while waiting for a slot, whether the run is to end
PROGRESS_S = 2.0  # between two updates of a stage's progress in the UI
RETRY_S = 3.0  # before a stage is tried again
WORDS = {
    Outcome.CACHED: "nothing that it depends on has changed",
    Outcome.RESTORED: "DVC fetched the outputs of an earlier, equal run",
}


@task(cache_policy=NO_CACHE, persist_result=False, retry_delay_seconds=RETRY_S)
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
            outcome = runner.run(stage.name, line, stage.meta.get("timeout", math.inf))
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
    """Holds a slot of the GPU where dvc.yaml says that the stage uses one and there is one.

    An outage of the server does not end the stage; a slot whose holder died frees itself.
    """
    slot = ExitStack()
    if stage.meta.get("gpu") and cuda.devices():
        make_gpu_limit()
        take(slot, runner)
    try:
        yield
    finally:
        with suppress(httpx.HTTPError, PrefectException):
            slot.close()


def take(slot: ExitStack, runner: Runner) -> None:
    """Waits for a slot of the GPU.

    Raises:
        StageError: the run is to end.
    """
    while not runner.stopping:
        with suppress(TimeoutError):
            slot.enter_context(
                concurrency(
                    GPU,
                    strict=True,
                    timeout_seconds=SLOT_S,
                    lease_duration=LEASE_S,
                    raise_on_lease_renewal_failure=False,
                )
            )
            return
    raise StageError("stopped")


def make_gpu_limit() -> None:
    """Sees to it that the limit exists: without one, there would be no limit."""
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(GPU)
        except ObjectNotFound:
            limit = GlobalConcurrencyLimitCreate(name=GPU, limit=1)
            with suppress(ObjectAlreadyExists):  # another stage has made it meanwhile
                client.create_global_concurrency_limit(limit)
