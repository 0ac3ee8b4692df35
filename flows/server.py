"""Prefect's server, on this machine only and behind a login: `python -m flows.server`, `make ui`.

A run needs a server. `connected` finds the one that PREFECT_API_URL names, else the one that
`make ui` started in this tree, else it starts one that lives as long as the run. All of this tree's
servers keep their runs in one database, `.onecycle/prefect/`, and only one serves it at a time.
"""

import argparse
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from flows import supervisor
from onecycle.errors import UserError
from onecycle.paths import home, whole
from onecycle.progress import say

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
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the command line's own word
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def serve(port: int, *, for_run: bool) -> None:
    """Serves the tree's database on 127.0.0.1; the first line on stdout is, or has, the address.

    Raises:
        UserError: another server has the database, or the port is taken.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    folder = state()
    address = folder / "url"
    with (folder / "lock").open("w") as lock:
        hold(lock, wait=for_run)
        listener = listen(port)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        os.environ.update(secured(url, folder))
        os.environ["PREFECT_UI_ENABLED"] = str(not for_run)
        say(url if for_run else WELCOME.format(url=url, login=login()))
        import uvicorn
        from prefect.server.api.server import create_app

        # Prefect's page would call an analytics service, whatever the settings say.
        policy = f"connect-src 'self' {url.replace('http', 'ws')}"
        config = uvicorn.Config(
            create_app(final=True),
            log_level="error" if for_run else "warning",
            timeout_graceful_shutdown=1,
            headers=[("Content-Security-Policy", policy)],
        )
        try:
            if not for_run:
                address.write_text(url)
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            address.unlink(missing_ok=True)


WELCOME = """Prefect at {url}
login   {login}
Runs in this tree are shown here without more ado: make run. To point others at it:
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
                f"another server has {state()}: another `make ui`, or that of a run, "
                "which ends with it"
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
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": url,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


@contextmanager
def connected(lost: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Points Prefect, which must not be imported yet, at a server; ends the one it started.

    Args:
        lost: called in another thread if a server that was started here ends by itself.

    Yields:
        A function that returns when the server answers. What can be done before, while it starts,
        need not wait.

    Raises:
        UserError: the server does not start.
    """
    os.environ["DO_NOT_TRACK"] = "1"
    shared = ui_server()
    if "PREFECT_API_URL" in os.environ:
        yield lambda: None
    elif shared:
        say(f"shown at {shared}")
        point_at(shared)
        yield lambda: None
    else:
        with own_server(lost) as (url, process):
            point_at(url)
            yield lambda: wait_for(url, process)


@contextmanager
def own_server(lost: Callable[[], None]) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server for this process only: its address, and its supervisor."""
    folder = state()
    if not (folder / "prefect.db").exists():
        say("making Prefect's database: half a minute, once")
    command = [sys.executable, "-m", "flows.server", "--for-run"]
    ending = threading.Event()
    with (folder / "server.log").open("w") as words:
        process = subprocess.Popen(
            [sys.executable, supervisor.__file__, str(GRACE_S), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            start_new_session=True,
        )
    assert process.stdin and process.stdout

    def watch() -> None:
        process.wait()
        if not ending.is_set():
            lost()

    try:
        url = ""
        for line in process.stdout:
            url = line.strip()
            if url.startswith("http"):
                break
            say(url)
        threading.Thread(target=watch, daemon=True).start()
        yield url, process
    finally:
        ending.set()
        process.stdin.close()
        process.wait()


def point_at(url: str) -> None:
    """Makes Prefect, when it is imported, speak to one of this tree's servers."""
    os.environ["PREFECT_HOME"] = str(state())
    os.environ["PREFECT_API_URL"] = f"{url}/api"
    os.environ["PREFECT_API_AUTH_STRING"] = login()
    for name in ("no_proxy", "NO_PROXY"):  # a proxy knows nothing of this machine's 127.0.0.1
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1"]))


def ui_server() -> str | None:
    """The address of the server that `make ui` started in this tree, if it answers."""
    address = state() / "url"
    url = address.read_text() if address.exists() else ""
    return url if url and answers(url) else None


def wait_for(url: str, process: subprocess.Popen[str]) -> None:
    """Waits until a server that was started answers."""
    end = time.monotonic() + STARTS_WITHIN_S
    while not answers(url):
        if process.poll() is not None or time.monotonic() > end:
            raise UserError(f"Prefect's server did not start; see {state() / 'server.log'}")
        time.sleep(POLL_S)


def answers(url: str) -> bool:
    """Whether a server is up."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/api/health", timeout=WAIT_S):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
