"""train: a frozen phase, then an unfrozen one, each a one-cycle."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from onecycle.errors import UserError
from onecycle.learn import lr_finder, recipe, schedules
from onecycle.params import Section
from onecycle.paths import Paths, read_json, whole
from onecycle.progress import say

if TYPE_CHECKING:
    from onecycle.learn.datablock import Part
    from onecycle.learn.learner import Cycle, Learner

Rate = Annotated[float, Field(gt=0)]


class Phase(Section):
    """One cycle.

    Attributes:
        epochs: passes over train; 0 leaves the phase out.
        pct_start: share of the steps in which the rate rises.
        div: the highest rate is this many times the first.
    """

    epochs: int = Field(0, ge=0)
    pct_start: float = Field(0.25, gt=0, lt=1)
    div: float = Field(25.0, gt=0)


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
            last; `find` after a frozen phase runs a second range test and spreads from a hundredth
            of what it finds, without one it takes lr.json's for all.
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
    """The two phases."""

    frozen: Frozen = Frozen()
    unfrozen: Unfrozen = Unfrozen()

    @model_validator(mode="after")
    def _trains(self) -> "Params":
        if self.frozen.epochs + self.unfrozen.epochs == 0:
            raise ValueError("expected epochs in a phase: both have 0, nothing would be trained")
        return self


def run(paths: Paths, params: Params, learner: recipe.Learner, threads: int) -> None:
    """Writes `model.safetensors`, `model.json` and `history.csv`.

    Raises:
        UserError: the loss is not finite, or pretrained weights can't be had.
    """
    import pandas as pd

    from onecycle.learn import assemble, saved

    fresh, parts = assemble.fresh(paths, learner, threads)
    found = read_json(paths.model("lr.json"))
    history: list[dict[str, Any]] = []
    phases: list[dict[str, Any]] = []
    with fresh.seeded():
        for name, phase in (("frozen", params.frozen), ("unfrozen", params.unfrozen)):
            if phase.epochs == 0:
                continue
            before = phases[-1]["rates"][-1] if phases else None
            cycle, why = plan(phase, found, fresh, parts["train"], before)
            say(f"{name}: {schedules.rate_table(fresh.model.group_names, cycle.rates)} ({why})")
            history += fresh.fit(cycle, parts["train"], parts["valid"])
            phases.append({"name": name, "epochs": phase.epochs, "rates": cycle.rates, "why": why})
    with whole(paths.report("history.csv")) as partial:
        pd.DataFrame(history).to_csv(partial, index=False)
    metric = fresh.block.y.metric_name
    last = {key: history[-1][key] for key in ("train_loss", "valid_loss", "metric")}
    saved.save(fresh, paths.model(), {"phases": phases, "metric": metric, "last": last})


def plan(
    phase: Frozen | Unfrozen,
    found: dict[str, Any],
    learner: "Learner",
    train: "Part",
    before: float | None,
) -> tuple["Cycle", str]:
    """The cycle of a phase: a highest rate for each layer group, and where they come from.

    Args:
        phase: what params.yaml says of it.
        found: the content of lr.json.
        learner: what will be trained.
        train: what a second range test trains on.
        before: the head's rate in the frozen phase, if there was one.

    Raises:
        UserError: the phase asks for lr.json's rate, but that has none.
    """
    from onecycle.learn.learner import Cycle

    groups, lr, why = len(learner.groups), phase.lr, "params.yaml"
    name = "frozen" if isinstance(phase, Frozen) else "unfrozen"
    if isinstance(lr, list):
        rates = schedules.spread(lr[0], lr[1], groups)
    elif lr == "find" and before is not None:
        high, why = second_test(learner, train, before)
        rates = schedules.spread(high / 100, high, groups)
    else:
        if lr == "find":
            lr, why = found["used"], "lr.json"
        if lr is None:
            raise UserError(f"train.{name}.lr: find, but lr_find found none: {found['reason']}")
        rate = float(lr)
        rates = schedules.head_first(rate, groups) if name == "frozen" else [rate] * groups
    return Cycle(name, phase.epochs, rates, phase.pct_start, phase.div), why


def second_test(learner: "Learner", train: "Part", before: float) -> tuple[float, str]:
    """The lesson's second range test, with default settings, after the frozen phase.

    A model that has learnt may give a curve that hardly falls; then half the frozen phase's rate is
    taken, as fast.ai's `fine_tune` does.
    """
    test = lr_finder.RangeTest()
    chosen = lr_finder.choose(test, *learner.range_test(test, train, frozen=False))
    if chosen["used"] is None:
        return before / 2, f"half the frozen rate; a second range test: {chosen['reason']}"
    return float(chosen["used"]), f"second range test: {chosen['reason']}"
