"""Batch prediction under Prefect: `python -m flows.predict MODEL INPUTS… -o OUT`.

It takes what `python -m tasks predict` takes and runs that, as the flow `onecycle-predict`: with
its log, its progress and a table of what was answered. Run again after a kill, it goes on. MODEL
may also be `pets@production`, which `flows.promote` put there, or a version such as `pets@v1.2.0`.
"""

import argparse
import os
import signal
import sys

from flows import connection
from flows.pipeline import QUIET, ended, lost
from flows.shown.display import leave
from onecycle.errors import UserError
from onecycle.progress import complain, say
from tasks import predict


def main(argv: list[str] | None = None) -> int:
    """Runs the flow; status 0 if the output was written."""
    given = sys.argv[1:] if argv is None else argv
    arguments = parser().parse_args(given)
    signal.signal(signal.SIGTERM, ended)
    try:
        given = with_bundle(arguments, given)
        with connection.connected(lost) as connected:
            connected.point()
            os.environ.update(QUIET | os.environ)
            from flows import batch

            state = batch.run(arguments, given, connected)
    except UserError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130
    say(f"{state.name}: {state.message}")
    return 0 if state.is_completed() else 130 if state.is_cancelled() else 1


def with_bundle(arguments: argparse.Namespace, given: list[str]) -> list[str]:
    """The arguments, with a folder in place of a model's name such as `pets@production`.

    Raises:
        UserError: no model has that name, or it can't be had.
    """
    name = arguments.model
    if "@" not in name:
        return given
    from flows.versions import registry  # here: DVC and GTO are slow to import

    arguments.model = str(registry.named(name) or name)
    at = given.index(name)
    return [*given[:at], arguments.model, *given[at + 1 :]]


def parser() -> argparse.ArgumentParser:
    """The command line, that of `python -m tasks predict`."""
    top = argparse.ArgumentParser(prog="python -m flows.predict", description=__doc__)
    predict.arguments(top)
    return top


if __name__ == "__main__":
    leave(main())  # as in flows.pipeline
