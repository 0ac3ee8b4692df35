"""How the model was trained: range test, schedule, history and their reading; the recipe."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from shlex import quote
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from onecycle.paths import Paths, read_json
from onecycle.report import range_test, schedule
from onecycle.report.figures import Theme, calm, legend, plot
from onecycle.report.parts import Plot, Section, Table
from onecycle.report.reading import RULES, Reading, read
from onecycle.report.words import count, place


@dataclass(frozen=True)
class Trained:
    """How a model came to be.

    Attributes:
        problem: its name.
        lr: the range test's suggestions and reason.
        lr_curve: its rates and losses.
        history: losses and metric of each epoch.
        model: the learner's recipe and how it was trained.
    """

    problem: str
    lr: dict[str, Any]
    lr_curve: pd.DataFrame
    history: pd.DataFrame
    model: dict[str, Any]

    @classmethod
    def read(cls, paths: Paths) -> "Trained":
        """Reads what lr_find and train wrote."""
        return cls(
            problem=paths.problem,
            lr=read_json(paths.model("lr.json")),
            lr_curve=pd.read_csv(paths.report("lr_find.csv")),
            history=pd.read_csv(paths.report("history.csv")),
            model=read_json(paths.model("model.json")),
        )

    @property
    def reading(self) -> Reading:
        """What the history says, by a stated rule."""
        return read(self.problem, self.history, self.model, self.lr)


def training(trained: Trained) -> Section:
    """The reading of the training, and the curves that it was read from."""
    reading, chance = trained.reading, trained.model["training"]["chance"]
    says = [
        reading.says,
        f"It is read so where {reading.rule}. Chance's loss, {chance:.3g}, is that of the best "
        "guess on valid that sees no input: at 1\u00a0× nothing was learnt.",
    ]
    if reading.tries:
        says.append("To try next:")
    rules = Table(["All readings, the first that holds", "Where"], list(RULES.items()), text=2)
    return Section(
        "Training",
        says,
        plots=plots(trained),
        commands=commands(trained),
        finding=f"The training reads: {reading.name}.",
        folded=rules,
    )


def commands(trained: Trained) -> list[str]:
    """A command that tries what the reading suggests; none where it suggests nothing."""
    tries = trained.reading.tries
    if not tries:
        return []
    said = " ".join(f"--set {quote(each)}" for each in tries)
    return [f"python -m flows.pipeline {said}"]


def recipe(trained: Trained) -> Section:
    """Phases and parameters."""
    return Section("Recipe", tables=[_phases(trained), _recipe(trained)], says=[_model(trained)])


def plots(trained: Trained) -> list[Plot]:
    """The range tests, the schedule, then the history."""
    phases = trained.model["training"]["phases"]
    return [*range_test_plots(trained), schedule.plot(phases), history_plot(trained)]


def range_test_plots(trained: Trained) -> list[Plot]:
    """The range test of lr_find, and of each phase that ran one of its own."""
    phases = trained.model["training"]["phases"]
    trained_at_it = any(phase["why"] == "lr.json" for phase in phases)
    first = range_test.plot(trained.lr, trained.lr_curve, "Range test")
    if not trained_at_it:
        first = replace(first, caption=f"{first.caption} No phase took its rate from this test.")
    own = [(each["name"], each["range_test"]) for each in phases if "range_test" in each]
    later = [
        range_test.plot(found, pd.DataFrame({key: found[key] for key in ("lr", "loss")}), title)
        for title, found in ((f"Range test before the {name} phase", it) for name, it in own)
    ]
    return [first, *later]


def history_plot(trained: Trained) -> Plot:
    """Losses above, the metric below, phases as bands."""
    history, metric = trained.history, str(trained.model["training"]["metric"])
    scratch = trained.model["training"].get("scratch")
    epochs = np.arange(1, len(history) + 1)

    def draw(figure: Figure, theme: Theme) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        calm(upper, theme, y="loss")
        calm(lower, theme, "epoch", metric)
        runs = [(name, len(list(run))) for name, run in groupby(history["phase"])]
        schedule.bands([upper, lower], runs, theme, first=0.5)
        line = {"marker": "o", "ms": 3, "lw": 1.4}
        upper.plot(epochs, history["train_loss"], "--", color=theme.second, label="train", **line)
        upper.plot(epochs, history["valid_loss"], color=theme.accent, label="valid", **line)
        lower.plot(epochs, history["metric"], color=theme.accent, label="pretrained", **line)
        if scratch and "metric" in scratch:
            plain = {"color": theme.faint, "label": "from scratch", **line}
            lower.plot(epochs, scratch["metric"], **plain)
            legend(lower, theme)
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        legend(upper, theme)

    last = history.iloc[-1]
    caption = (
        f"After {count(len(history), 'epoch')}: train loss {last['train_loss']:.3g}, "
        f"valid loss {last['valid_loss']:.3g}, {metric} on valid {last['metric']:.4g}."
    )
    if scratch:
        came = scratch.get("failed") or f"{metric} gets to {scratch['metric'][-1]:.4g}"
        caption += (
            f" From scratch, in one cycle at {scratch['lr']:.2g} ({scratch['reason']}), {came}."
        )
    return plot(draw, f"Losses and metric of each epoch. {caption}", caption, name="history")


def _model(trained: Trained) -> str:
    model = trained.model
    return f"{count(model['parameters'], 'parameter')}, trained in {model['precision']}."


def _phases(trained: Trained) -> Table:
    """Each phase's epochs and highest rates, and where those come from."""
    phases = trained.model["training"]["phases"]
    rows = [
        [each["name"], str(each["epochs"]), _rates(each["rates"]), each["why"]] for each in phases
    ]
    return Table(["Phase", "Epochs", "Highest rates, first layers to last", "From"], rows, text=4)


def _rates(rates: list[float]) -> str:
    """The rates from the first layer group to the last, equal ones once."""
    return ", ".join(f"{rate:.2g}" for rate in dict.fromkeys(rates))


def _recipe(trained: Trained) -> Table:
    """The learner's parameters, a row for each."""
    return Table(["Parameter", "Value"], list(_flat(trained.model["learner"])), text=2)


def _flat(value: dict[str, Any], prefix: str = "") -> Iterator[list[str]]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from _flat(inner, f"{prefix}{key}.")
        else:
            yield [prefix + key, WORDS.get(key, _word)(inner)]


def _word(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(_word(each) for each in value)
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


WORDS: dict[str, Callable[[Any], str]] = {
    "url": lambda value: place(str(value)),
    "checksum": lambda value: f"{value[:19]}…" if value else _word(value),
}
