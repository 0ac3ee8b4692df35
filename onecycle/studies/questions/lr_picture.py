"""The picture of the study lr: scores over rates, and the range test's curve below."""

from itertools import chain

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onecycle.decide.scores import Floats
from onecycle.report.figures import Theme, calm
from onecycle.studies.compare import Judge
from onecycle.studies.finding import Done, Picture
from onecycle.studies.questions.lr_reading import SUGGESTIONS, Rates

MARKERS = dict(zip(SUGGESTIONS, "os^D", strict=True))
AROUND = 2.0  # shown beyond the first and the last rate, as a factor
Curve = tuple[Floats, Floats]


def of(done: Done, judge: Judge, part: str, rates: Rates) -> Picture:
    """Scores over rates, suggestions at their rates, what is too low or too high shaded."""
    curves = tested(done, rates)

    def draw(figure: Figure, theme: Theme) -> None:
        figure.subplots_adjust(left=0.15, bottom=0.13, top=0.93, hspace=0.1)
        above, below = figure.subplots(2, sharex=True, height_ratios=[2.6, 1])
        scores(calm(above, theme), theme, judge, part, rates)
        for lr, loss in curves:
            below.plot(lr, loss, color=theme.faint, linewidth=1)
        calm(below, theme, "rate", "range test's\nloss")

    values = ", ".join(
        f"{judge.value(name).value:.4g} at {rate:.2g}"
        for name, rate in rates.grid.items()
        if name in judge
    )
    return Picture(
        draw,
        f"{judge.metric} on {part} over the rate: {values}",
        f"{judge.metric} on {part} at each rate of the grid, with 95 % intervals, and at each rate "
        "that a seed's range test suggests. Shaded: told worse than the best, or no model (×). "
        "Below: the smoothed loss of each seed's range test.",
        4.6,
    )


def span(rates: Rates) -> tuple[float, float]:
    """The rates that are shown."""
    suggested = [each.rates for each in rates.suggested.values()]
    shown = [*rates.grid.values(), *chain(*suggested)]
    return min(shown) / AROUND, max(shown) * AROUND


def tested(done: Done, rates: Rates) -> list[Curve]:
    """Rates and smoothed losses of each seed's range test, those that are shown."""
    first, last = span(rates)
    found = []
    for run, *_ in done[next(name for name in SUGGESTIONS if name in done)].runs:
        curve = run.told["found"]["curve"]
        lr, loss = (np.array(curve[name], dtype=np.float64) for name in ("rates", "smooth"))
        seen = (lr >= first) & (lr <= last)
        found.append((lr[seen], loss[seen]))
    return found


def scores(axes: Axes, theme: Theme, judge: Judge, part: str, rates: Rates) -> None:
    """The upper part; of suggestions each seed, for each has a rate of its own."""
    known = {rate: judge.value(name) for name, rate in rates.grid.items() if name in judge}
    if rates.low is not None:
        shade(axes, theme, rates, to=rates.low)
    if rates.high is not None:
        shade(axes, theme, rates, start=rates.high)
    axes.plot(list(known), [each.value for each in known.values()], color=theme.accent, linewidth=1)
    for rate, each in known.items():
        axes.plot([rate, rate], [each.low, each.high], color=theme.accent, linewidth=1.6)
        axes.plot(rate, each.value, "o", color=theme.accent, markersize=4)
    for name, suggested in rates.suggested.items():
        axes.plot(
            suggested.rates,
            suggested.score.by_seed,
            MARKERS[name],
            color=theme.second,
            markersize=6,
            markerfacecolor="none",
            label=name,
        )
    failed = [rate for name, rate in rates.grid.items() if name not in judge]
    at = [0.04] * len(failed)  # near the lower edge, for they have no score
    axes.plot(failed, at, "x", color=theme.ink, transform=axes.get_xaxis_transform())
    axes.set_xscale("log")
    axes.set_xlim(span(rates))
    axes.set_ylabel(f"{judge.metric} on {part}")
    if rates.suggested:
        axes.legend(frameon=False, fontsize=9, labelcolor=theme.ink, loc="best")


def shade(
    axes: Axes, theme: Theme, rates: Rates, *, start: float | None = None, to: float | None = None
) -> None:
    """Rates that are too high, from one on, or too low, up to one; half a step beyond it."""
    grid = np.array(sorted(rates.grid.values()))
    left, right = span(rates)
    if to is not None:
        right = np.sqrt(to * grid[grid > to][0])
    if start is not None:
        left = np.sqrt(start * grid[grid < start][-1])
    axes.axvspan(left, right, color=theme.area, zorder=0)
    axes.text(
        np.sqrt(left * right),
        1.01,
        "too low" if start is None else "too high",
        transform=axes.get_xaxis_transform(),
        ha="center",
        va="bottom",
        fontsize=9,
        color=theme.ink,
    )
