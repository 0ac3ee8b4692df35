"""The picture of a range test: the loss at rising rates, and what was read from it."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onecycle.report.figures import Theme, calm, legend
from onecycle.report.figures import plot as draw_plot
from onecycle.report.parts import Plot, slug

SHAPES = "s^Dv"
SUGGESTIONS = ("valley", "slide", "minimum", "steep")


def plot(found: dict[str, Any], curve: pd.DataFrame, title: str) -> Plot:
    """The rate that was chosen stands out, beside the other suggestions.

    Args:
        found: the suggestions, the one used and the reason, as lr.json has them.
        curve: columns `lr`, `loss` (smoothed) and, where they are known, `batch_loss`.
        title: begins the caption.
    """
    chosen, used = found["reason"].partition(":")[0], found["used"]
    others = {name: found[name] for name in SUGGESTIONS if found[name] and name != chosen}

    def draw(figure: Figure, theme: Theme) -> None:
        axes = calm(figure.add_subplot(), theme, "learning rate", "loss")
        if "batch_loss" in curve:
            axes.semilogx(curve["lr"], curve["batch_loss"], ".", color=theme.faint, ms=3, alpha=0.6)
        axes.semilogx(curve["lr"], curve["loss"], color=theme.ink, lw=1.4, label="smoothed")
        axes.set_ylim(*heights(curve["loss"].to_numpy()))

        def height(rate: float) -> float:
            return float(np.interp(np.log(rate), np.log(curve["lr"]), curve["loss"]))

        if used is not None:
            axes.axvline(used, color=theme.accent, lw=1, alpha=0.6)
            named = f"{chosen} {used:.1e}, used"
            axes.plot(used, height(used), "o", color=theme.accent, ms=8, label=named)
        for shape, (name, rate) in zip(SHAPES, others.items(), strict=False):
            label = f"{name} {rate:.1e}"
            axes.plot(rate, height(rate), shape, mec=theme.faint, mfc="none", ms=6, label=label)
        legend(axes, theme)

    words = f"{used:.2g} by" if used is not None else "no rate;"
    caption = f"{title}: {words} {found['reason']}."
    alt = f"Loss against learning rate; the rate that was chosen is marked. {caption}"
    return draw_plot(draw, alt, caption, name=slug(title))


def heights(losses: NDArray[np.float64]) -> tuple[float, float]:
    """The part of the loss axis that matters: divergence at the end leaves it."""
    finite = losses[np.isfinite(losses)]
    least, start = finite.min(), finite[: len(finite) // 2 + 1].max()
    margin = 0.08 * (start - least) or 0.1
    return least - margin, min(finite.max(), start + 0.4 * (start - least)) + margin
