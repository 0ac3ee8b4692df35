"""Runs the graph under Prefect: `python -m flows.pipeline`, `make run`.

It runs what params.yaml's `run:` names, shows it, and ends with a table of scores. `--problems` and
`--set` write params.yaml, as `dvc exp run -S` does.
"""

import argparse
import os
import signal
import time
from types import FrameType

from flows import server
from flows.display import leave
from onecycle.errors import UserError
from onecycle.progress import complain, say
from tasks.problems import change, load

QUIET = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}  # the display tells it better


def main(argv: list[str] | None = None) -> int:
    """Runs the flow; status 0 if every stage completed."""
    arguments = parser().parse_args(argv)
    began = time.monotonic()
    signal.signal(signal.SIGTERM, ended)
    try:
        load()
        named = [f"run=[{arguments.problems}]"] if arguments.problems else []
        settings = [*arguments.settings, *named]
        change(settings, write=False)  # what is wrong is told at once; another run may still go on
        with server.connected(lost) as ready:
            for line in change(settings) if settings else []:
                say(f"params.yaml: {line}")
            os.environ.update(QUIET | os.environ)
            from flows import flow  # Prefect takes seconds to import: the server starts meanwhile

            state = flow.run(ready, force=arguments.force, refresh=arguments.refresh)
    except UserError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130
    say(f"{state.name} in {time.monotonic() - began:,.0f} s: {state.message}")
    say(NEXT if state.is_completed() else AGAIN)
    return 0 if state.is_completed() else 130 if state.is_cancelled() else 1


NEXT = """Next: open a report; `make ui` shows this run in a browser; your own data is a block in
params.yaml, see README.md; `git add dvc.lock params.yaml` keeps what led to these models."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m flows.pipeline", description=__doc__)
    top.add_argument("--problems", help="the problems that run from now on, as in pets,biwi")
    top.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="KEY=VALUE or @FILE",
        help="write a value, or merge a YAML file, into params.yaml; may be given more than once",
    )
    top.add_argument("--force", action="store_true", help="run stages though nothing has changed")
    top.add_argument("--refresh", action="store_true", help="verify the downloads again")
    return top


AGAIN = "What had completed is kept: run again to go on."


def lost() -> None:
    """The run's own server has ended: nothing can be reported any more, so the run ends.

    Without its stdin each stage's supervisor stops it.
    """
    log = server.state() / "server.log"
    complain(f"Prefect's server ended, see {log}; run again to go on")
    leave(1)


def ended(number: int, frame: FrameType | None) -> None:
    """Ends as on Ctrl-C, before the flow and after it."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    # All is sent and the server may be gone: Prefect's threads have nothing to wait for any more.
    leave(main())
