"""The picture of the schedule: rate and momentum over the steps of the phases, as trained."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from onecycle.learn.schedules import Schedule
from onecycle.report.figures import Theme, calm, legend
from onecycle.report.figures import plot as draw_plot
from onecycle.report.parts import Plot
from onecycle.report.words import count

POINTS = 50  # of the curve, for each epoch
DEEP = 1e-2  # the axis ends at this share of the least of the phases' highest rates


def plot(phases: list[dict[str, Any]]) -> Plot:
    """Draws rates above, momentum below; phases as bands.

    Args:
        phases: name, epochs, rates and schedule of each, as model.json has them.
    """

    def draw(figure: Figure, theme: Theme) -> None:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        calm(upper, theme, y="learning rate")
        calm(lower, theme, "epoch", "momentum")
        bands([upper, lower], [(each["name"], each["epochs"]) for each in phases], theme)
        start = 0.0
        for at, each in enumerate(phases):
            steps = POINTS * each["epochs"]
            x = start + np.arange(steps) / POINTS
            shares, momentum = curves(each, steps)
            *early, last = dict.fromkeys(each["rates"])
            for rate in early:
                upper.semilogy(x, rate * shares, color=theme.faint, lw=1)
            named = {"label": "last layers"} if at == 0 and _spread(phases) else {}
            upper.semilogy(x, last * shares, color=theme.accent, lw=1.6, **named)
            lower.plot(x, momentum, color=theme.second, lw=1.4)
            start += each["epochs"]
        highest = [rate for each in phases for rate in each["rates"]]
        upper.set_ylim(DEEP * min(highest), 2 * max(highest))
        upper.yaxis.set_major_locator(LogLocator(numticks=5))
        upper.yaxis.set_minor_locator(NullLocator())
        lower.xaxis.set_major_locator(MaxNLocator(integer=True))
        if _spread(phases):
            upper.plot([], [], color=theme.faint, lw=1, label="earlier layers")
            legend(upper, theme)

    said = "; ".join(
        f"{each['name']}, {count(each['epochs'], 'epoch')} of {each['schedule']['schedule']}, "
        f"highest {each['rates'][-1]:.2g}"
        for each in phases
    )
    return draw_plot(
        draw, f"Rate and momentum over the steps: {said}.", f"Schedule: {said}.", name="schedule"
    )


def curves(phase: dict[str, Any], steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The share of the highest rate, and the momentum, of each of `steps`, float64 [steps]."""
    schedule = Schedule.model_validate(phase["schedule"])
    found = np.array([schedule.at(step, steps) for step in range(steps)])
    return found[:, 0], found[:, 1]


def bands(axes: list[Axes], phases: list[tuple[str, int]], theme: Theme, first: float = 0) -> None:
    """Shades every other phase, names each above the first axes, and ends the last at the edge.

    Args:
        axes: one above the other.
        phases: the name of each and its epochs.
        theme: colours.
        first: where the first begins.
    """
    start, across = first, axes[0].get_xaxis_transform()
    for at, (name, epochs) in enumerate(phases):
        for each in axes:
            each.axvspan(start, start + epochs, color=theme.area, lw=0, alpha=(at + 1) % 2)
        middle = start + epochs / 2
        axes[0].text(
            middle, 1.02, name, transform=across, ha="center", color=theme.faint, fontsize=9
        )
        start += epochs
    axes[-1].set_xlim(first, start)


def _spread(phases: list[dict[str, Any]]) -> bool:
    return any(len(set(each["rates"])) > 1 for each in phases)
