"""Schedules: the rate and the momentum of every step, and the rates of layer groups.

A schedule gives the rate as a share of the phase's highest. Momentum goes the other way round where
the rate cycles. Sources: Smith, *Cyclical learning rates for training neural networks*, 2017 and
*A disciplined approach to neural network hyper-parameters*, 2018; constants are fast.ai's.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from onecycle.params import Section

HIGH, LOW = 0.95, 0.85  # momentum where the rate is least, and where it is highest
STEADY = 0.9  # momentum where it does not move
DIV_FINAL = 1e5  # the highest rate is this many times the last
Name = Literal["one_cycle", "flat", "flat_cos", "triangular", "triangular2", "exp_range"]


class Schedule(Section):
    """How the rate moves during a phase.

    Attributes:
        schedule: `one_cycle` rises and falls once; `flat` stays; `flat_cos` stays, then falls;
            `triangular` rises and falls on straight lines `cycles` times, `triangular2` to half the
            height each time, `exp_range` to a height that shrinks by `gamma` at each step.
        pct_start: share of the steps in which one_cycle rises; null is .25. flat_cos stays flat
            for as long; null is .75.
        div: of those that rise: the highest rate is this many times the first.
        cycles: of the last three.
        gamma: of exp_range.
    """

    schedule: Name = "one_cycle"
    pct_start: float | None = Field(None, gt=0, lt=1)
    div: float = Field(25.0, ge=1)
    cycles: int = Field(1, ge=1)
    gamma: float = Field(0.999, gt=0, le=1)

    def at(self, step: int, total: int) -> tuple[float, float]:
        """The rate, as a share of the highest, and the momentum, of one step of `total`.

        Args:
            step: steps done before this one, 0 to total - 1.
            total: steps of the phase, at least 1.
        """
        return SCHEDULES[self.schedule](self, step, total)


def cosine(start: float, end: float, share: float) -> float:
    """Goes from start to end along half a cosine; `share` of the way, 0 to 1."""
    return start + (1 + math.cos(math.pi * (1 - share))) * (end - start) / 2


def one_cycle(it: Schedule, step: int, total: int) -> tuple[float, float]:
    """Half a cosine up, half a cosine down to nearly nothing; momentum mirrors it."""
    share, rises = step / total, it.pct_start or 0.25
    if share < rises:
        way = share / rises
        return cosine(1 / it.div, 1, way), cosine(HIGH, LOW, way)
    way = (share - rises) / (1 - rises)
    return cosine(1, 1 / DIV_FINAL, way), cosine(LOW, HIGH, way)


def flat(it: Schedule, step: int, total: int) -> tuple[float, float]:
    """The highest rate throughout."""
    return 1.0, STEADY


def flat_cos(it: Schedule, step: int, total: int) -> tuple[float, float]:
    """The highest rate, then half a cosine down."""
    share, stays = step / total, it.pct_start or 0.75
    if share < stays:
        return 1.0, STEADY
    return cosine(1, 1 / DIV_FINAL, (share - stays) / (1 - stays)), STEADY


def triangular(it: Schedule, step: int, total: int) -> tuple[float, float]:
    """Straight up and down, each cycle as high as the first."""
    return _triangle(it, step, total, lambda cycle: 1.0)


def triangular2(it: Schedule, step: int, total: int) -> tuple[float, float]:
    """Straight up and down, each cycle half as high as the one before."""
    return _triangle(it, step, total, lambda cycle: 0.5**cycle)


def exp_range(it: Schedule, step: int, total: int) -> tuple[float, float]:
    """Straight up and down to a height that shrinks at every step."""
    return _triangle(it, step, total, lambda cycle: it.gamma**step)


def _triangle(
    it: Schedule, step: int, total: int, height: Callable[[int], float]
) -> tuple[float, float]:
    """Smith's triangle between 1 / div and 1, `cycles` of them in a phase, of some height."""
    cycle, way = divmod(step * it.cycles / total, 1)
    up = (1 - abs(2 * way - 1)) * height(int(cycle))
    least = 1 / it.div
    return least + (1 - least) * up, HIGH - (HIGH - LOW) * up


SCHEDULES: dict[Name, Callable[[Schedule, int, int], tuple[float, float]]] = {
    "one_cycle": one_cycle,
    "flat": flat,
    "flat_cos": flat_cos,
    "triangular": triangular,
    "triangular2": triangular2,
    "exp_range": exp_range,
}


@dataclass(frozen=True)
class Cycle:
    """One phase of training.

    Attributes:
        name: `frozen` or `unfrozen`, as history.csv says.
        epochs: passes over train.
        rates: the highest learning rate of each layer group.
        schedule: how the rates move.
    """

    name: str
    epochs: int
    rates: list[float]
    schedule: Schedule = field(default_factory=Schedule)


def spread(low: float, high: float, groups: int) -> list[float]:
    """Discriminative rates, fast.ai's `slice(low, high)`: from low to high by equal factors."""
    if groups == 1:
        return [high]
    return [low * (high / low) ** (at / (groups - 1)) for at in range(groups)]


def head_first(rate: float, groups: int) -> list[float]:
    """fast.ai's `slice(rate)`: the head learns at `rate`, all before it at a tenth."""
    return [rate / 10] * (groups - 1) + [rate]
