"""Plots as PNG in data URIs, each drawn for a light page and for a dark one."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from onecycle.report.parts import Plot
from onecycle.report.template import data_uri

WIDTH = 5.2  # inches, of 96 CSS pixels
MARGINS = {"left": 0.14, "right": 0.985, "bottom": 0.155, "top": 0.93, "hspace": 0.12}
SHARPNESS = 2  # pixels of the PNG for each CSS pixel


@dataclass(frozen=True)
class Theme:
    """Colours of a plot: words, what stands back, the main line, the second one, areas."""

    ink: str
    faint: str
    accent: str
    second: str
    area: str


LIGHT = Theme(ink="#33373d", faint="#8d939b", accent="#1f5fa8", second="#b4530f", area="#f1f2f4")
DARK = Theme(ink="#d3d6da", faint="#858b93", accent="#7db4ec", second="#eda365", area="#23262b")

Draw = Callable[[Figure, Theme], None]


def plot(
    draw: Draw,
    alt: str,
    caption: str = "",
    height: float = 3.2,
    width: float = WIDTH,
    name: str | None = None,
) -> Plot:
    """Draws a plot for both themes.

    Args:
        draw: fills an empty figure in a theme's colours.
        alt: the plot in words, for those who can't see it.
        caption: shown below it.
        height: in inches of 96 CSS pixels.
        width: likewise.
        name: of its file in `pictures/`; null: its section's.
    """
    light, dark = (data_uri(png(draw, theme, (width, height))) for theme in (LIGHT, DARK))
    return Plot(light, dark, round(width * 96), round(height * 96), alt, caption, name)


def png(draw: Draw, theme: Theme, size: tuple[float, float], paper: str = "none") -> bytes:
    """Draws a plot for one theme.

    Args:
        draw: fills an empty figure in the theme's colours.
        theme: those.
        size: width and height in inches of 96 CSS pixels.
        paper: the ground's colour; none: the page's.
    """
    figure = Figure(figsize=size)
    figure.subplots_adjust(**MARGINS)
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # then the font's box stands there
        draw(figure, theme)
        figure.savefig(
            buffer,
            format="png",
            dpi=96 * SHARPNESS,
            facecolor=paper,
            transparent=paper == "none",  # the axes too
            metadata={"Software": None},
        )
    return buffer.getvalue()


def calm(axes: Axes, theme: Theme, x: str = "", y: str = "") -> Axes:
    """Takes away what distracts; names the axes."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(theme.faint)
    axes.tick_params(which="both", colors=theme.faint, labelcolor=theme.ink, labelsize=9)
    axes.set_xlabel(x, color=theme.ink, fontsize=9.5)
    axes.set_ylabel(y, color=theme.ink, fontsize=9.5)
    return axes


def legend(axes: Axes, theme: Theme) -> None:
    """A legend without a frame, where there is room."""
    axes.legend(frameon=False, fontsize=9, labelcolor=theme.ink, handlelength=1.6)
