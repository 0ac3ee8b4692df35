"""The range test: raise the rate from tiny to absurd, watch the loss, suggest a rate.

Source: Smith, *Cyclical learning rates for training neural networks*, 2017; smoothing, stop and the
four suggestions are fast.ai 2.8.12's, but for its flaws: a curve that can't be read is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from onecycle.errors import UserError
from onecycle.params import Section
from onecycle.progress import track

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
Suggestion = Literal["valley", "slide", "minimum", "steep"]
SLIDE_GAP = 15
SLIDE_THRESHOLD = 0.005
LEAST_FALL = 0.01  # of the loss: less does not matter
LIKELY = 0.001  # a fall that chance gives more often than this is none
LEAST_POINTS = 20  # slide looks at gaps of 15 of the trimmed curve


class RangeTest(Section):
    """How the range test runs.

    Attributes:
        start: first rate.
        end: last rate.
        steps: batches, each at a rate higher by an equal factor.
        smoothing: weight of the past in the moving average of the loss, 0 to 1.
        diverged: the test stops when the smoothed loss exceeds its best by this factor.
        suggestion: the one that is used.
    """

    start: float = Field(1e-7, gt=0)
    end: float = Field(10.0, gt=0)
    steps: int = Field(100, ge=30)
    smoothing: float = Field(0.98, ge=0, lt=1)
    diverged: float = Field(4.0, gt=1)
    suggestion: Suggestion = "valley"

    @model_validator(mode="after")
    def _rises(self) -> "RangeTest":
        if not self.start < self.end:
            raise ValueError("expected start below end")
        return self

    def rate(self, step: int) -> float:
        """The rate of a step, 0 to steps - 1."""
        return float(self.start * (self.end / self.start) ** (step / self.steps))


@dataclass(frozen=True)
class Curve:
    """What a range test measured, float64 [K] each, K at most `steps`.

    Attributes:
        rates: of each step.
        losses: of each batch, as they came.
        smooth: their moving average, debiased.
    """

    rates: Floats
    losses: Floats
    smooth: Floats


def run(test: RangeTest, train_step: Callable[[int, float], float]) -> Curve:
    """Runs a range test.

    Args:
        test: its parameters.
        train_step: trains one batch, given its number and rate; returns its loss.
    """
    rates, losses, smoothed = [], [], []
    average, best = 0.0, np.inf
    for step in track(range(test.steps), "range test"):
        rate = test.rate(step)
        loss = train_step(step, rate)
        average = test.smoothing * average + (1 - test.smoothing) * loss
        smooth = average / (1 - test.smoothing ** (step + 1))
        rates.append(rate)
        losses.append(loss)
        smoothed.append(smooth)
        if not np.isfinite(smooth) or smooth > test.diverged * best:
            break
        best = min(best, smooth)
    return Curve(np.array(rates), np.array(losses), np.array(smoothed))


def trimmed(test: RangeTest, curve: Curve) -> tuple[Floats, Floats]:
    """The rates and smoothed losses that count, float64 [K] each, K from 0.

    They lack the first tenth of the steps that were to be run, and the last 5 points; or what
    follows a NaN, if that comes sooner.
    """
    bad = np.flatnonzero(~np.isfinite(curve.smooth))
    end = min(test.steps - 5, bad[0]) if len(bad) else len(curve.smooth) - 5
    seen = slice(test.steps // 10, end)
    return curve.rates[seen], curve.smooth[seen]


def suggest(test: RangeTest, curve: Curve) -> tuple[dict[str, float], str]:
    """Reads a curve.

    Returns:
        The four suggestions, and in words what the curve shows.

    Raises:
        UserError: the curve is too short, not finite, or flat.
    """
    x, y = trimmed(test, curve)
    steps = len(curve.rates)
    if len(x) < LEAST_POINTS:
        raise UserError(
            f"the loss diverged after {steps} steps, too few to read a rate "
            f"({LEAST_POINTS} are needed): lower lr_find.start or raise lr_find.steps"
        )
    fell = f"the smoothed loss fell from {y[0]:.4g} to {y.min():.4g} in {steps} steps"
    if y.min() > (1 - LEAST_FALL) * y[0] or by_chance(
        curve.losses[: test.steps // 10 + y.argmin() + 1]
    ):
        raise UserError(
            f"{fell}, no more than chance would give: check the labels, "
            "raise lr_find.end, or set train's lr by hand"
        )
    return {str(name): read(x, y) for name, read in SUGGESTIONS.items()}, fell


def by_chance(losses: Floats) -> bool:
    """Whether batch losses up to the curve's least point, float64 [K], may as well be level.

    By Spearman's rank correlation with the step. Its end is where the curve is least, so a level
    curve shows some fall: at LIKELY one in a hundred level curves is taken to fall (by simulation).
    """
    import pandas as pd
    from scipy.special import stdtr  # scipy.stats has it all, but takes half a second to import

    n = len(losses)
    rank = pd.Series(losses).rank().corr(pd.Series(np.arange(float(n))))
    with np.errstate(divide="ignore"):
        t = rank * np.sqrt((n - 2) / np.float64(1 - rank**2))
    return not stdtr(n - 2, t) < LIKELY


def valley(rates: Floats, losses: Floats) -> float:
    """The middle of the longest fall: the default of fast.ai."""
    longest = np.ones(len(losses), dtype=np.int64)
    for at in range(1, len(losses)):
        lower = longest[:at][losses[:at] > losses[at]]
        longest[at] = 1 + (lower.max() if len(lower) else 0)
    end = int(longest.argmax())
    start = max(0, end - int(longest[end]))  # fast.ai lets it become -1
    third = (end - start) / 3
    return float(rates[start + int(third) + int(third / 2)])


def slide(rates: Floats, losses: Floats) -> float:
    """Left of the last steep interval, found by sliding one from the right."""
    gradient = np.gradient(losses)
    right = -1
    left = right - SLIDE_GAP
    index = left
    while left >= -len(losses) and abs(gradient[right] - gradient[left]) > SLIDE_THRESHOLD:
        index = left
        right, left = right - 1, left - 1
    return float(rates[index])


def minimum(rates: Floats, losses: Floats) -> float:
    """A tenth of the rate at the least loss."""
    return float(rates[losses.argmin()] / 10)


def steep(rates: Floats, losses: Floats) -> float:
    """The rate at which the loss falls fastest, by the logarithm of the rate."""
    slope = np.diff(losses) / np.diff(np.log(rates))
    return float(rates[:-1][slope.argmin()])


SUGGESTIONS: dict[Suggestion, Callable[[Floats, Floats], float]] = {
    "valley": valley,
    "slide": slide,
    "minimum": minimum,
    "steep": steep,
}


def choose(test: RangeTest, curve: Curve) -> dict[str, float | str | None]:
    """The content of lr.json: four suggestions, the one used and why.

    A curve that can't be read gives null for all five; who asks for a rate is then refused.
    """
    try:
        found, fell = suggest(test, curve)
    except UserError as error:
        return {**dict.fromkeys(SUGGESTIONS), "used": None, "reason": str(error)}
    return {**found, "used": found[test.suggestion], "reason": f"{test.suggestion}: {fell}"}
