"""Cat and dog faces, drawn from the few features that tell one breed from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from onecycle.sources.samples.drawing import Colour, Pen, darker, lighter, mirrored, mix, varied
from onecycle.sources.samples.scenery import pick

_PINK: Colour = (226, 150, 150)
_INK: Colour = (38, 30, 32)
_WHITE: Colour = (250, 248, 244)
_COLLARS: tuple[Colour, ...] = ((200, 60, 60), (60, 110, 190), (70, 150, 90), (225, 180, 60))


@dataclass(frozen=True)
class Look:
    """One animal's features.

    Attributes:
        coat: The fur's main colour.
        accent: Colour of the pattern, and of the ears where the pattern reaches them.
        muzzle: Colour around nose and mouth.
        eyes: The iris's colour.
        pattern: A key of ``PATTERNS``.
        ears: A key of ``EARS``.
    """

    coat: Colour
    accent: Colour
    muzzle: Colour
    eyes: Colour
    pattern: str
    ears: str


def cat(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    """Draw a cat's head and shoulders; the head reaches about one unit from the pen's origin."""
    _shoulders(pen, look, rng)
    cat_head(pen, look, rng)


def cat_head(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    """Draw a cat's head alone."""
    EARS[look.ears](pen, look)
    for side in pen.both_sides():
        side.blob([(0.5, 0.35), (1.3, 0.42), (1.1, 0.62), (1.12, 0.85), (0.3, 0.9)], look.coat)
    pen.ellipse(0, 0.05, 1.0, 0.86, look.coat)
    PATTERNS[look.pattern](pen, look, rng)
    front = _turned(pen, rng)
    _eyes(front, look.eyes, (0.26, 0.22), slit=rng.uniform(0.06, 0.17))
    for side in front.both_sides():
        side.ellipse(0.19, 0.47, 0.28, 0.22, look.muzzle)
    front.ellipse(0, 0.64, 0.2, 0.15, look.muzzle)
    front.blob([(-0.2, 0.22), (0.2, 0.22), (0.0, 0.46)], darker(_PINK, 0.12))
    whisker = mix(look.coat, _WHITE, 0.75)
    for side in front.both_sides():
        side.line([(0, 0.38), (0.03, 0.5), (0.18, 0.57), (0.3, 0.52)], _INK, 0.035)
        for rise in (-0.14, 0.02, 0.18):
            side.line([(0.36, 0.46 + rise * 0.3), (1.2, 0.42 + rise)], whisker, 0.03)


