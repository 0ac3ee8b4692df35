"""How the study lr reads its arms: the best rate, what is too low or too high, and suggestions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, takewhile
from statistics import median

from onecycle.errors import UserError
from onecycle.studies.arm import Asked
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Done
from onecycle.studies.outcome import Outcome

SUGGESTIONS = ("valley", "slide", "minimum", "steep")


def key_of(asked: Asked) -> str:
    """The rate of the phase that is looked at."""
    return f"train.{asked.phases[0]}.lr"


@dataclass(frozen=True)
class Suggested:
    """What a suggestion came to, over the seeds whose range test could be read.

    Attributes:
        rates: each seed's.
        score: on the part that tells.
        regret: by how much that is worse than at the best rate of the grid.
    """

    rates: list[float]
    score: Estimate
    regret: Estimate

    @property
    def rate(self) -> float:
        """The median over seeds."""
        return median(self.rates)


@dataclass(frozen=True)
class Rates:
    """What the rates came to.

    Attributes:
        grid: rate by arm, ascending.
        best: the arm of the grid that is best on valid.
        low: the highest rate that is told worse, as are all below it; null where none is.
        high: the lowest that is told worse, as are all above it.
        suggested: by suggestion; those that gave a model.
        unread: seeds whose range test could not be read.
    """

    grid: Mapping[str, float]
    best: str
    low: float | None
    high: float | None
    suggested: Mapping[str, Suggested]
    unread: int

    @property
    def best_rate(self) -> float:
        """Of the grid, by valid."""
        return self.grid[self.best]


def weighed(asked: Asked, done: Done, judges: Mapping[str, Judge]) -> Rates:
    """Chooses on valid, and tells on the last part what is worse.

    Raises:
        UserError: no rate of the grid gave a model.
    """
    key, valid, (part, judge) = key_of(asked), judges["valid"], list(judges.items())[-1]
    lrs = {name: each.arm.changes.get(key, asked.of(key)) for name, each in done.items()}
    fixed = {name: rate for name, rate in lrs.items() if isinstance(rate, float)}
    fixed = dict(sorted(fixed.items(), key=lambda each: each[1]))
    known = [name for name in fixed if name in valid]
    if not known:
        raise UserError("study lr: no rate of the grid gave a model: give lower --values")
    best = valid.best(known)
    worse = {
        rate: name not in judge or judge.gain(best, name).low > 0 for name, rate in fixed.items()
    }
    low, high = (end(worse, of) for of in (sorted(worse), sorted(worse, reverse=True)))
    suggested, unread = suggestions(asked, done, part, best)
    return Rates(fixed, best, low, high, suggested, unread)


def end(worse: Mapping[float, bool], rates: Sequence[float]) -> float | None:
    """The last of the first rates that are told worse; null where the first is not."""
    return next(reversed(list(takewhile(worse.__getitem__, rates))), None)


def suggestions(asked: Asked, done: Done, part: str, best: str) -> tuple[dict[str, Suggested], int]:
    """What each suggestion came to; and how many seeds' range tests tell no rate.

    Those seeds count for no suggestion, which all share the test.
    """
    tested = next(done[name] for name in SUGGESTIONS if name in done)
    tells = [run.told["found"]["used"] is not None for run, *_ in tested.runs]
    unread = tells.count(False)
    if not any(tells):
        return {}, unread
    told = {
        name: Outcome(each.arm, list(compress(each.runs, tells))) for name, each in done.items()
    }
    judge = Judge.of(asked.kind, told, part)
    names = [name for name in SUGGESTIONS if name in judge]
    found = {
        name: Suggested(used(told, name), judge.value(name), judge.gain(best, name))
        for name in names
    }
    return found, unread


def used(done: Done, arm: str) -> list[float]:
    """The rate that each seed of an arm trained at."""
    return [float(run.told["phases"][0]["rates"][-1]) for run, *_ in done[arm].runs]
