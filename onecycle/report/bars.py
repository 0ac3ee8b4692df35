"""Tables of parts as pictures: how each label, group or target fares, the worst first.

The page has these as tables; `dvc plots diff` lays pictures of two versions side by side. They are
found by the name of their CSV, whatever kind of target wrote it; one that is not listed has none.
"""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from onecycle.report.figures import LIGHT, WIDTH, Theme, calm, png
from onecycle.report.pictures import PAPER

ROWS = 40  # worst ones that are drawn
HEIGHT = 0.2  # inches of a bar
NAME = 22  # characters of a name


@dataclass(frozen=True)
class Bars:
    """What is drawn of a table.

    Attributes:
        part: the column that names the rows.
        about: what is measured, in words.
        of: measures it, a number for each row.
        high_is_bad: whether the highest is the worst.
    """

    part: str
    about: str
    of: Callable[[pd.DataFrame], "pd.Series[float]"]
    high_is_bad: bool


BARS = {
    "labels.csv": Bars(
        "label",
        "recall",
        lambda table: table["right"] / table["items"],
        high_is_bad=False,
    ),
    "groups.csv": Bars(
        "group", "mean distance in px", lambda table: table["error_px_mean"], high_is_bad=True
    ),
    "values.csv": Bars(
        "target", "mean absolute error", lambda table: table["error_mean"], high_is_bad=True
    ),
}


def drawn(frames: dict[str, pd.DataFrame]) -> dict[str, bytes]:
    """PNGs `by-label`, `by-group` or `by-target` of each table that is known and filled."""
    known = [(frames[name], bars) for name, bars in BARS.items() if name in frames]
    return {f"by-{bars.part}": _drawn(table, bars) for table, bars in known if len(table)}


def _drawn(table: pd.DataFrame, bars: Bars) -> bytes:
    values = bars.of(table)
    values.index = pd.Index([_short(name) for name in table[bars.part]])
    worst = values.dropna().sort_values(ascending=not bars.high_is_bad, kind="stable").head(ROWS)
    height = 0.9 + HEIGHT * len(worst)

    def draw(figure: Figure, theme: Theme) -> None:
        figure.subplots_adjust(left=0.33, top=0.98, bottom=0.6 / height)
        axes = calm(figure.add_subplot(), theme, f"{bars.about}, by {bars.part}")
        axes.barh(range(len(worst)), worst, color=theme.accent, height=0.7)
        axes.set_yticks(range(len(worst)), worst.index, parse_math=False)
        axes.set_ylim(len(worst) - 0.4, -0.6)

    return png(draw, LIGHT, (WIDTH, height), PAPER)


def _short(name: object) -> str:
    """A name that fits beside its bar."""
    text = " ".join((f"{name:g}" if isinstance(name, float) else str(name)).split())
    return text if len(text) <= NAME else text[: NAME - 1] + "…"
