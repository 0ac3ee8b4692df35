"""How much weight decay serves?"""

from onecycle.studies import grid
from onecycle.studies.arm import Arm, Asked
from onecycle.studies.finding import Done, Finding

GRID = (0.0, 0.01, 0.1, 0.3, 1.0)
"""fast.ai's default is .01; the lesson's recommender takes .1."""


def arms(asked: Asked, done: Done) -> list[Arm]:
    """An arm for each value."""
    return grid.over(asked, "learner.wd", GRID, "wd")


def read(asked: Asked, done: Done) -> Finding:
    """Chooses on valid."""
    return grid.read(asked, done)
