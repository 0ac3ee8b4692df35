"""train: a frozen phase, then an unfrozen one, each on a schedule, one-cycle by default."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from onecycle.errors import UserError
from onecycle.foreign import write_csv
from onecycle.learn import lr_finder, recipe, schedules
from onecycle.learn.schedules import Cycle
from onecycle.params import Section
from onecycle.paths import Paths, read_json
from onecycle.progress import say

if TYPE_CHECKING:
    from onecycle.learn.learner import Learner, Row

DEFAULT_LR = 1e-3  # fast.ai's, where no range test tells
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


class Params(Section):
    """The two phases.

    Attributes:
        frozen: only the head learns.
        unfrozen: everything learns.
        beside_scratch: whether the same architecture is trained from scratch too, for as many
            epochs in one cycle at a rate of its own range test, to be shown beside; it is not kept.
    """

    frozen: Frozen = Frozen()
    unfrozen: Unfrozen = Unfrozen()
    beside_scratch: bool = False

    @model_validator(mode="after")
    def _trains(self) -> "Params":
        if self.frozen.epochs + self.unfrozen.epochs == 0:
            raise ValueError("expected epochs in a phase: both have 0, nothing would be trained")
        return self


def run(paths: Paths, params: Params, learner_params: recipe.Learner, threads: int) -> None:
    """Writes `model.safetensors`, `model.json` and `history.csv`.

    Raises:
        UserError: the loss is not finite, or pretrained weights can't be had.
    """
    import pandas as pd

    from onecycle.learn import assemble, check, saved

    learner = assemble.fresh(paths, learner_params, threads)
    history, phases = train(learner, params, read_json(paths.model("lr.json")))
    write_csv(paths.report("history.csv"), pd.DataFrame(history))
    last = {key: history[-1][key] for key in ("train_loss", "valid_loss", "metric")}
    metric = learner.data.blocks.y.metric_name
    said: dict[str, Any] = {"phases": phases, "metric": metric, "last": last}
    said["micro_batch"] = learner.stepper.micro
    said["chance"] = check.chance(learner.data.train, learner.data.valid)
    if params.beside_scratch:
        plain = learner_params.model_copy(update={"weights": None})
        said["scratch"] = scratch(assemble.fresh(paths, plain, threads), len(history))
    saved.save(learner, paths.model(), said)


def train(
    learner: "Learner", params: Params, found: dict[str, Any]
) -> tuple[list["Row"], list[dict[str, Any]]]:
    """Trains the phases.

    Args:
        learner: what is trained.
        params: the phases.
        found: the content of lr.json.

    Returns:
        The rows of history.csv, and what model.json says of each phase.
    """
    history: list[Row] = []
    phases: list[dict[str, Any]] = []
    for name, phase in (("frozen", params.frozen), ("unfrozen", params.unfrozen)):
        if phase.epochs == 0:
            continue
        learner.freeze_to(-1 if name == "frozen" else 0)
        before = phases[-1]["rates"][-1] if phases else None
        rates, why = plan(phase, found, learner, before)
        say(f"{name}, {why['why']}; highest rates:")
        say(learner.rate_table(rates))
        history += learner.fit(Cycle(name, phase.epochs, rates, phase))
        schedule = phase.model_dump(include=set(schedules.Schedule.model_fields))
        told = {"name": name, "epochs": phase.epochs, "rates": rates, "schedule": schedule}
        phases.append(told | why)
    return history, phases


def scratch(learner: "Learner", epochs: int) -> dict[str, Any]:
    """Trains without pretrained weights; the rate and, by epoch, valid's loss and metric.

    Where its range test can't be read, the rate is fast.ai's default.
    """
    chosen = lr_finder.choose(lr_finder.RangeTest(), learner.lr_find())
    rate = float(chosen["used"] or DEFAULT_LR)
    say(f"from scratch, {epochs} epochs at {rate:.2e}: {chosen['reason']}")
    told = {"lr": rate, "reason": chosen["reason"]}
    try:
        history = learner.fit_one_cycle(epochs, rate)
    except UserError as error:  # the model that is kept does not hang on it
        return {**told, "failed": str(error)}
    return told | {key: [row[key] for row in history] for key in ("valid_loss", "metric")}


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
