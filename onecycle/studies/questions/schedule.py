"""Which schedule of the rate serves: one cycle, flat, or Smith's three?"""

from onecycle.studies import grid
from onecycle.studies.arm import Arm, Asked
from onecycle.studies.finding import Done, Finding

GRID = ("one_cycle", "flat", "triangular", "triangular2", "exp_range")
CYCLES = 2
"""Of the last three, in each phase; of one, triangular and triangular2 are the same."""


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked schedule, and each other one in all phases, at the same highest rates."""
    first = asked.phases[-1]
    own = str(asked.of(f"train.{first}.schedule"))
    names = [name for name in asked.values or GRID if name != own]
    return [Arm(own), *(Arm(name, _changes(asked, name)) for name in names)]


def _changes(asked: Asked, name: str) -> dict[str, object]:
    changes: dict[str, object] = {}
    for phase in asked.phases:
        changes[f"train.{phase}.schedule"] = name
        if name in ("triangular", "triangular2", "exp_range"):
            changes[f"train.{phase}.cycles"] = CYCLES
    return changes


def read(asked: Asked, done: Done) -> Finding:
    """Chooses on valid."""
    return grid.read(asked, done)
