"""Names beside points, where they hide each other least."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from onecycle.decide.scores import Floats

SIZE, GAP = 8, 4  # points of type, and from a dot to its name
PLACES = [(x, y) for y, x in product((0, 1, -1, 2, -2), (1, -1, 0)) if (x, y) != (0, 0)]


def place(axes: Axes, points: Floats, names: Sequence[str], colour: str) -> None:
    """Writes each name where it overlaps the names before it and the dots least.

    Args:
        axes: with their final limits.
        points: [N, 2] in data units.
        names: N.
        colour: of the words.
    """
    figure = axes.get_figure()
    if not isinstance(figure, Figure):
        raise TypeError("the axes have no figure")
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())  # else they are found when it is drawn
    unit = figure.dpi / 72
    dots = axes.transData.transform(points)
    taken = np.concatenate([dots - 3 * unit, dots + 3 * unit], axis=1)
    frame = np.asarray(axes.get_window_extent(renderer).extents)
    for dot, name in zip(dots, names, strict=True):
        text = axes.text(0, 0, name, fontsize=SIZE, color=colour, va="bottom", parse_math=False)
        box = text.get_window_extent(renderer)
        boxes = [_box(dot, step, box.width, box.height, GAP * unit) for step in PLACES]
        costs = [_overlap(each, taken) + 2 * _outside(each, frame) for each in boxes]
        best = boxes[int(np.argmin(costs))]
        x, y = axes.transData.inverted().transform(best[:2])
        text.set_position((x, y))
        taken = np.vstack([taken, best])


def _box(dot: Floats, step: tuple[int, int], width: float, height: float, gap: float) -> Floats:
    """Left, bottom, right and top of a name: `step` to the side of its dot, or lines above it."""
    across, up = step
    left = dot[0] + (gap if across > 0 else -gap - width if across < 0 else -width / 2)
    bottom = dot[1] - height / 2 + up * (height / 2 + gap)
    return np.array([left, bottom, left + width, bottom + height])


def _overlap(box: Floats, others: Floats) -> float:
    """The area that a box shares with others [N, 4]."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    return float(np.prod(np.maximum(sides, 0), axis=1).sum())


def _outside(box: Floats, frame: Floats) -> float:
    """The area of a box that lies outside a frame."""
    return float(np.prod(box[2:] - box[:2])) - _overlap(box, frame[None])
