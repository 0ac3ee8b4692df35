"""train: a frozen phase, then an unfrozen one, each on a schedule, one-cycle by default."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import model_validator

from onecycle import tables
from onecycle.errors import NotFiniteError, UserError
from onecycle.foreign import write_csv
from onecycle.learn import identity, lr_finder, recipe, schedules
from onecycle.learn.phases import Frozen, Unfrozen, plan
from onecycle.learn.schedules import Cycle
from onecycle.params import Section
from onecycle.paths import Paths, home, read_json, sha256
from onecycle.progress import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from onecycle.learn.checkpoint import Checkpoints
    from onecycle.learn.learner import Learner

DEFAULT_LR = 1e-3  # fast.ai's, where no range test tells


class Params(Section):
    """The two phases.

    Attributes:
        frozen: only the head learns.
        unfrozen: everything learns.
        not_finite: where a loss is not finite, `stop`, or `halve`: begin anew, once, with half the
            rates of the phase in which it happened. Either way, what led to it is kept.
        beside_scratch: whether the same architecture is trained from scratch too, for as many
            epochs in one cycle at a rate of its own range test, to be shown beside; it is not kept.
    """

    frozen: Frozen = Frozen()
    unfrozen: Unfrozen = Unfrozen()
    not_finite: Literal["stop", "halve"] = "stop"
    beside_scratch: bool = False

    @model_validator(mode="after")
    def _trains(self) -> "Params":
        if self.frozen.epochs + self.unfrozen.epochs == 0:
            raise ValueError("expected epochs in a phase: both have 0, nothing would be trained")
        return self


def run(paths: Paths, params: Params, learner_params: recipe.Learner, threads: int) -> None:
    """Writes `model.safetensors`, `model.json` and `history.csv`.

    It goes on from a checkpoint that was left by a run with the same data, parameters and code.

    Raises:
        NotFiniteError: the loss is not finite; what led to it is in `.onecycle/not_finite/`.
        UserError: pretrained weights can't be had.
    """
    import pandas as pd

    from onecycle.learn import assemble, check, checkpoint, resume, saved

    found = read_json(paths.model("lr.json"))
    name = _key(paths, params, learner_params, threads, found)
    with checkpoint.opened(home() / "checkpoints" / paths.problem / name) as kept:
        learner, phases = train(
            lambda: assemble.fresh(paths, learner_params, threads),
            params,
            found,
            kept,
            home() / "not_finite" / paths.problem,
        )
        history = learner.history
        write_csv(paths.report("history.csv"), pd.DataFrame(history))
        last = {key: history[-1][key] for key in ("train_loss", "valid_loss", "metric")}
        metric = learner.data.blocks.y.metric_name
        said: dict[str, Any] = {"phases": phases, "metric": metric, "last": last}
        said["micro_batch"] = learner.stepper.micro
        said["chance"] = check.chance(learner.data.train, learner.data.valid)
        if learner.others:
            said["made_with_before"] = learner.others
        if params.beside_scratch:
            plain = learner_params.model_copy(update={"weights": None})
            kept.write(resume.state(learner))
            with checkpoint.opened(kept.folder / "scratch") as beside:
                fresh = assemble.fresh(paths, plain, threads)
                said["scratch"] = scratch(fresh, len(history), beside)
                beside.clear()
        saved.save(learner, paths.model(), said)
        kept.clear()


def _key(
    paths: Paths, params: Params, learner: recipe.Learner, threads: int, found: dict[str, Any]
) -> str:
    """What names this training: all that decides it, but for what memory makes of a batch."""
    from onecycle.learn import assemble

    asked = learner.model_dump(exclude={"micro_batch"})
    parts = [*identity.data(paths), sha256(paths.data("split.parquet"))]
    code = identity.code(("blocks", "learn", "pixels"), (__file__, str(tables.__file__)))
    sections = [asked, assemble.unbound_weights(asked), params.model_dump(), found, threads]
    return identity.key([parts, sections, code])


def train(
    fresh: "Callable[[], Learner]",
    params: Params,
    found: dict[str, Any],
    kept: "Checkpoints | None" = None,
    led_to: Path | None = None,
) -> tuple["Learner", list[dict[str, Any]]]:
    """Trains the phases.

    Args:
        fresh: gives what is trained, as new.
        params: the phases.
        found: the content of lr.json.
        kept: where what is learnt is kept from time to time, and gone on from; null: nowhere.
        led_to: where to keep what led to a loss that is not finite; null: nowhere.

    Returns:
        What was trained, and what model.json says of each phase.

    Raises:
        NotFiniteError: a loss is not finite, and was not allowed to be or was so again.
    """
    from onecycle.learn import astray, resume

    learner = fresh()
    learner.checkpoints = kept
    halved: dict[str, str] = {}
    begun = kept and kept.newest()
    if begun:
        resume.go_on(learner, begun)
        halved = learner.told.get("halved", {})
    while True:
        try:
            return learner, _phases(learner, params, found, halved)
        except NotFiniteError as error:
            name = learner.told["phases"][-1]["name"]
            if led_to and error.before:
                try:
                    astray.keep(learner, error, led_to)
                    how = f"`python -m tasks replay {led_to.name}` looks at it"
                    say(f"what led to it is kept: {how}")
                except (OSError, UserError) as full:
                    say(f"what led to it can't be kept: {full}")
            if params.not_finite == "stop" or halved:
                raise
            halved = {name: str(error)}
            say(f"{error}: begun anew with half the rates of {name}")
            if kept:
                kept.clear()
        learner = fresh()
        learner.checkpoints = kept


def _phases(
    learner: "Learner", params: Params, found: dict[str, Any], halved: dict[str, str]
) -> list[dict[str, Any]]:
    """Trains the phases that are left; gives what model.json says of all.

    Args:
        learner: what is trained.
        params: the phases.
        found: the content of lr.json.
        halved: the phase whose rates are to be halved, if one is, and why.
    """
    from onecycle.learn import resume

    phases: list[dict[str, Any]] = learner.told.get("phases", [])
    begun = len(phases)
    asked: dict[str, Frozen | Unfrozen] = {"frozen": params.frozen, "unfrozen": params.unfrozen}
    for at, name in enumerate(name for name, phase in asked.items() if phase.epochs):
        phase = asked[name]
        learner.freeze_to(-1 if name == "frozen" else 0)
        if at >= begun:
            if phases and learner.checkpoints:  # for a kill in the next range test
                learner.checkpoints.write(resume.state(learner))
            before = phases[-1]["rates"][-1] if phases else None
            rates, why = plan(phase, found, learner, before)
            if name in halved:
                rates = [rate / 2 for rate in rates]
                why["why"] += f"; halved, for {halved[name]}"
            say(f"{name}, {why['why']}; highest rates:")
            say(learner.rate_table(rates))
            schedule = phase.model_dump(include=set(schedules.Schedule.model_fields))
            told = {"name": name, "epochs": phase.epochs, "rates": rates, "schedule": schedule}
            phases.append(told | why)
            learner.told = {"phases": phases, "halved": halved}
        elif at < begun - 1 or not learner.begun:
            continue  # it was trained before
        learner.fit(Cycle(name, phase.epochs, phases[at]["rates"], phase))
    return phases


def scratch(learner: "Learner", epochs: int, kept: "Checkpoints") -> dict[str, Any]:
    """Trains without pretrained weights; the rate and, by epoch, valid's loss and metric.

    Where its range test can't be read, the rate is fast.ai's default.
    """
    from onecycle.learn import resume

    begun = kept.newest()
    if begun:
        resume.go_on(learner, begun)
    else:
        chosen = lr_finder.choose(lr_finder.RangeTest(), learner.lr_find())
        rate = float(chosen["used"] or DEFAULT_LR)
        say(f"from scratch, {epochs} epochs at {rate:.2e}: {chosen['reason']}")
        learner.told = {"lr": rate, "reason": chosen["reason"]}
    learner.checkpoints, told = kept, learner.told
    try:
        history = learner.fit_one_cycle(epochs, told["lr"])
    except UserError as error:  # the model that is kept does not hang on it
        return {**told, "failed": str(error)}
    return told | {key: [row[key] for row in history] for key in ("valid_loss", "metric")}
