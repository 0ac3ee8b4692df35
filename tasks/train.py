"""train: a frozen phase, then an unfrozen one, each a one-cycle."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

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


class Params(Section):
    """The two phases."""

    frozen: Frozen = Frozen()
    unfrozen: Unfrozen = Unfrozen()


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
            cycle, why = plan(name, phase, found["used"], fresh, parts["train"], bool(phases))
            say(f"{name}: {schedules.rate_table(fresh.model.group_names, cycle.rates)} ({why})")
            history += fresh.fit(cycle, parts["train"], parts["valid"])
            phases.append({"name": name, "epochs": phase.epochs, "rates": cycle.rates, "why": why})
    if not phases:
        raise UserError("train: both phases have 0 epochs; nothing would be trained")
    with whole(paths.report("history.csv")) as partial:
        pd.DataFrame(history).to_csv(partial, index=False)
    metric = fresh.block.y.metric_name
    last = {key: history[-1][key] for key in ("train_loss", "valid_loss", "metric")}
    saved.save(fresh, paths.model(), {"phases": phases, "metric": metric, "last": last})


def plan(
    name: str, phase: Phase, found: float, learner: "Learner", train: "Part", after_frozen: bool
) -> tuple["Cycle", str]:
    """The cycle of a phase: a highest rate for each layer group, and where they come from."""
    from onecycle.learn.learner import Cycle

    groups = len(learner.groups)
    if isinstance(phase, Frozen):
        head = found if phase.lr == "find" else phase.lr
        rates, why = schedules.head_first(head, groups), _source(phase.lr)
    elif isinstance(phase, Unfrozen) and isinstance(phase.lr, list):
        rates, why = schedules.spread(phase.lr[0], phase.lr[1], groups), "params.yaml"
    elif isinstance(phase, Unfrozen) and phase.lr == "find" and after_frozen:
        high, why = second_test(learner, train, found)
        rates = schedules.spread(high / 100, high, groups)
    else:
        rate = found if phase.lr == "find" else phase.lr  # type: ignore[attr-defined]
        rates, why = [rate] * groups, _source(phase.lr)  # type: ignore[attr-defined]
    return Cycle(name, phase.epochs, rates, phase.pct_start, phase.div), why


def second_test(learner: "Learner", train: "Part", found: float) -> tuple[float, str]:
    """The lesson's second range test, on the unfrozen model after the frozen phase.

    A model that has learnt gives a curve that may hardly fall; then half the frozen rate is taken,
    as `fine_tune` does.
    """
    try:
        curve = learner.range_test(lr_finder.RangeTest(), train, frozen=False)
        chosen = lr_finder.choose(lr_finder.RangeTest(), *curve)
    except UserError as error:
        return found / 2, f"half the frozen rate, as fine_tune has it, for the second {error}"
    return float(chosen["used"]), f"second range test: {chosen['reason']}"


def _source(lr: float | str | list[float]) -> str:
    return "lr.json" if lr == "find" else "params.yaml"
