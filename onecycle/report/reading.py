"""A plain reading of a training's history, by a stated rule.

All losses are taken in units of *chance*: the loss on valid of the best guess that knows train's
targets and no input. So 1 means that nothing was learnt, whatever the loss and its scale. The
readings are tried in the order of `RULES`, which says when each holds; the first is taken.

Why so. A step that is too large raises the loss that it should lower, so train's own loss tells of
it; a net that such steps have killed may rest at chance without a rise, and only the range test
tells that from a rate too low. So it does of slow learning, for a loss falls slowly at a low rate
and in few epochs alike. Valid's rise is read from medians of three epochs, and its fall from the
least loss before, for with batch norm single epochs leap while rates are high. That train's loss
(with dropout and augmentation) lies above valid's is no flaw, and how far below it lies is none
either, as long as valid's does not rise: Howard and Gugger, *Deep Learning for Coders*, chapters 1
and 5.

The thresholds are our own: the four samples were trained at rates from a hundredth to a hundred
times the range test's, and for 1 to 48 epochs; these tell them apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from onecycle.report.course import Course
from onecycle.report.words import count

FEW = 3  # epochs
FAR = 10.0  # an order of magnitude from the range test's rate
THROWN, RISEN = 0.5, 0.1  # rises of train's loss
NOTHING, LITTLE, HALF = 1.0, 0.8, 0.5  # levels of losses
ROSE, STILL = 0.05, 0.05  # of valid's loss: over its least; in the last quarter
Name = Literal[
    "too little to say",
    "rate too high",
    "rate too low",
    "over-fitted",
    "under-fitted",
    "well",
]
RULES: dict[Name, str] = {
    "too little to say": f"there are fewer than {FEW} epochs, or chance makes no mistake",
    "rate too high": (
        f"train's loss rose by more than {THROWN} × chance's over the least before it; or nothing "
        f"was learnt (valid's ends above chance's, train's above {HALF} ×), and train's rose by "
        f"more than {RISEN} ×, or the rate was more than {FAR:g} times the range test's"
    ),
    "rate too low": (
        f"the rate was less than a {FAR:g}th of the range test's, valid's loss did not come back "
        f"up by {ROSE} × chance's, and it shows: train's is not below valid's, or valid's still "
        f"fell by {STILL} ×, or ends above {LITTLE} ×"
    ),
    "over-fitted": (
        f"valid's loss ends more than {ROSE} × chance's above its least, by medians of three "
        f"epochs, and train's fell on; or train's ends below {HALF} × and valid's above {LITTLE} ×"
    ),
    "under-fitted": (
        f"valid's loss ends more than {STILL} × chance's below what was least before the last "
        f"quarter of the epochs; or it ends above {LITTLE} ×"
    ),
    "well": "none of the others holds",
}


@dataclass(frozen=True)
class Reading:
    """What a history says.

    Attributes:
        name: the reading in a word.
        says: the numbers that it was read from, in sentences.
        tries: settings to try next, as `--set` takes them; may be none.
    """

    name: Name
    says: str
    tries: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """When a training is read so."""
        return RULES[self.name]


def read(
    problem: str, history: pd.DataFrame, model: Mapping[str, Any], lr: Mapping[str, Any]
) -> Reading:
    """Reads a training by `RULES`.

    Args:
        problem: its name in params.yaml.
        history: history.csv.
        model: model.json.
        lr: lr.json.
    """
    it = Course.of(problem, history, model, lr)
    if len(history) < FEW:
        return Reading("too little to say", f"{count(len(history), 'epoch')}: no course to read.")
    if not np.isfinite(it.train[-1]):
        return Reading("too little to say", "A guess without any input makes no mistake on valid.")
    for reading in (_too_high, _too_low, _over_fitted, _under_fitted):
        found = reading(it)
        if found:
            return found
    above = f"{_times(it.back)} above" if it.back else "at"
    least = f"Valid's, by medians of three epochs, ends {above} its least."
    return Reading("well", f"{_ends(it)} {_fell(it) if it.falling > 0 else least}")


def _too_high(it: Course) -> Reading | None:
    train, valid = it.ends
    nothing = valid > NOTHING and train > HALF
    far = it.pace > FAR
    if not (it.rise > THROWN or (nothing and (it.rise > RISEN or far))):
        return None
    at = int(np.argmax(it.train - np.minimum.accumulate(it.train)))
    phase = it.phase_of(at) if it.rise > RISEN else it.fastest
    said = f"Train's loss rose by {_times(it.rise)} chance's up to epoch {at + 1}."
    if nothing:
        said = f"Nothing was learnt. {_ends(it)} {said if it.rise > RISEN else _pace(it)}"
    return Reading("rate too high", said, (_rates(it, phase, 1 / FAR),))


def _too_low(it: Course) -> Reading | None:
    train, valid = it.ends
    slow = 0 < it.pace < 1 / FAR and it.back <= ROSE
    if not slow or not (it.falling > STILL or valid > LITTLE or train >= valid):
        return None
    return Reading("rate too low", f"{_ends(it)} {_pace(it)}", (_rates(it, it.fastest, FAR),))


def _over_fitted(it: Course) -> Reading | None:
    train, valid = it.ends
    best = int(it.middle.argmin()) + 1  # the middle of the three epochs
    if it.back > ROSE and train < it.train[best]:
        said = (
            f"Valid's loss was least about epoch {best + 1} and ends {_times(it.back)} chance's "
            f"above that; train's fell from {_times(it.train[best])} to {_times(train)} chance's."
        )
        if it.metric[-1] >= it.metric[best]:
            said += " The metric did not get worse: it is the confidence that suffers."
        return Reading("over-fitted", said, tuple(_fewer(it, best + 1)))
    if valid > LITTLE and train < HALF:
        said = f"{_ends(it)} What was learnt of train does not carry over: more items would help."
        return Reading("over-fitted", said, tuple(_fewer(it, len(it.train) // 2)))
    return None


def _under_fitted(it: Course) -> Reading | None:
    falls = it.falling > STILL
    if not falls and it.ends[1] <= LITTLE:
        return None
    why = _fell(it) if falls else "Little was learnt, or the inputs tell little."
    last = it.phase_of(-1)
    more = f"problems.{it.problem}.train.{last['name']}.epochs={2 * last['epochs']}"
    return Reading("under-fitted", f"{_ends(it)} {why}", (more,))


def _ends(it: Course) -> str:
    train, valid = it.ends
    return (
        f"After {count(len(it.valid), 'epoch')} train's loss is {_times(train)} chance's, "
        f"valid's {_times(valid)}."
    )


def _fell(it: Course) -> str:
    last = "epoch" if it.late == 1 else f"{it.late} epochs"
    return f"In the last {last} valid's fell {_times(it.falling)} chance's below its least before."


def _pace(it: Course) -> str:
    return f"The highest rate was {_times(it.pace)} the range test's."


def _times(value: float) -> str:
    return (f"{value:,.0f}" if value >= 10 else f"{value:.2g}") + "\u00a0×"


def _rates(it: Course, phase: dict[str, Any], factor: float) -> str:
    """The phase's rates times a factor, as a setting."""
    first, last = (phase["rates"][at] * factor for at in (0, -1))
    spread = phase["name"] != "frozen" and first != last
    rate = f"[{first:.2g}, {last:.2g}]" if spread else f"{last:.2g}"
    return f"problems.{it.problem}.train.{phase['name']}.lr={rate}"


def _fewer(it: Course, best: int) -> list[str]:
    """Settings that end the training after `best` epochs."""
    tries, left = [], best
    for each in it.phases:
        epochs = min(left, each["epochs"])
        left -= epochs
        if epochs < each["epochs"]:
            tries.append(f"problems.{it.problem}.train.{each['name']}.epochs={epochs}")
    return tries
