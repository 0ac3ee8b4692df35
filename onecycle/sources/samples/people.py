"""People for the head poses: each with hair, skin, shirt, glasses and beard of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from onecycle.sources.samples.drawing import Colour, Pen, darker, lighter, mirrored, mix, varied

_SKINS: tuple[Colour, ...] = (
    (246, 214, 188),
    (228, 184, 148),
    (198, 148, 108),
    (150, 104, 74),
    (102, 70, 52),
)
_HAIRS: tuple[Colour, ...] = (
    (44, 34, 32),
    (104, 66, 40),
    (208, 164, 96),
    (170, 80, 44),
    (176, 174, 172),
)
_SHIRTS: tuple[Colour, ...] = (
    (180, 64, 62),
    (64, 100, 160),
    (84, 140, 100),
    (226, 196, 96),
    (122, 88, 150),
    (230, 230, 226),
    (62, 66, 78),
)
_EYES: tuple[Colour, ...] = ((80, 54, 38), (70, 110, 150), (90, 120, 80))
_INK: Colour = (40, 32, 34)


@dataclass(frozen=True)
class Look:
    """What stays the same over one person's frames.

    Attributes:
        skin: Colour of the face.
        hair: Colour of the hair and of the beard.
        shirt: Colour of the clothes.
        eyes: Colour of the irises.
        style: A key of ``STYLES``.
        glasses: Whether glasses are worn.
        beard: Whether a beard is worn.
        striped: Whether the shirt has stripes.
        broad: Factor on the face's width.
    """

    skin: Colour
    hair: Colour
    shirt: Colour
    eyes: Colour
    style: str
    glasses: bool
    beard: bool
    striped: bool
    broad: float


def cast(count: int, rng: np.random.Generator) -> list[Look]:
    """Draw ``count`` different people; every option is used about equally often."""

    def spread(options: int) -> list[int]:
        return [int(index) for index in rng.permutation(np.arange(count) % options)]

    indices = zip(
        *(spread(len(options)) for options in (_SKINS, _HAIRS, _SHIRTS, _EYES, STYLES)), strict=True
    )
    return [
        Look(
            skin=varied(_SKINS[skin], rng, 5),
            hair=varied(_HAIRS[hair], rng, 8),
            shirt=varied(_SHIRTS[shirt], rng),
            eyes=_EYES[eyes],
            style=list(STYLES)[style],
            glasses=bool(rng.random() < 0.4),
            beard=list(STYLES)[style] in ("short", "bald", "curly") and bool(rng.random() < 0.5),
            striped=bool(rng.random() < 0.4),
            broad=rng.uniform(0.92, 1.1),
        )
        for skin, hair, shirt, eyes, style in indices
    ]


def draw(pen: Pen, look: Look, angles: NDArray[np.float64], drop: float) -> None:
    """Draw head and shoulders.

    Args:
        pen: Its origin is the head's centre, its unit one mm.
        look: The person.
        angles: Pitch, yaw and roll in radians.
        drop: How far the body reaches down, in mm.
    """
    pitch, yaw, roll = (float(angle) for angle in angles)
    head = pen.at(0, 0, turn=roll)
    behind, before = STYLES[look.style]
    behind(head, look)
    _body(pen, look, drop)
    for side in head.both_sides():
        side.ellipse(78 * look.broad, 8, 13, 20, darker(look.skin, 0.1))
    wide = 78 * look.broad
    outline = [(wide * 1.06, -112), (wide * 1.08, 40), (wide * 0.6, 122)]
    head.blob(mirrored(outline), look.skin)
    before(head.at(22 * yaw, 0), look)
    _features(head.at(58 * yaw, 52 * pitch), look)


def _body(pen: Pen, look: Look, drop: float) -> None:
    pen.blob([(-42, 40), (42, 40), (56, 190), (-56, 190)], darker(look.skin, 0.16))
    shoulders = [(60, 128), (210, 168), (250, 330), (270, drop), (270, drop + 300)]
    pen.blob(mirrored(shoulders), look.shirt)
    if look.striped:
        pale = lighter(look.shirt, 0.45)
        for y in np.arange(235, drop + 200, 60):
            pen.line([(-205, y), (205, y)], pale, 20)
    for side in pen.both_sides():
        side.line([(175, 280), (160, drop + 100)], darker(look.shirt, 0.25), 7)
    pen.blob([(-58, 125), (58, 125), (0, 200)], darker(look.skin, 0.08))


def _features(pen: Pen, look: Look) -> None:
    if look.beard:
        pen.blob([(-70, 22), (-34, 40), (34, 40), (70, 22), (52, 122), (-52, 122)], look.hair)
    for side in pen.both_sides():
        side.ellipse(33, -10, 17, 11, (248, 246, 242))
        side.ellipse(32, -10, 9, 10, look.eyes)
        side.ellipse(32, -10, 4.5, 5, _INK)
        side.line([(16, -34), (34, -40), (54, -34)], mix(look.hair, _INK, 0.4), 8)
        side.ellipse(46, 28, 13, 8, mix(look.skin, (225, 110, 100), 0.3))
    shade = darker(look.skin, 0.24)
    pen.blob([(-8, -8), (8, -8), (24, 42), (-24, 42)], shade)
    pen.blob([(-6, -12), (8, -12), (19, 38), (-15, 38)], lighter(look.skin, 0.12))
    pen.blob([(-42, 58), (0, 64), (42, 58), (20, 86), (-20, 86)], (176, 76, 78))
    pen.line([(-28, 65), (0, 70), (28, 65)], darker(look.skin, 0.6), 4)
    if look.glasses:
        for side in pen.both_sides():
            side.ring(33, -9, 25, _INK, 6)
            side.line([(58, -11), (84, -16)], _INK, 6)
        pen.line([(-9, -11), (9, -11)], _INK, 6)


def _nothing(pen: Pen, look: Look) -> None:
    """No hair here."""


def _fringe(pen: Pen, look: Look) -> None:
    wide = 80 * look.broad
    top = [(-wide * 1.1, -10), (-wide * 1.15, -125), (wide * 1.15, -125), (wide * 1.1, -10)]
    pen.blob([*top, (wide * 0.7, -62), (-wide * 0.2, -48)], look.hair)


def _parted(pen: Pen, look: Look) -> None:
    wide = 80 * look.broad
    for side in pen.both_sides():
        side.blob([(-6, -132), (wide, -132), (wide * 1.25, 20), (wide * 0.85, 0)], look.hair)


def _long(pen: Pen, look: Look) -> None:
    pen.blob(mirrored([(100, -135), (125, 60), (110, 200)]), look.hair)


def _bob(pen: Pen, look: Look) -> None:
    pen.blob(mirrored([(105, -135), (130, 90), (80, 100)]), look.hair)


def _bun(pen: Pen, look: Look) -> None:
    pen.ellipse(0, -128, 42, 38, darker(look.hair, 0.12))


def _curls(pen: Pen, look: Look) -> None:
    for angle in np.linspace(-0.15 * np.pi, 1.15 * np.pi, 13):
        pen.ellipse(86 * np.cos(angle), -28 - 80 * np.sin(angle), 34, 32, look.hair)


def _curly_fringe(pen: Pen, look: Look) -> None:
    for x in (-52, -18, 18, 52):
        pen.ellipse(x, -86 + abs(x) * 0.3, 26, 22, look.hair)


def _cap(pen: Pen, look: Look) -> None:
    pen.blob([(-96, -52), (-88, -140), (88, -140), (96, -52)], look.shirt)
    pen.blob([(-92, -66), (92, -66), (100, -40), (-100, -40)], darker(look.shirt, 0.3))


Hair = Callable[[Pen, Look], None]

STYLES: dict[str, tuple[Hair, Hair]] = {
    "short": (_nothing, _fringe),
    "long": (_long, _parted),
    "bald": (_nothing, _nothing),
    "bob": (_bob, _fringe),
    "curly": (_curls, _curly_fringe),
    "bun": (_bun, _parted),
    "cap": (_bob, _cap),
}
"""What is drawn behind and before the head."""
