"""Slots of Prefect's global concurrency limits: of the GPU, and one for each problem."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import (
    MissingContextError,
    ObjectAlreadyExists,
    ObjectNotFound,
    PrefectException,
)

from flows import living
from flows.stage import Runner, StageError
from onecycle.progress import say

GPU = "gpu"  # every stage takes the first device
PROBLEM = "problem-{}"  # one run of a problem at a time, whichever deployment's
LEASE_S = 60.0  # a slot whose holder died is free again after this time
SLOT_S = 2.0  # between two looks, while waiting for a slot, whether the run is to end


class TakenError(Exception):
    """Somebody else has a slot, and the run was not to wait for it."""


@contextmanager
def held(names: list[str], runner: Runner, *, wait: bool = True) -> Iterator[bool]:
    """Holds a slot of each limit, of all at once, so that no two wait for each other.

    An outage of the server does not end the run; a slot whose holder died frees itself.

    Args:
        names: of the limits, which are made where they are missing.
        runner: of the run; when it is stopped, waiting ends.
        wait: false to give up when another has one.

    Yields:
        Whether there was somebody to wait for.

    Raises:
        StageError: the run is to end.
        TakenError: another has one, and `wait` is false.
    """
    for name in names:
        make(name)
    slot = ExitStack()
    waited = bool(names) and take(slot, names, runner, wait=wait)
    try:
        yield waited
    finally:
        with suppress(httpx.HTTPError, PrefectException):
            slot.close()


def take(slot: ExitStack, names: list[str], runner: Runner, *, wait: bool) -> bool:
    """Takes the slots; as `held`, which says whether somebody had one of them."""
    waited = False
    while not runner.stopping:
        with suppress(TimeoutError):
            slot.enter_context(
                concurrency(
                    names,
                    strict=True,
                    timeout_seconds=SLOT_S,
                    lease_duration=LEASE_S,
                    raise_on_lease_renewal_failure=False,
                )
            )
            return waited
        if living.cancelled():
            runner.stop()
        if not wait:
            raise TakenError(f"another run has {', '.join(names)}")
        if not waited:
            waited = True
            said = f"waiting for another run, which has {' or '.join(names)}"
            say(said)
            with suppress(MissingContextError):  # outside of a run there is no log
                get_run_logger().info("%s", said)
    raise StageError("stopped")


def make(name: str) -> None:
    """Sees to it that a limit exists: without one, there would be no limit."""
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(name)
        except ObjectNotFound:
            limit = GlobalConcurrencyLimitCreate(name=name, limit=1)
            with suppress(ObjectAlreadyExists):  # another has made it meanwhile
                client.create_global_concurrency_limit(limit)
