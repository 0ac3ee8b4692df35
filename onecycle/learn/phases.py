"""The two phases of a training: their parameters, and the rates that they begin with."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator

from onecycle.errors import UserError
from onecycle.learn import lr_finder, schedules

if TYPE_CHECKING:
    from onecycle.learn.learner import Learner

Rate = Annotated[float, Field(gt=0)]


class Phase(schedules.Schedule):
    """One phase.

    Attributes:
        epochs: passes over train; 0 leaves the phase out.
    """

    epochs: int = Field(0, ge=0)


class Frozen(Phase):
    """The phase in which only the head (and norm layers) learn.

    Attributes:
        lr: the head's highest rate (norm layers of the body get a tenth), or `find`: lr.json's.
    """

    lr: Literal["find"] | Rate = "find"


class Unfrozen(Phase):
    """The phase in which everything learns.

    Attributes:
        lr: one highest rate for all; `[low, high]` spreads rates from the first layer group to the
            last; `find` of a pretrained body, or after a frozen phase, runs a range test of its own
            and spreads from a hundredth of what it finds; else it takes lr.json's for all.
    """

    epochs: int = Field(5, ge=0)
    lr: Literal["find"] | Rate | Annotated[list[Rate], Field(min_length=2, max_length=2)] = "find"

    @field_validator("lr")
    @classmethod
    def _rises(cls, lr: str | float | list[float]) -> str | float | list[float]:
        if isinstance(lr, list) and lr[0] > lr[1]:
            raise ValueError("expected the first layers' rate first, not above the last's")
        return lr


def plan(
    phase: Frozen | Unfrozen, found: dict[str, Any], learner: "Learner", before: float | None
) -> tuple[list[float], dict[str, Any]]:
    """The highest rate of each layer group in a phase, and where they come from.

    Args:
        phase: what params.yaml says of it.
        found: the content of lr.json.
        learner: what will be trained.
        before: the head's rate in the frozen phase, if there was one.

    Returns:
        Rates, and what model.json says of them: `why`, and a second `range_test` if one was run.

    Raises:
        UserError: the phase asks for lr.json's rate, but that has none.
    """
    groups, lr = len(learner.groups), phase.lr
    name = "frozen" if isinstance(phase, Frozen) else "unfrozen"
    if isinstance(lr, list):
        return schedules.spread(lr[0], lr[1], groups), {"why": "params.yaml"}
    if lr == "find" and (before is not None or (name == "unfrozen" and learner.pretrained)):
        high, why = second_test(learner, found["used"] if before is None else before)
        return schedules.spread(high / 100, high, groups), why
    rate, why = (
        (found["used"], {"why": "lr.json"}) if lr == "find" else (lr, {"why": "params.yaml"})
    )
    if rate is None:
        raise UserError(f"train.{name}.lr: find, but lr_find found none: {found['reason']}")
    rates = schedules.head_first(rate, groups) if name == "frozen" else [rate] * groups
    return rates, why


def second_test(learner: "Learner", before: float | None) -> tuple[float, dict[str, Any]]:
    """The lesson's second range test, with default settings, of a pretrained body unfrozen.

    A model that has learnt may give a curve that hardly falls; then half the frozen body's rate is
    taken, as fast.ai's `fine_tune` does.

    Raises:
        UserError: neither that test nor the one of the frozen body could be read.
    """
    test = lr_finder.RangeTest()
    curve = learner.lr_find(test)
    chosen = lr_finder.choose(test, curve)
    known = np.isfinite(curve.smooth)
    points = {"lr": curve.rates[known].tolist(), "loss": curve.smooth[known].tolist()}
    why = {"range_test": chosen | points}
    if chosen["used"] is None:
        if before is None:
            raise UserError(f"train.unfrozen.lr: find, but no rate was found: {chosen['reason']}")
        half = f"half the frozen rate; a second range test: {chosen['reason']}"
        return before / 2, {"why": half, **why}
    return float(chosen["used"]), {"why": f"second range test: {chosen['reason']}", **why}
