"""replay: the step of a training whose loss was not finite, done again and looked at."""

import argparse

from onecycle.errors import UserError
from onecycle.paths import home
from onecycle.progress import say

FEW = 5  # names that are told of each kind


def arguments(command: argparse.ArgumentParser) -> None:
    """The command line."""
    command.add_argument("problem", help="its name under problems: in params.yaml")


def run(given: argparse.Namespace) -> None:
    """Does the step again that `train` has kept, and says where what is not finite came from.

    Raises:
        UserError: none is kept.
    """
    from onecycle.learn import astray

    folder = home() / "not_finite" / given.problem
    try:
        seen = astray.replay(folder)
    except FileNotFoundError:
        raise UserError(f"{folder}: nothing is kept there: no training of it went astray") from None
    told = seen.told
    say(f"{folder}: step {told['step']} of epoch {told['epoch']}, {told['phase']}")
    say(f"loss then {told['loss']}, now {', '.join(map(str, seen.losses))}")
    say("rates " + ", ".join(f"{name} {rate:.2e}" for name, rate in told["rates"].items()))
    say("the batch is finite" if seen.inputs_finite else "the batch itself is not finite")
    for what, names in (
        ("weights that were not finite before", seen.weights),
        ("layers that made what is not finite of what is", seen.layers),
        ("items", told["items"]),
    ):
        say(f"{len(names)} {what}: {', '.join(names[:FEW])}{', …' if len(names) > FEW else ''}")
