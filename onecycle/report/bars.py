"""Tables of parts as pictures: how each label, group or target fares, the worst first.

The page has these as tables; `dvc plots diff` lays pictures of two versions side by side. They are
found by the name of their CSV, whatever kind of target wrote it; one that is not listed has none.
"""

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from onecycle.report.figures import Theme, calm, plot
from onecycle.report.parts import Plot

ROWS = 40  # worst ones that are drawn
HEIGHT = 0.2  # inches of a bar
Measure = Callable[[pd.DataFrame], "pd.Series[float]"]
BARS: dict[str, tuple[str, str, bool, Measure]] = {  # parts, what is measured, whether high is bad
    "labels.csv": (
        "label",
        "share of the items with a label that were given it",
        False,
        lambda table: table["right"] / table["items"],
    ),
    "groups.csv": ("group", "mean distance in pixels", True, lambda it: it["error_px_mean"]),
    "values.csv": ("target", "mean absolute error", True, lambda table: table["error_mean"]),
}


def plots(frames: dict[str, pd.DataFrame]) -> list[Plot]:
    """A picture `by-label`, `by-group` or `by-target` of each table that is known and filled."""
    known = [(frames[name], *BARS[name]) for name in BARS if name in frames]
    return [_plot(*each) for each in known if len(each[0])]


def _plot(table: pd.DataFrame, part: str, about: str, bad: bool, measure: Measure) -> Plot:
    values = measure(table)
    values.index = pd.Index([_short(name) for name in table[part]])
    ordered = values.dropna().sort_values(ascending=not bad, kind="stable").head(ROWS)[::-1]
    height = 0.9 + HEIGHT * len(ordered)

    def draw(figure: Figure, theme: Theme) -> None:
        figure.subplots_adjust(left=0.3, top=0.98, bottom=0.6 / height)
        axes = calm(figure.add_subplot(), theme, about)
        axes.barh(range(len(ordered)), ordered, color=theme.accent, height=0.7)
        axes.set_yticks(range(len(ordered)), ordered.index, parse_math=False)
        axes.set_ylim(-0.6, len(ordered) - 0.4)

    return plot(draw, f"{about}, by {part}", height=height, name=f"by-{part}")


def _short(name: object) -> str:
    text = f"{name:g}" if isinstance(name, float) else str(name)
    text = " ".join(text.split())
    return text if len(text) <= 22 else text[:21] + "…"
