"""Backgrounds that the samples share: out of doors, indoors and in a studio."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from PIL import Image

from onecycle.sources.samples.drawing import (
    Colour,
    Pen,
    darker,
    gradient,
    lighter,
    mix,
    varied,
)

Size = tuple[int, int]
Scenery = Callable[[Size, np.random.Generator], Image.Image]

T = TypeVar("T")

_SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((96, 160, 224), (206, 230, 245)),
    ((120, 150, 190), (235, 215, 200)),
    ((150, 165, 180), (215, 220, 222)),
    ((80, 110, 170), (250, 190, 150)),
)
_WALLS: tuple[Colour, ...] = (
    (222, 205, 180),
    (170, 195, 190),
    (205, 170, 160),
    (165, 175, 205),
    (200, 205, 170),
    (190, 180, 200),
)


def pick(rng: np.random.Generator, options: tuple[T, ...]) -> T:
    """One of the options, each as likely as the others."""
    return options[int(rng.integers(len(options)))]


def meadow(size: Size, rng: np.random.Generator) -> Image.Image:
    """Hills and flowers under a cloudy sky."""
    width, height = size
    image, pen = _sky(size, rng)
    green = varied((120, 170, 90), rng, 18)
    for depth in range(3):
        y = height * (0.48 + 0.16 * depth) + rng.uniform(-4, 4)
        colour = darker(green, 0.1 * depth)
        x = rng.uniform(0, width)
        pen.ellipse(x, y + height * 0.5, width * rng.uniform(0.8, 1.1), height * 0.5, colour)
        pen.box(0, y + height * 0.12, width, height, colour)
    for _ in range(rng.integers(6, 18)):
        x, y = rng.uniform(0, width), rng.uniform(height * 0.72, height)
        petals: Colour = pick(rng, ((245, 235, 120), (250, 250, 245), (225, 120, 150)))
        pen.ellipse(x, y, 1.4, 1.2, petals)
    return image


def street(size: Size, rng: np.random.Generator) -> Image.Image:
    """A row of houses with windows behind a road."""
    width, height = size
    image, pen = _sky(size, rng)
    ground = height * rng.uniform(0.6, 0.7)
    x = -rng.uniform(0, 15)
    while x < width:
        wide, top = rng.uniform(18, 32), height * rng.uniform(0.1, 0.38)
        wall = varied(pick(rng, _WALLS), rng, 14)
        roof = darker(wall, 0.4)
        pen.box(x, top, x + wide, ground, wall)
        pen.polygon([(x - 1, top), (x + wide / 2, top - 8), (x + wide + 1, top)], roof)
        for row in np.arange(top + 5, ground - 8, 11):
            for column in np.arange(x + 4, x + wide - 6, 8):
                pen.box(column, row, column + 4, row + 6, mix(wall, (70, 85, 110), 0.7))
        x += wide
    pen.box(0, ground, width, ground + 4, varied((175, 170, 165), rng, 8))
    pen.box(0, ground + 4, width, height, varied((98, 98, 104), rng, 8))
    for x in np.arange(-rng.uniform(0, 20), width, 22):
        y = (ground + height) / 2 + 3
        pen.box(x, y, x + 10, y + 1.6, (225, 220, 200))
    return image


def beach(size: Size, rng: np.random.Generator) -> Image.Image:
    """Sand in front of the sea."""
    width, height = size
    image, pen = _sky(size, rng)
    horizon, shore = height * rng.uniform(0.42, 0.5), height * rng.uniform(0.64, 0.7)
    pen.box(0, horizon, width, height, varied((60, 130, 160), rng))
    for _ in range(8):
        x, y = rng.uniform(0, width), rng.uniform(horizon + 2, shore - 3)
        pen.line([(x, y), (x + rng.uniform(6, 16), y)], (150, 195, 205), 0.8)
    sand = varied((226, 204, 156), rng)
    pen.ellipse(width * rng.uniform(0.2, 0.8), height * 1.2, width, height * 1.2 - shore, sand)
    for _ in range(12):
        x, y = rng.uniform(0, width), rng.uniform(height * 0.78, height)
        pen.ellipse(x, y, 1.2, 0.7, darker(sand, 0.15))
    return image


def room(size: Size, rng: np.random.Generator) -> Image.Image:
    """A papered wall with pictures, a window or a shelf above a floor."""
    width, height = size
    wall = varied(pick(rng, _WALLS), rng, 10)
    image = gradient(size, lighter(wall, 0.12), darker(wall, 0.08))
    pen = Pen.over(image)
    if rng.random() < 0.5:
        for x in np.arange(rng.uniform(0, 8), width, rng.uniform(9, 16)):
            pen.box(x, 0, x + 3, height, lighter(wall, 0.18))
    for x in (width * rng.uniform(0.02, 0.2), width * rng.uniform(0.6, 0.75)):
        y = height * rng.uniform(0.05, 0.25)
        pick(rng, (_window, _picture, _shelf))(pen.at(x, y, height / 96), rng)
    floor = height * rng.uniform(0.78, 0.88)
    pen.box(0, floor, width, height, varied((150, 110, 80), rng, 14))
    pen.box(0, floor - 2, width, floor, lighter(wall, 0.5))
    return image


def studio(size: Size, rng: np.random.Generator) -> Image.Image:
    """A plain backdrop with soft discs of light."""
    width, height = size
    base = varied(pick(rng, _WALLS), rng, 25)
    image = gradient(size, lighter(base, 0.25), darker(base, 0.25))
    pen = Pen.over(image)
    for _ in range(rng.integers(4, 12)):
        radius = rng.uniform(3, 12)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        pen.ellipse(x, y, radius, radius, lighter(base, rng.uniform(0.1, 0.35)))
    return image


OUTDOORS: tuple[Scenery, ...] = (meadow, street, beach)
ANYWHERE: tuple[Scenery, ...] = (meadow, beach, room, studio)


def _sky(size: Size, rng: np.random.Generator) -> tuple[Image.Image, Pen]:
    width, height = size
    image = gradient(size, *pick(rng, _SKIES))
    pen = Pen.over(image)
    for _ in range(rng.integers(0, 4)):
        x, y, large = rng.uniform(0, width), rng.uniform(4, height * 0.3), rng.uniform(3, 6)
        for step in (-1.2, 0.0, 1.2):
            puff = large * (1.3 - 0.35 * abs(step))
            pen.ellipse(x + step * large, y, puff, puff * 0.7, (244, 246, 248))
    return image, pen


def _window(pen: Pen, rng: np.random.Generator) -> None:
    pen.box(-2, -2, 30, 38, (240, 236, 228))
    pen.box(0, 0, 28, 36, varied((160, 200, 230), rng))
    pen.ellipse(14, 36, 14, 9, varied((130, 175, 110), rng))
    pen.box(-2, 36, 30, 46, (240, 236, 228))
    pen.box(13, 0, 15, 36, (240, 236, 228))
    pen.box(0, 16, 28, 18, (240, 236, 228))


def _picture(pen: Pen, rng: np.random.Generator) -> None:
    pen.box(0, 0, 24, 20, varied((110, 80, 55), rng))
    pen.box(2, 2, 22, 18, varied((210, 215, 210), rng, 20))
    pen.ellipse(16, 7, 3, 3, varied((235, 170, 80), rng, 20))
    pen.polygon([(2, 18), (9, 8), (18, 18)], varied((110, 140, 130), rng, 25))


def _shelf(pen: Pen, rng: np.random.Generator) -> None:
    pen.box(-2, 22, 32, 25, varied((120, 85, 60), rng))
    x = 0.0
    while x < 26:
        wide, tall = rng.uniform(3, 5), rng.uniform(11, 20)
        pen.box(x, 22 - tall, x + wide, 22, varied((140, 110, 110), rng, 45))
        x += wide + 0.4
