"""A training epoch by epoch: where its metric settles, and where its loss is least."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from onecycle.decide.kinds import KINDS
from onecycle.decide.scores import Floats
from onecycle.report.figures import Theme, calm
from onecycle.studies.arm import Asked
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.outcome import Outcome, Part
from onecycle.studies.pictures import legend_above


@dataclass(frozen=True)
class Course:
    """How a training went, epoch by epoch; all of them are counted from 1, over all phases.

    Attributes:
        judge: valid's scores after each epoch, named by its number.
        loss: of valid after each, the mean over seeds, float [E].
        train_loss: likewise.
        before: epochs of the phases before the last.
        seeds: trainings.
    """

    judge: Judge
    loss: Floats
    train_loss: Floats
    before: int
    seeds: int

    @classmethod
    def of(cls, asked: Asked, outcome: Outcome) -> "Course":
        """That of an arm that gave models."""
        runs = [of[0] for of in outcome.runs]
        valid = [run.parts["valid"] for run in runs]
        epochs = range(len(runs[0].told["history"]))
        parts = {str(at + 1): [_after(each, at) for each in valid] for at in epochs}
        judge = Judge(asked.kind, parts, KINDS[asked.kind].headline)
        loss, train_loss = (
            np.mean([run.rows(name) for run in runs], axis=0)
            for name in ("valid_loss", "train_loss")
        )
        phases = [row["phase"] for row in runs[0].told["history"]]
        return cls(judge, loss, train_loss, phases.index(asked.phases[-1]), len(runs))

    @property
    def last(self) -> list[str]:
        """The epochs of the last phase."""
        return [str(at + 1) for at in range(self.before, len(self.loss))]

    def within(self, epoch: str) -> int:
        """An epoch's number within the last phase."""
        return int(epoch) - self.before

    @cached_property
    def leads(self) -> dict[str, Estimate]:
        """Of each epoch but the last: the surest gain of a later one, those gains held at once."""
        found = {}
        for at, epoch in enumerate(self.last[:-1]):
            gains = self.judge.gains(self.last[at + 1 :], epoch)
            found[epoch] = max(gains.values(), key=lambda gain: gain.low)
        return found

    @property
    def settled(self) -> str:
        """The first epoch after which none is better beyond luck."""
        calm = [epoch for epoch, gain in self.leads.items() if gain.low <= 0]
        return calm[0] if calm else self.last[-1]

    @property
    def chosen(self) -> int:
        """How many epochs the last phase needs."""
        return self.within(self.settled)

    @property
    def least_loss(self) -> str:
        """The epoch of the last phase after which valid's loss is least."""
        return self.last[int(self.loss[self.before :].argmin())]

    @property
    def loss_rise(self) -> float:
        """Valid's loss at the end over its least in the last phase."""
        return float(self.loss[-1] / self.loss[int(self.least_loss) - 1])

    @property
    def best(self) -> str:
        """The epoch of the last phase with the best mean metric."""
        return self.judge.best(self.last)


def _after(part: Part, epoch: int) -> Part:
    """Valid as it was judged after an epoch."""
    if part.epochs is None:
        raise ValueError("valid was not judged after each epoch")
    return Part(part.ids, part.y, part.epochs[epoch], part.groups, part.size_px)


def draw(
    figure: Figure, theme: Theme, course: Course, ends: Sequence[tuple[str, int, Estimate]]
) -> None:
    """The metric after each epoch, and the losses below.

    Args:
        figure: an empty one.
        theme: its colours.
        course: a long training.
        ends: of two shorter ones: name, epochs of the last phase, score on valid.
    """
    figure.subplots_adjust(top=0.93, bottom=0.1, left=0.13, hspace=0.14)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    epochs = range(1, len(course.loss) + 1)
    calm(top, theme, "", course.judge.metric)
    calm(below, theme, "epoch, over all phases" if course.before else "epoch", "loss")
    values = [course.judge.value(str(epoch)) for epoch in epochs]
    low, high = [each.low for each in values], [each.high for each in values]
    top.fill_between(epochs, low, high, color=theme.accent, alpha=0.16, linewidth=0)
    top.plot(epochs, [each.value for each in values], color=theme.accent, label="long")
    looks = [("s", -0.12, "none"), ("o", 0.12, theme.second)]
    for (name, n, found), (mark, shift, paper) in zip(ends, looks[-len(ends) :], strict=True):
        x = course.before + n + shift
        top.plot([x, x], [found.low, found.high], color=theme.second, linewidth=1.4)
        look = {"color": theme.second, "markerfacecolor": paper, "markersize": 6.5}
        top.plot(x, found.value, mark, linestyle="none", label=name, **look)
    below.plot(epochs, course.train_loss, color=theme.faint, linewidth=1.2, label="train")
    below.plot(epochs, course.loss, color=theme.accent, label="valid")
    at = int(course.least_loss)
    below.plot(at, course.loss[at - 1], "v", color=theme.second, markersize=6, label="least")
    for axes in (top, below):
        settled = int(course.settled)
        axes.axvline(settled, 0, 0.8, color=theme.ink, linewidth=0.9, linestyle=":")
        if course.before:
            axes.axvspan(0.5, course.before + 0.5, color=theme.area, linewidth=0, zorder=0)
        axes.set_xlim(0.5, len(course.loss) + 0.5)
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_above(figure, top, theme)
    below.legend(loc="upper right", frameon=False, fontsize=9, labelcolor=theme.ink, ncols=3)
