"""The pictures that several studies share."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from onecycle.report.figures import Theme, calm
from onecycle.studies import times
from onecycle.studies.compare import Judge
from onecycle.studies.finding import Done, Picture

ROW = 0.34  # inches of an arm
LETTER = 0.0125  # of the width, of a letter of an arm's name


def arms(told: dict[str, Any]) -> Picture:
    """Every arm's score with its interval, test's and valid's, beside the base's.

    Args:
        told: of `finding.to_json`.
    """
    parts = list(reversed(told["n"]))  # test first
    rows = told["arms"]
    height = 1.1 + ROW * len(rows)
    left = 0.04 + LETTER * max(len(arm["name"]) for arm in rows)

    def draw(figure: Figure, theme: Theme) -> None:
        figure.subplots_adjust(
            left=min(max(left, 0.14), 0.5), right=0.97, top=1 - 0.35 / height, bottom=0.55 / height
        )
        axes = calm(figure.add_subplot(), theme, f"{told['metric']}, with 95 % intervals")
        colours = [theme.accent, theme.faint]
        for at, arm in enumerate(rows):
            if not arm["score"]:
                axes.text(
                    0.01,
                    at,
                    "no model",
                    transform=axes.get_yaxis_transform(),
                    va="center",
                    fontsize=9,
                    color=theme.faint,
                )
            for place, (part, colour) in enumerate(zip(parts, colours, strict=False)):
                found = arm["score"].get(part)
                if found is None:
                    continue
                y = at + 0.22 * place
                axes.plot([found["low"], found["high"]], [y, y], color=colour, linewidth=1.6)
                axes.plot(found["value"], y, "o", color=colour, markersize=5)
                axes.plot(
                    found["by_seed"], [y] * len(found["by_seed"]), "|", color=colour, markersize=7
                )
            if arm["name"] == told["base"] and parts[0] in arm["score"]:
                axes.axvline(
                    arm["score"][parts[0]]["value"], color=theme.faint, linewidth=0.8, linestyle=":"
                )
        for part, colour in zip(parts, colours, strict=False):
            axes.plot([], [], "o-", color=colour, markersize=5, label=part)
        axes.set_yticks(range(len(rows)), [arm["name"] for arm in rows], parse_math=False)
        axes.set_ylim(len(rows) - 0.5, -0.6)
        if len(parts) > 1:
            legend_above(figure, axes, theme)

    scores = ", ".join(
        f"{arm['name']} {arm['score'][parts[0]]['value']:.4g}"
        for arm in rows
        if parts[0] in arm["score"]
    )
    ticks = " Ticks are single seeds." if len(told["seeds"]) > 1 else ""
    return Picture(
        draw,
        f"{told['metric']} on {parts[0]} of each arm: {scores}",
        f"Each arm's {told['metric']}; the dotted line is '{told['base']}' on {parts[0]}.{ticks}",
        height,
    )


def over_time(judge: Judge, part: str, done: Done) -> Picture:
    """Each arm's score over the time that it trains.

    Args:
        judge: of the arms.
        part: that it judges.
        done: how long each trains.
    """
    seconds = {arm: times.mean(done, arm) for arm in judge.parts}
    scores = {arm: judge.value(arm) for arm in seconds}

    def draw(figure: Figure, theme: Theme) -> None:
        figure.subplots_adjust(left=0.15)
        axes = calm(
            figure.add_subplot(), theme, "seconds of a training", f"{judge.metric} on {part}"
        )
        inwards = {0: "left", len(seconds) - 1: "right"} if len(seconds) > 1 else {}
        for place, (arm, at) in enumerate(sorted(seconds.items(), key=lambda each: each[1])):
            found, above = scores[arm], place % 2 == 0  # so names of two close ones lie apart
            axes.plot([at, at], [found.low, found.high], color=theme.accent, linewidth=1.6)
            axes.plot(at, found.value, "o", color=theme.accent, markersize=5)
            axes.plot([at] * len(found.by_seed), found.by_seed, "_", color=theme.accent)
            axes.annotate(
                arm,
                (at, found.high if above else found.low),
                xytext=(0, 4 if above else -4),
                textcoords="offset points",
                ha=inwards.get(place, "center"),  # names at the ends would reach out
                va="bottom" if above else "top",
                fontsize=9,
                color=theme.ink,
                parse_math=False,
            )
        axes.set_xscale("log")
        axes.margins(0.15)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())

    told = ", ".join(f"{arm} {scores[arm].value:.4g} in {seconds[arm]:.3g} s" for arm in seconds)
    kind = "the clock's" if times.unit() == "seconds" else "the processor's, of training alone"
    return Picture(
        draw,
        f"{judge.metric} on {part} over seconds of training: {told}",
        f"Each arm's {judge.metric} on {part} with its 95 % interval over the time it trains "
        f"({kind}); ticks are single seeds.",
    )


def legend_above(figure: Figure, axes: Axes, theme: Theme) -> None:
    """The legend of some axes in one row above the picture, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        frameon=False,
        fontsize=9,
        ncols=len(labels),
        labelcolor=theme.ink,
        loc="upper right",
        borderaxespad=0.2,
    )
