"""Puts a model into production, if it is shown to be better: `python -m flows.promote PROBLEM`.

Champion and challenger are compared by the same test items, as their own runs predicted them. It
refuses where data are missing, where the test items are not the same, and where a model has learnt
from them. The decision is a file in `.onecycle/promotions/` and an artifact in Prefect; the model
in production is a tag in git, as GTO has it, which `python -m flows.predict PROBLEM@production`
asks for.
"""

import argparse
import os
import signal

from flows import connection
from flows.pipeline import QUIET, ended, lost
from flows.shown.display import leave
from onecycle.errors import UserError
from onecycle.progress import complain


def main(argv: list[str] | None = None) -> int:
    """Runs the flow; status 0 if what was asked for was done, 2 if it was refused or lost."""
    arguments = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, ended)
    try:
        with connection.connected(lost) as connected:
            connected.point()
            os.environ.update(QUIET | os.environ)
            from flows.flow import drained
            from flows.versions.promotion import onecycle_promote

            connected.ready()
            with drained():
                state = onecycle_promote(**vars(arguments), return_state=True)
            return 0 if state.result() else 2
    except UserError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="python -m flows.promote",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("problem", help="its name in params.yaml")
    top.add_argument(
        "--challenger",
        metavar="REV or EXP",
        help="a git revision or a DVC experiment (an experiment stays by its tag); default: HEAD",
    )
    top.add_argument("--stage", default="production", help="default %(default)s")
    top.add_argument("--metric", help="what decides; default: the one the problem is judged by")
    top.add_argument(
        "--margin",
        type=float,
        default=0.0,
        metavar="LOSS",
        help="the most that may be lost, in the metric's unit; 0, the default: show a gain",
    )
    top.add_argument("--despite", metavar="REASON", help="promote though the gate refuses; kept")
    top.add_argument("--rollback", action="store_true", help="put back who was there before")
    top.add_argument(
        "--push", dest="remote", metavar="REMOTE", help="git's, such as origin: to share"
    )
    top.add_argument("--dry", action="store_true", help="decide, but make no tags")
    return top


if __name__ == "__main__":
    leave(main())  # as in flows.pipeline
