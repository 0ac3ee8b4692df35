"""Prefect's server, on this machine only and behind a login: `python -m flows.server`, `make ui`.

All of this tree's servers keep their runs in one database, `.onecycle/prefect/`, and only one
serves it at a time. `flows.connection` is how a run finds one.
"""

import argparse
import ctypes
import fcntl
import gc
import json
import os
import secrets
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from onecycle.disks import telling
from onecycle.errors import UserError
from onecycle.paths import home, whole, write_whole
from onecycle.progress import complain, say

LEASES = "prefect.server.concurrency.lease_storage.filesystem"
UI_PORT = 4200  # Prefect's own default
# Of glibc's mallopt, with what each is set to: arenas, bytes free at the heap's end that stay.
MALLOC = {-8: 1, -1: 128 * 1024}
DATABASE = "ONECYCLE_DATABASE"  # the variable that names another one than SQLite's


def main(argv: list[str] | None = None) -> int:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m flows.server", description=__doc__)
    parser.add_argument("--port", type=int, default=UI_PORT, help=f"default {UI_PORT}")
    parser.add_argument("--for-run", action="store_true", help="for one run, on any free port")
    arguments = parser.parse_args(argv)
    try:
        with telling(home() / "prefect"):
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
    spare_memory()
    folder = state()
    address = folder / "url"
    with (folder / "lock").open("w") as lock:
        hold(lock, wait=for_run)
        address.unlink(missing_ok=True)  # of one that was killed
        listener = listen(port)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        if not for_run:
            write_whole(address, url)
        for name in [each for each in os.environ if each.startswith("PREFECT_")]:
            del os.environ[name]  # of another server, such as its database
        os.environ.update(secured(url, folder))
        os.environ["PREFECT_UI_ENABLED"] = str(not for_run)
        say(url if for_run else WELCOME.format(url=url, **words()))
        gc.disable()  # what is imported stays: to look through it at each step takes .9 s
        import uvicorn
        from prefect.server.api.server import create_app

        from flows.shown import pages

        app = create_app(final=True)
        app.router.routes.insert(0, pages.mount(home() / "published", login()))
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
  export PREFECT_API_URL={url}/api PREFECT_API_AUTH_STRING={quoted}
Ctrl-C ends it; runs stay in {kept}."""


def words() -> dict[str, str]:
    """What the welcome tells: the login only to a person, for a service's words go into a log."""
    given, path = login(), state() / "login"
    kept = f"{DATABASE}'s database" if os.environ.get(DATABASE) else ".onecycle/prefect/"
    if sys.stdout.isatty():
        return {"login": given, "quoted": f"'{given}'", "kept": kept}
    return {"login": f"in {path}", "quoted": f'"$(cat {path})"', "kept": kept}


def state() -> Path:
    """Prefect's home for this tree, which only this user may read."""
    folder = home() / "prefect"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def spare_memory() -> None:
    """Has glibc take memory for all threads from one place, and give back what is free.

    As it does by itself, a server grows with each run, though it holds no more than before.
    """
    with suppress(AttributeError):  # another C library
        for parameter, value in MALLOC.items():
            ctypes.CDLL(None).mallopt(parameter, value)


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
    """The settings of a server that asks for the login, answers no other origin, tells nobody.

    Runs that ended 90 days ago go, events after 7 days, as Prefect has it where it is asked to;
    those that hold an artifact's pictures once more, after an hour.
    """
    database = os.environ.get(DATABASE)
    pictures = ("prefect.artifact-collection.created", "prefect.artifact-collection.updated")
    return {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_UI_API_URL": f"{url}/api",
        "PREFECT_UI_STATIC_DIRECTORY": str(folder / "ui"),
        "PREFECT_SERVER_API_AUTH_STRING": login(),
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": url,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Else a slot that is held while the server starts anew is never free again.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "true",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES": json.dumps(
            dict.fromkeys(pictures, 3600)
        ),
        "DO_NOT_TRACK": "1",
        **({"PREFECT_SERVER_DATABASE_CONNECTION_URL": database} if database else {}),
    }


if __name__ == "__main__":
    sys.exit(main())