def dog(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    """Draw a dog's head and shoulders; the head reaches about one unit from the pen's origin."""
    _shoulders(pen, look, rng)
    if look.ears == "pricked":  # these stand behind the head, the others hang in front of it
        EARS[look.ears](pen, look)
    skull = [(0.7, -1.05), (1.02, -0.3), (0.85, 0.6), (0.4, 1.1)]
    pen.blob(mirrored(skull), look.coat)
    PATTERNS[look.pattern](pen, look, rng)
    if look.ears != "pricked":
        EARS[look.ears](pen, look)
    front = _turned(pen, rng)
    _eyes(front, look.eyes, (0.17, 0.17), slit=0.11)
    if rng.random() < 0.45:
        front.blob([(-0.2, 0.72), (0.2, 0.72), (0.24, 1.25), (-0.16, 1.25)], (225, 105, 115))
    front.ellipse(0, 0.5, 0.47, 0.38, look.muzzle)
    front.ellipse(0, 0.74, 0.28, 0.18, look.muzzle)
    front.blob([(-0.32, 0.16), (0.32, 0.16), (0.22, 0.44), (-0.22, 0.44)], _INK)
    front.ellipse(-0.07, 0.23, 0.06, 0.035, (150, 145, 150))
    for side in front.both_sides():
        side.line([(0, 0.38), (0, 0.6), (0.14, 0.7), (0.32, 0.64)], darker(look.muzzle, 0.7), 0.045)
        side.line([(0.22, -0.42), (0.4, -0.46), (0.52, -0.38)], darker(look.coat, 0.3), 0.05)


def _shoulders(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    pen.blob(mirrored([(0.8, 0.5), (1.5, 1.6), (1.6, 4)]), look.coat)
    pen.blob(mirrored([(0.45, 0.6), (0.6, 2.4)]), mix(look.coat, look.muzzle, 0.6))
    pen.ellipse(0, 0.85, 0.85, 0.3, darker(look.coat, 0.22))
    if rng.random() < 0.4:
        collar = varied(pick(rng, _COLLARS), rng)
        pen.line([(-0.86, 0.95), (-0.45, 1.18), (0, 1.26), (0.45, 1.18), (0.86, 0.95)], collar, 0.2)
        pen.ellipse(0, 1.42, 0.15, 0.15, (235, 200, 90))


def _turned(pen: Pen, rng: np.random.Generator) -> Pen:
    # Eyes, nose and mouth slide over the head as it looks aside, up or down.
    return pen.at(rng.uniform(-0.16, 0.16), rng.uniform(-0.07, 0.07))


def _eyes(pen: Pen, colour: Colour, radii: tuple[float, float], slit: float) -> None:
    rx, ry = radii
    for side in pen.both_sides():
        side.ellipse(0.42, -0.1, rx + 0.04, ry + 0.04, _INK, turn=-0.15)
        side.ellipse(0.42, -0.1, rx, ry, colour, turn=-0.15)
        side.ellipse(0.41, -0.1, slit, ry * 0.85, _INK)
    for x in (-0.42, 0.42):  # the light comes from the same side for both
        pen.ellipse(x - 0.07, -0.18, 0.055, 0.055, _WHITE)


def _plain(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    pen.ellipse(0, -0.55, 0.45, 0.22, lighter(look.coat, 0.12))


def _stripes(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    for x in (-0.34, 0.0, 0.34):
        foot = -0.32 + rng.uniform(-0.06, 0.06)
        pen.polygon(
            [(x * 1.2 - 0.09, -0.84), (x * 1.2 + 0.09, -0.84), (x * 0.6, foot)], look.accent
        )
    for side in pen.both_sides():
        for y in (0.0, 0.26, 0.52):
            tip = 0.6 + rng.uniform(-0.08, 0.05)
            side.polygon([(0.98, y - 0.07), (0.97, y + 0.09), (tip, y + 0.06)], look.accent)


def _spots(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(7, 13)):
        radius, angle = 0.88 * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
        x, y, wide = radius * np.cos(angle) * 0.8, radius * np.sin(angle), rng.uniform(0.06, 0.15)
        pen.ellipse(x, y, wide, wide * rng.uniform(0.7, 1.0), look.accent)
    for side in (pen, pen.at(0, 0.6, 1.6)):  # the chest is spotted too
        side.ellipse(rng.uniform(-0.5, 0.5), 0.95, 0.12, 0.1, look.accent)


def _mask(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    pen.ellipse(0, 0.3, 0.72, 0.56, mix(look.coat, look.accent, 0.45))
    pen.ellipse(0, 0.34, 0.56, 0.47, mix(look.coat, look.accent, 0.85))


def _blaze(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    wide = rng.uniform(0.1, 0.22)
    pen.blob(mirrored([(wide, -0.75), (0.7, 0.95)]), look.muzzle)


def _hood(pen: Pen, look: Look, rng: np.random.Generator) -> None:
    for side in pen.both_sides():
        side.ellipse(0.4, 0.1, 0.36, 0.5, look.muzzle, turn=-0.2)
        side.ellipse(0.36, -0.44, 0.14, 0.09, look.muzzle, turn=0.3)
    pen.ellipse(0, 0.6, 0.66, 0.4, look.muzzle)


def _pointed(pen: Pen, look: Look) -> None:
    _upright(pen, look.coat, tip=-1.3)


def _dark_pointed(pen: Pen, look: Look) -> None:
    _upright(pen, look.accent, tip=-1.42)


def _pricked(pen: Pen, look: Look) -> None:
    for side in pen.both_sides():
        side.blob([(0.2, -0.7), (0.5, -1.75), (0.85, -1.6), (1.0, -0.2)], darker(look.coat, 0.15))
        side.blob([(0.4, -0.75), (0.6, -1.4), (0.75, -1.3), (0.82, -0.5)], look.muzzle)


def _upright(pen: Pen, colour: Colour, tip: float) -> None:
    for side in pen.both_sides():
        side.polygon([(0.2, -0.72), (0.78, tip), (0.9, tip), (1.0, -0.1)], colour)
        side.polygon([(0.42, -0.7), (0.78, tip + 0.22), (0.88, -0.35)], mix(colour, _PINK, 0.6))


def _short_drop(pen: Pen, look: Look) -> None:
    _hanging(pen, look.accent, length=0.35)


def _long_drop(pen: Pen, look: Look) -> None:
    _hanging(pen, look.accent, length=0.85)


def _hanging(pen: Pen, colour: Colour, length: float) -> None:
    for side in pen.both_sides():
        outline = [(0.45, -0.95), (1.0, -0.9), (1.35, length * 0.5), (1.2, length + 0.2)]
        side.blob([*outline, (0.8, length), (0.72, -0.3)], colour)


PATTERNS: dict[str, Callable[[Pen, Look, np.random.Generator], None]] = {
    "plain": _plain,
    "stripes": _stripes,
    "spots": _spots,
    "mask": _mask,
    "blaze": _blaze,
    "hood": _hood,
}
EARS: dict[str, Callable[[Pen, Look], None]] = {
    "pointed": _pointed,
    "dark pointed": _dark_pointed,
    "pricked": _pricked,
    "short drop": _short_drop,
    "long drop": _long_drop,
}
