"""A small pen over Pillow: shapes in their own coordinates, drawn large and then reduced."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

OVERSIZE = 3
"""Pictures are drawn this many times larger than they are saved, which smooths every edge."""

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]

_CIRCLE = [(math.cos(a), math.sin(a)) for a in np.linspace(0, 2 * math.pi, 32, endpoint=False)]


@dataclass(frozen=True)
class Pen:
    """Draws in a coordinate system of its own: x to the right, y down.

    Attributes:
        draw: Pillow's drawing surface.
        frame: (a, b, c, d, e, f): the pen's (x, y) is the surface's pixel
            (a·x + b·y + c, d·x + e·y + f).
    """

    draw: ImageDraw.ImageDraw
    frame: tuple[float, float, float, float, float, float]

    @classmethod
    def over(cls, image: Image.Image) -> Pen:
        """A pen whose unit is one pixel of the saved picture."""
        return cls(ImageDraw.Draw(image), (OVERSIZE, 0.0, 0.0, 0.0, OVERSIZE, 0.0))

    def at(
        self, x: float, y: float, scale: float = 1.0, turn: float = 0.0, mirror: bool = False
    ) -> Pen:
        """A pen with its origin at (x, y), its unit ``scale`` and its axes turned (radians)."""
        a, b, c, d, e, f = self.frame
        cos, sin, side = scale * math.cos(turn), scale * math.sin(turn), -1 if mirror else 1
        right = (side * (a * cos + b * sin), b * cos - a * sin, a * x + b * y + c)
        down = (side * (d * cos + e * sin), e * cos - d * sin, d * x + e * y + f)
        return Pen(self.draw, (*right, *down))

    def both_sides(self) -> tuple[Pen, Pen]:
        """This pen and its mirror image, for what a face or a car has twice."""
        return self, self.at(0, 0, mirror=True)

    def polygon(self, points: Points, colour: Colour) -> None:
        """Fill the polygon through ``points``."""
        self.draw.polygon(self._pixels(points), fill=colour)

    def blob(self, points: Points, colour: Colour) -> None:
        """Fill a smooth closed curve inside the polygon through ``points``."""
        for _ in range(3):  # Chaikin's corner cutting
            pairs = zip(points, [*points[1:], points[0]], strict=True)
            points = [
                (x + (to_x - x) * share, y + (to_y - y) * share)
                for (x, y), (to_x, to_y) in pairs
                for share in (0.25, 0.75)
            ]
        self.polygon(points, colour)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, turn: float = 0.0
    ) -> None:
        """Fill an ellipse around (x, y) with the given radii."""
        self.at(x, y, turn=turn).polygon([(rx * cos, ry * sin) for cos, sin in _CIRCLE], colour)

    def ring(self, x: float, y: float, radius: float, colour: Colour, width: float) -> None:
        """Draw a circle's outline."""
        points = [(x + radius * cos, y + radius * sin) for cos, sin in _CIRCLE]
        self.line([*points, points[0]], colour, width)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        """Fill a rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def line(self, points: Points, colour: Colour, width: float) -> None:
        """Draw a line through ``points``, at least one surface pixel wide."""
        a, b, _, d, e, _ = self.frame
        scale = math.sqrt(abs(a * e - b * d))
        pixels = max(1, round(width * scale))
        self.draw.line(self._pixels(points), fill=colour, width=pixels, joint="curve")

    def _pixels(self, points: Points) -> list[tuple[float, float]]:
        a, b, c, d, e, f = self.frame
        return [(a * x + b * y + c, d * x + e * y + f) for x, y in points]


def mirrored(half: Points) -> Points:
    """A symmetric outline from its right half, given from top to bottom."""
    return [*half, *((-x, y) for x, y in reversed(half))]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour ``share`` of the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float) -> Colour:
    """The colour with ``share`` of its light taken away."""
    return mix(colour, (0, 0, 0), share)


def lighter(colour: Colour, share: float) -> Colour:
    """The colour moved ``share`` of the way to white."""
    return mix(colour, (255, 255, 255), share)


def varied(colour: Colour, rng: np.random.Generator, spread: float = 12.0) -> Colour:
    """The colour, shifted a little at random in each channel."""
    shifted = zip(colour, rng.normal(0.0, spread, 3).tolist(), strict=True)
    red, green, blue = (min(max(round(value + shift), 0), 255) for value, shift in shifted)
    return red, green, blue


def gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """An oversized picture that runs from one colour at the top to another at the bottom.

    Args:
        size: Width and height of the picture as it will be saved.
        top: The first row's colour.
        bottom: The last row's colour.
    """
    width, height = (OVERSIZE * side for side in size)
    rows = np.rint(np.linspace(top, bottom, height)).astype(np.uint8)
    return Image.fromarray(np.repeat(rows[:, np.newaxis], width, axis=1))


def photograph(
    image: Image.Image, rng: np.random.Generator, light: tuple[float, float] = (0.78, 1.15)
) -> Image.Image:
    """Reduce an oversized picture to its size, under a light of its own and with film grain.

    Args:
        image: RGB, ``OVERSIZE`` times as large as the result.
        rng: Draws brightness, tint, the light's direction and the grain.
        light: Range of the brightness factor.
    """
    pixels = np.asarray(image.reduce(OVERSIZE), dtype=np.float32)
    height, width, _ = pixels.shape
    across = rng.uniform(-0.15, 0.15) * np.linspace(-1, 1, width)
    down = rng.uniform(-0.12, 0.12) * np.linspace(-1, 1, height)
    tint = (rng.uniform(*light) * rng.normal(1.0, 0.04, 3)).astype(np.float32)
    slope = (1.0 + across + down[:, np.newaxis]).astype(np.float32)
    grain = rng.standard_normal(pixels.shape, dtype=np.float32)
    lit = pixels * tint * slope[..., np.newaxis] + grain * np.float32(rng.uniform(2.0, 5.0))
    return Image.fromarray(np.clip(np.rint(lit), 0, 255).astype(np.uint8))
