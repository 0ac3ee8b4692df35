"""Prefect's server, on this machine only and behind a login: `python -m flows.server`, `make ui`.

A run needs a server. `connected` finds the one that PREFECT_API_URL names, else the one that
`make ui` started in this tree, else it starts one that lives as long as the run. All of this tree's
servers keep their runs in one database, `.onecycle/prefect/`, and only one serves it at a time.
"""

import argparse
import fcntl
import gc
import os
import secrets
import signal
import socket
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
from pathlib import Path
from typing import IO

from flows import supervisor
from onecycle.errors import UserError
from onecycle.paths import home, whole
from onecycle.progress import complain, say

UI_PORT = 4200  # Prefect's own default
STARTS_WITHIN_S = 300.0  # a new database takes half a minute on two cores
WAIT_S = 2.0  # for one answer
POLL_S = 0.05
GRACE_S = 3.0


def main(argv: list[str] | None = None) -> int:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m flows.server", description=__doc__)
    parser.add_argument("--port", type=int, default=UI_PORT, help=f"default {UI_PORT}")
    parser.add_argument("--for-run", action="store_true", help="for one run, on any free port")
    arguments = parser.parse_args(argv)
    try:
        serve(0 if arguments.for_run else arguments.port, for_run=arguments.for_run)
    except UserError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 0  # how a person ends it
    return 0


def serve(port: int, *, for_run: bool) -> None:
    """Serves the tree's database on 127.0.0.1; the first line on stdout is, or has, the address.

    Raises:
        UserError: another server has the database, or the port is taken.
    """
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda number, _: sys.exit(128 + number))
    folder = state()
    address = folder / "url"
    with (folder / "lock").open("w") as lock:
        hold(lock, wait=for_run)
        address.unlink(missing_ok=True)  # of one that was killed
        listener = listen(port)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if not for_run:
            address.write_text(url)
        for name in [each for each in os.environ if each.startswith("PREFECT_")]:
            del os.environ[name]  # of another server, such as its database
        os.environ.update(secured(url, folder))
        os.environ["PREFECT_UI_ENABLED"] = str(not for_run)
        say(url if for_run else WELCOME.format(url=url, login=login()))
        gc.disable()  # what is imported stays: to look through it at each step takes .9 s
        import uvicorn
        from prefect.server.api.server import create_app

        app = create_app(final=True)
        gc.freeze()
        gc.enable()
        # Prefect's page would call an analytics service, whatever the settings say.
        policy = f"connect-src 'self' {url.replace('http', 'ws')}"
        config = uvicorn.Config(
            app,
            log_level="error" if for_run else "warning",
            timeout_graceful_shutdown=1,
            headers=[("Content-Security-Policy", policy)],
        )
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            address.unlink(missing_ok=True)


WELCOME = """Prefect at {url}
login   {login}
Runs in this tree, such as `make run`, appear here by themselves. To point others at it:
  export PREFECT_API_URL={url}/api PREFECT_API_AUTH_STRING='{login}'
Ctrl-C ends it; runs stay in .onecycle/prefect/."""


def state() -> Path:
    """Prefect's home for this tree, which only this user may read."""
    folder = home() / "prefect"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def hold(lock: IO[str], *, wait: bool) -> None:
    """Takes the database's lock, which ends with this process."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            raise UserError(
                f"another server has {state()}: another `make ui`, or that of a run, which ends "
                "with it: wait for that, or stop it; started first, `make ui` serves all runs"
            ) from None
        say(f"waiting for the run that has {state()}")
        fcntl.flock(lock, fcntl.LOCK_EX)


def listen(port: int) -> socket.socket:
    """A listening socket; port 0 takes any that is free."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=128)
    except OSError as error:
        cause = os.strerror(error.errno or 0)
        raise UserError(f"port {port}: {cause}; try `make ui PORT={port + 1}`") from None


def login() -> str:
    """This tree's login, `user:password`; drawn once, kept where only this user reads it."""
    kept = state() / "login"
    if not kept.exists():
        with whole(kept) as partial:
            partial.touch(mode=0o600)
            partial.write_text(f"onecycle:{secrets.token_urlsafe(18)}")
    return kept.read_text()


def secured(url: str, folder: Path) -> dict[str, str]:
    """The settings of a server that asks for the login, answers no other origin, tells nobody."""
    return {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_UI_API_URL": f"{url}/api",
        "PREFECT_UI_STATIC_DIRECTORY": str(folder / "ui"),
        "PREFECT_SERVER_API_AUTH_STRING": login(),
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": url,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def nothing() -> None:
    """The environment points there already."""


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
        yield Connection(nothing, lambda: expect(given), brief=False)
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
    fresh = not (folder / "prefect.db").exists()
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


if __name__ == "__main__":
    sys.exit(main())
