"""Floors of metrics: a run that measures worse than one says so, and sends a notice."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from onecycle.decide.metrics import better
from onecycle.errors import UserError
from onecycle.params import PARAMS_FILE, nearest
from onecycle.paths import Paths, read_json
from onecycle.report.results import NAMES
from tasks.problems import load

Floors = Mapping[str, Mapping[str, float]]  # of each problem, the worst value of each metric


@dataclass(frozen=True)
class Below:
    """A metric that is worse than its floor, or was not measured (null).

    For one that is the better the lower it is, such as an error, the floor is above.
    """

    problem: str
    metric: str
    value: float | None
    floor: float

    def __str__(self) -> str:
        where = f"{self.problem}: {self.metric}"
        if self.value is None:
            return f"{where} was not measured, so that its floor {self.floor:g} says nothing"
        return f"{where} is {self.value:.4g}, worse than its floor {self.floor:g}"


def parsed(given: Iterable[str]) -> dict[str, dict[str, float]]:
    """Floors of a command line, such as `pets.accuracy=0.8`.

    Raises:
        UserError: one is no such thing.
    """
    found: dict[str, dict[str, float]] = {}
    for each in given:
        name, _, value = each.partition("=")
        problem, _, metric = name.strip().partition(".")
        try:
            number = float(value) if metric else math.nan
        except ValueError:
            number = math.nan
        if math.isnan(number):
            raise UserError(
                f"--floor {each}: expected PROBLEM.METRIC=NUMBER, such as pets.accuracy=0.8"
            )
        found.setdefault(problem, {})[metric] = number
    return found


def check(floors: Floors | None) -> None:
    """Looks whether the problems and metrics that have a floor are known.

    Raises:
        UserError: one is not, so that nobody would ever be told of it.
    """
    problems = load().problems if floors else {}
    for problem, metrics in (floors or {}).items():
        if problem not in problems:
            raise UserError(
                f"floors: {PARAMS_FILE} has no problem {problem!r}: {nearest(problem, problems)}"
            )
        for metric in metrics:
            if metric not in NAMES:
                raise UserError(f"floors: there is no metric {metric!r}: {nearest(metric, NAMES)}")


def below(problems: Iterable[str], floors: Floors | None) -> list[Below]:
    """What is worse than its floor in the problems that were measured."""
    found = []
    for problem in problems:
        values = read_json(Paths(problem).report("metrics.json"))
        for metric, floor in (floors or {}).get(problem, {}).items():
            value = values.get(metric)
            worse = value is None or (
                value < floor if better(metric) == "higher" else value > floor
            )
            if worse:
                found.append(Below(problem, metric, value, floor))
    return found
