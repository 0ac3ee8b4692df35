"""Slots of Prefect's global concurrency limits: of the GPU, and one for each problem.

The server lends slots for a time. Whoever has some renews that, through outages too, as long as
it lives; `flows.living` gives back what a run had that was killed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.exceptions import MissingContextError, ObjectAlreadyExists, ObjectNotFound

from flows import living
from flows.stage import Runner, StageError
from onecycle.progress import say

GPU = "gpu"  # every stage takes the first device
PROBLEM = "problem-{}"  # one run of a problem at a time, whichever deployment's
LEASE_S = 300.0  # how long an outage may be, and a slot taken that nobody gave back
RENEW_S = 30.0
SLOT_S = 2.0  # between two looks, while waiting for a slot, whether the run is to end


class TakenError(Exception):
    """Somebody else has a slot, and the run was not to wait for it."""


@contextmanager
def held(names: list[str], runner: Runner, *, wait: bool = True) -> Iterator[bool]:
    """Holds a slot of each limit: of all at once, so that no two wait for each other.

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
    if not names:
        yield False
        return
    lease, waited = wait_for(names, runner, wait=wait)
    over = threading.Event()
    kept = [lease]
    renewing = threading.Thread(target=renew, args=(kept, names, over), daemon=True)
    renewing.start()
    try:
        yield waited
    finally:
        over.set()
        renewing.join()
        give_back(kept[-1])


def wait_for(names: list[str], runner: Runner, *, wait: bool) -> tuple[UUID, bool]:
    """Takes a slot of each limit once it is there; as `held`, with the loan's number."""
    causes: list[str] = []  # of waiting
    while not runner.stopping:
        try:
            with get_client(sync_client=True) as client:
                for name in names:
                    make(client, name)
                lease = take(client, names)
            if lease:
                return lease, bool(causes)
            cause = f"another run has {' or '.join(names)}"
            if not wait:
                raise TakenError(cause)
        except httpx.TransportError:
            cause = "Prefect's server does not answer"
        if cause not in causes:
            causes.append(cause)
            tell(f"waiting: {cause}")
        if living.cancelled():
            runner.stop()
        runner.pause(SLOT_S)
    raise StageError("stopped")


def make(client: SyncPrefectClient, name: str) -> None:
    """Sees to it that a limit exists: without one, there would be no limit."""
    try:
        client.read_global_concurrency_limit_by_name(name)
    except ObjectNotFound:
        limit = GlobalConcurrencyLimitCreate(name=name, limit=1)
        with suppress(ObjectAlreadyExists):  # another has made it meanwhile
            client.create_global_concurrency_limit(limit)


def take(client: SyncPrefectClient, names: list[str]) -> UUID | None:
    """Takes a slot of each limit; gives the loan's number, or null where one has none left."""
    try:
        answer = client.increment_concurrency_slots_with_lease(names, 1, "concurrency", LEASE_S)
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.LOCKED:
            return None
        raise
    lease = UUID(answer.json()["lease_id"])
    living.note(str(lease))
    return lease


def renew(kept: list[UUID], names: list[str], over: threading.Event) -> None:
    """Renews a loan until all is over; one that has run out in a long outage is taken anew.

    Args:
        kept: the loan last, which may become another.
        names: of the limits.
        over: set when it is not needed any more.
    """
    while not over.wait(RENEW_S):
        with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
            try:
                client.renew_concurrency_lease(kept[-1], LEASE_S)
            except httpx.HTTPStatusError as error:
                if error.response.status_code == httpx.codes.GONE:
                    kept += filter(None, [take(client, names)])


def give_back(lease: UUID | None) -> None:
    """Gives slots back; in an outage of the server they are free once the loan has run out."""
    if lease:
        with suppress(httpx.HTTPError), get_client(sync_client=True) as client:
            client.release_concurrency_slots_with_lease(lease)


def tell(text: str) -> None:
    """Says something on the console and in the run's log."""
    say(text)
    with suppress(MissingContextError):
        get_run_logger().info("%s", text)
