"""How a run finds Prefect's server: one of somebody else's, that of `make ui`, or one of its own.

A run needs a server. `connected` finds the one that PREFECT_API_URL names, else the one that
`make ui` started in this tree, else it starts one that lives as long as the run.
"""

import fcntl
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO

from flows import supervisor
from flows.server import DATABASE, login, state
from onecycle.errors import UserError
from onecycle.progress import say

STARTS_WITHIN_S = 300.0  # a new database takes half a minute on two cores
WAIT_S = 2.0  # for one answer
POLL_S = 0.05
GRACE_S = 3.0


@dataclass(frozen=True)
class Connection:
    """To a server.

    Attributes:
        point: points Prefect at it, which must not be imported before; waits while another run has
            the database.
        ready: returns when it answers; what can be done before need not wait.
        brief: whether it ends with the run.
    """

    point: Callable[[], None]
    ready: Callable[[], None]
    brief: bool


@contextmanager
def connected(lost: Callable[[], None]) -> Iterator[Connection]:
    """Finds or starts a server; ends the one it started.

    Args:
        lost: called in another thread if a server that was started here ends by itself.

    Yields:
        The connection, while the server may still start.

    Raises:
        UserError: the server does not start.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    given, shared = os.environ.get("PREFECT_API_URL"), ui_server()
    if given:
        yield Connection(lambda: None, lambda: expect(given), brief=False)
    elif shared:
        say(f"shown at {shared}")
        absent = f"`make ui` at {shared} does not answer: stop it"
        ready = partial(wait_for, shared, absent)
        yield Connection(partial(point_at, shared), ready, brief=False)
    else:
        with own_server(lost) as connection:
            yield connection


@contextmanager
def own_server(lost: Callable[[], None]) -> Iterator[Connection]:
    """A server for this process only."""
    folder = state()
    fresh = not (folder / "prefect.db").exists() and DATABASE not in os.environ
    command = [sys.executable, "-m", "flows.server", "--for-run"]
    ending = threading.Event()
    url = ""
    with (folder / "server.log").open("a") as words:
        process = supervisor.start(command, GRACE_S, stderr=words)
    assert process.stdout
    lines = process.stdout

    def watch() -> None:
        process.wait()
        if not ending.is_set():
            supervisor.end(process)
            lost()

    def point() -> None:
        nonlocal url
        if fresh:
            say("making Prefect's database: half a minute, once")
        url = address_said(lines)
        point_at(url)

    def ready() -> None:
        wait_for(url, NOT_STARTED.format(folder / "server.log"), process)
        threading.Thread(target=watch, daemon=True).start()

    try:
        yield Connection(point, ready, brief=True)
    finally:
        ending.set()
        supervisor.end(process)


def address_said(lines: IO[str]) -> str:
    """Reads a starting server's lines up to its address; passes on the others."""
    for line in lines:
        if line.startswith("http"):
            return line.strip()
        say(line.strip())
    raise UserError(NOT_STARTED.format(state() / "server.log"))


NOT_STARTED = "Prefect's server did not start; its own words are in {}"


def point_at(url: str) -> None:
    """Makes Prefect, when it is imported, speak to one of this tree's servers."""
    os.environ["PREFECT_HOME"] = str(state())
    os.environ["PREFECT_API_URL"] = f"{url}/api"
    os.environ["PREFECT_API_AUTH_STRING"] = login()
    for name in ("no_proxy", "NO_PROXY"):  # a proxy knows nothing of this machine's 127.0.0.1
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1"]))


def ui_server() -> str | None:
    """The address of the server that `make ui` started in this tree; one that ended is none."""
    address = state() / "url"
    with (state() / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return address.read_text() if address.exists() else None
    return None


def wait_for(url: str, otherwise: str, process: subprocess.Popen[str] | None = None) -> None:
    """Waits until a server of this tree, which may just have been started, answers.

    Args:
        url: its address.
        otherwise: what to tell if it does not.
        process: it, if it was started here.

    Raises:
        UserError: it has ended, or does not answer in time.
    """
    end = time.monotonic() + STARTS_WITHIN_S
    while not answers(f"{url}/api", direct=True):
        if (process and process.poll() is not None) or time.monotonic() > end:
            raise UserError(otherwise)
        time.sleep(POLL_S)


def expect(url: str) -> None:
    """Says so if nobody is where PREFECT_API_URL points."""
    if not answers(url, direct=False):
        raise UserError(
            f"PREFECT_API_URL: no server answers at {url}; start it, or unset the variable to have "
            "a server for this run"
        )


def answers(url: str, *, direct: bool) -> bool:
    """Whether an API is up, asked without the proxies of the environment or with them."""
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if direct else []))
    try:
        with opener.open(f"{url}/health", timeout=WAIT_S):
            return True
    except urllib.error.HTTPError:
        return True  # it may ask for a login first
    except OSError:
        return False
