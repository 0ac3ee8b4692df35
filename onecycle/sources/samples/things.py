"""The six kinds of things in the Pascal sample, each drawn inside about [-1, 1] × [-1, 1]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from onecycle.sources.samples import faces
from onecycle.sources.samples.drawing import Colour, Pen, darker, lighter, mirrored, varied
from onecycle.sources.samples.scenery import pick

_TYRE: Colour = (40, 40, 44)
_STEEL: Colour = (190, 194, 200)
_GLASS: Colour = (165, 205, 225)
_PAINTS: tuple[Colour, ...] = (
    (205, 60, 55),
    (60, 110, 190),
    (235, 190, 70),
    (80, 150, 100),
    (235, 235, 232),
    (70, 72, 82),
)
_FURS: tuple[Colour, ...] = (
    (220, 145, 70),
    (75, 70, 75),
    (170, 168, 170),
    (235, 220, 195),
)


def aeroplane(pen: Pen, rng: np.random.Generator) -> None:
    """An airliner, seen from the side."""
    paint, body = varied(pick(rng, _PAINTS), rng), varied((232, 235, 240), rng, 6)
    pen = pen.at(0, 0, turn=rng.normal(-0.12, 0.14))
    pen.polygon([(-0.15, -0.1), (0.12, -0.1), (-0.22, -0.55), (-0.36, -0.55)], darker(body, 0.25))
    pen.polygon([(-0.98, -0.55), (-0.78, -0.55), (-0.55, -0.08), (-0.85, -0.05)], paint)
    nose = [(0.7, -0.2), (1.02, -0.02), (0.98, 0.12), (0.6, 0.17)]
    pen.blob([(-1.0, -0.16), (-0.5, -0.18), *nose, (-0.4, 0.16), (-0.98, -0.02)], body)
    pen.polygon([(-0.9, 0.0), (0.92, 0.02), (0.85, 0.07), (-0.6, 0.07)], paint)
    pen.polygon([(0.74, -0.1), (0.87, -0.03), (0.72, -0.02)], (60, 80, 105))
    for x in np.arange(-0.55, 0.65, 0.15):
        pen.ellipse(x, -0.06, 0.035, 0.035, (70, 95, 125))
    pen.ellipse(-0.02, 0.27, 0.17, 0.08, darker(paint, 0.2))
    pen.polygon([(-0.12, 0.06), (0.22, 0.06), (-0.32, 0.6), (-0.5, 0.6)], darker(body, 0.18))


def bicycle(pen: Pen, rng: np.random.Generator) -> None:
    """A bicycle, seen from the side."""
    paint = varied(pick(rng, _PAINTS), rng)
    rear, front, crank = (-0.56, 0.4), (0.56, 0.4), (-0.08, 0.42)
    seat, head = (-0.24, -0.28), (0.36, -0.3)
    for x, y in (rear, front):
        for angle in np.arange(0, np.pi, np.pi / 5):
            dx, dy = 0.38 * np.cos(angle), 0.38 * np.sin(angle)
            pen.line([(x - dx, y - dy), (x + dx, y + dy)], _STEEL, 0.012)
        pen.ring(x, y, 0.4, _TYRE, 0.075)
    pen.line([crank, rear, seat, crank, head, seat], paint, 0.07)
    pen.line([front, head, (0.32, -0.5), (0.5, -0.56)], paint, 0.07)
    pen.line([(0.32, -0.5), (0.5, -0.56), (0.58, -0.46)], _TYRE, 0.07)
    pen.line([seat, (-0.27, -0.42)], _STEEL, 0.05)
    pen.blob([(-0.48, -0.52), (-0.05, -0.46), (-0.1, -0.38), (-0.44, -0.38)], _TYRE)
    pen.ellipse(*crank, 0.1, 0.1, darker(_STEEL, 0.3))
    pen.line([(-0.16, 0.58), (0.0, 0.26)], _TYRE, 0.05)


def bottle(pen: Pen, rng: np.random.Generator) -> None:
    """A bottle with a label."""
    glass = varied(pick(rng, ((60, 120, 80), (120, 75, 45), (150, 195, 210))), rng)
    label = varied(pick(rng, ((245, 235, 210), (225, 120, 90), (240, 215, 120))), rng)
    pen.box(-0.12, -0.94, 0.12, -0.3, glass)
    pen.box(-0.15, -1.0, 0.15, -0.84, varied(pick(rng, _PAINTS), rng))
    shoulder = [(-0.13, -0.6), (0.13, -0.6), (0.36, -0.24), (0.36, 0.0)]
    pen.polygon([*shoulder, (-0.36, 0.0), (-0.36, -0.24)], glass)
    pen.blob([(-0.38, -0.3), (0.38, -0.3), (0.38, 1.0), (0.3, 1.02), (-0.3, 1.02)], glass)
    pen.box(-0.36, -0.2, 0.36, 0.94, glass)
    pen.box(-0.36, 0.08, 0.36, 0.66, label)
    pen.ellipse(0, 0.37, 0.17, 0.17, darker(label, 0.35))
    pen.box(-0.29, -0.16, -0.22, 0.9, lighter(glass, 0.45))
    pen.box(-0.08, -0.8, -0.03, -0.42, lighter(glass, 0.45))


def car(pen: Pen, rng: np.random.Generator) -> None:
    """A small car, seen from the side."""
    paint = varied(pick(rng, _PAINTS), rng)
    roof = rng.uniform(-0.52, -0.4)
    cabin = [(-0.62, 0.0), (-0.42, roof), (0.26, roof), (0.58, 0.0)]
    pen.polygon(cabin, paint)
    pen.polygon([(-0.5, 0.0), (-0.36, roof + 0.08), (-0.1, roof + 0.08), (-0.1, 0.0)], _GLASS)
    pen.polygon([(-0.02, 0.0), (-0.02, roof + 0.08), (0.22, roof + 0.08), (0.46, 0.0)], _GLASS)
    hood = [(0.6, -0.04), (1.0, 0.08), (1.04, 0.34), (0.9, 0.4)]
    pen.blob([(-1.0, -0.02), (-1.0, -0.02), *hood, (-0.95, 0.4), (-1.03, 0.3)], paint)
    pen.box(-0.9, 0.26, 0.92, 0.36, darker(paint, 0.25))
    pen.ellipse(0.92, 0.15, 0.06, 0.06, (255, 245, 190))
    pen.box(-1.0, 0.1, -0.93, 0.2, (190, 50, 50))
    pen.box(-0.02, 0.08, 0.12, 0.11, darker(paint, 0.4))
    for x in (-0.56, 0.56):
        pen.ellipse(x, 0.36, 0.23, 0.23, _TYRE)
        pen.ellipse(x, 0.36, 0.12, 0.12, _STEEL)


def cat(pen: Pen, rng: np.random.Generator) -> None:
    """A sitting cat."""
    fur = varied(pick(rng, _FURS), rng)
    pattern = pick(rng, ("plain", "stripes", "blaze"))
    muzzle, eyes = lighter(fur, 0.6), varied((160, 180, 80), rng, 20)
    look = faces.Look(fur, darker(fur, 0.4), muzzle, eyes, pattern, "pointed")
    swing = rng.uniform(-0.15, 0.15)
    tail = [(0.3, 0.88), (0.72, 0.85), (0.82, 0.5), (0.68 + swing, 0.1), (0.8 + swing, -0.1)]
    pen.line(tail, darker(fur, 0.12), 0.15)
    pen.blob(mirrored([(0.28, -0.3), (0.62, 0.6), (0.55, 1.05)]), fur)
    pen.blob(mirrored([(0.2, -0.1), (0.26, 0.7)]), lighter(fur, 0.35))
    for side in pen.both_sides():
        side.line([(0.1, 0.4), (0.12, 0.92)], darker(fur, 0.25), 0.03)
        side.ellipse(0.2, 0.94, 0.16, 0.09, lighter(fur, 0.3))
    faces.cat_head(pen.at(0, -0.4, 0.46, turn=rng.normal(0.0, 0.1)), look, rng)


def sheep(pen: Pen, rng: np.random.Generator) -> None:
    """A woolly sheep, seen from the side."""
    wool = varied((240, 236, 224), rng, 8)
    face = varied(pick(rng, ((70, 62, 60), (215, 190, 170), (110, 90, 78))), rng)
    for x in (-0.48, -0.26, 0.22, 0.44):
        pen.box(x - 0.055, 0.2, x + 0.055, 0.78, darker(face, 0.15))
        pen.box(x - 0.06, 0.74, x + 0.065, 0.82, (40, 36, 36))
    for shade, shift in ((darker(wool, 0.16), 0.05), (wool, 0.0)):
        for angle in np.arange(0, 2 * np.pi, np.pi / 7):
            pen.ellipse(0.58 * np.cos(angle), 0.34 * np.sin(angle) + shift, 0.2, 0.18, shade)
        pen.ellipse(0, shift, 0.62, 0.38, shade)
    for x, y in ((-0.35, -0.1), (0.05, -0.2), (-0.1, 0.15), (0.3, 0.08)):
        pen.line([(x - 0.1, y), (x, y + 0.06), (x + 0.1, y)], darker(wool, 0.14), 0.03)
    head = pen.at(0.74, -0.22, turn=rng.normal(0.25, 0.2))
    head.ellipse(-0.18, -0.06, 0.18, 0.07, face, turn=0.4)
    head.ellipse(0.02, 0.06, 0.17, 0.26, face)
    head.ellipse(0.0, -0.16, 0.19, 0.13, wool)
    head.ellipse(0.07, 0.02, 0.045, 0.045, (250, 250, 250))
    head.ellipse(0.08, 0.02, 0.022, 0.022, (20, 20, 20))
    head.ellipse(0.06, 0.24, 0.07, 0.04, darker(face, 0.3))


THINGS: dict[str, Callable[[Pen, np.random.Generator], None]] = {
    "aeroplane": aeroplane,
    "bicycle": bicycle,
    "bottle": bottle,
    "car": car,
    "cat": cat,
    "sheep": sheep,
}
