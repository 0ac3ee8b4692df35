"""Augmentation as numbers: one matrix and one table for each picture of a batch.

The matrix moves the picture in one warp, and points with it; the table changes its light. Defaults
are fast.ai's `aug_transforms`: flip .5, rotate ±10 degrees, zoom up to 1.1, warp and lighting .2,
each (but the flip) with probability .75.
"""

import numpy as np
from pydantic import Field

from onecycle.params import Section

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
VALUES = np.arange(256) / 255
EPSILON = 1e-3  # keeps black and white finite in logit space


class Augment(Section):
    """How pictures are varied while training.

    Attributes:
        flip: probability of mirroring left and right.
        rotate_deg: largest rotation to either side, in degrees.
        zoom: largest magnification.
        warp: largest perspective tilt, as a share of the picture.
        lighting: largest change of brightness and contrast, 0 to 1.
        p: probability of each change but the flip.
        min_scale: least share of the area that a random crop keeps.
    """

    flip: float = Field(0.5, ge=0, le=1)
    rotate_deg: float = Field(10.0, ge=0, le=180)
    zoom: float = Field(1.1, ge=1)
    warp: float = Field(0.2, ge=0, lt=0.5)
    lighting: float = Field(0.2, ge=0, lt=1)
    p: float = Field(0.75, ge=0, le=1)
    min_scale: float = Field(1.0, gt=0, le=1)


def crop_boxes(shape: Floats, size: tuple[int, int], fit: str) -> Floats:
    """Half-widths and half-heights, float64 [N, 2], of the part of each picture that fits `size`.

    Args:
        shape: heights and widths, [N, 2], in pixels.
        size: height and width wanted.
        fit: `crop` keeps the aspect and loses the long side's ends; `squish` keeps everything.
    """
    if fit == "squish":
        return np.ones((len(shape), 2))
    ratio = (shape[:, 1] / shape[:, 0]) / (size[1] / size[0])  # above 1: wider than wanted
    return np.stack([np.minimum(1, 1 / ratio), np.minimum(1, ratio)], axis=1)


def centred(boxes: Floats) -> Floats:
    """Matrices [N, 3, 3] that show the middle of each picture: for valid, test and prediction."""
    return _stack(boxes[:, 0], boxes[:, 1])


def varied(boxes: Floats, augment: Augment, generator: np.random.Generator) -> Floats:
    """Matrices [N, 3, 3] that show each picture flipped, tilted, turned, zoomed and cropped.

    Each takes coordinates of the batch's picture to those of the stored one.
    """
    n = len(boxes)
    scale = np.sqrt(generator.uniform(augment.min_scale, 1, n))
    boxes = boxes * scale[:, None]
    offset = generator.uniform(-1, 1, (n, 2)) * (1 - boxes)
    crop = _stack(boxes[:, 0], boxes[:, 1], offset)

    mirror = np.where(generator.random(n) < augment.flip, -1.0, 1.0)
    flip = _stack(mirror, np.ones(n))

    tilt = generator.uniform(-augment.warp, augment.warp, (n, 2)) * _chosen(generator, n, augment.p)
    warp = _stack(np.ones(n), np.ones(n))
    warp[:, 2, :2] = tilt

    turn = np.radians(augment.rotate_deg) * generator.uniform(-1, 1, n)
    turn = turn * _chosen(generator, n, augment.p)[:, 0]
    rotate = _stack(np.cos(turn), np.cos(turn))
    rotate[:, 0, 1], rotate[:, 1, 0] = -np.sin(turn), np.sin(turn)

    zoom = 1 / np.where(
        _chosen(generator, n, augment.p)[:, 0] > 0, generator.uniform(1, augment.zoom, n), 1
    )
    near = _stack(zoom, zoom, generator.uniform(-1, 1, (n, 2)) * (1 - zoom)[:, None])
    shown: Floats = crop @ near @ rotate @ warp @ flip
    return shown


def plain_tables(n: int) -> Floats:
    """Tables [N, 256] that leave the light as it is."""
    return np.tile(VALUES, (n, 1))


def lit_tables(n: int, augment: Augment, generator: np.random.Generator) -> Floats:
    """Tables [N, 256] that change brightness and contrast in logit space, as fast.ai does."""
    value = np.clip(VALUES, EPSILON, 1 - EPSILON)
    logit = np.log(value / (1 - value))
    span = augment.lighting
    change = 0.5 * (1 + generator.uniform(-span, span, n) * _chosen(generator, n, augment.p)[:, 0])
    brightness = np.log(change / (1 - change))
    most = abs(np.log(1 - span))
    steps = generator.uniform(-most, most, n)
    contrast = np.exp(steps * _chosen(generator, n, augment.p)[:, 0])
    lit: Floats = 1 / (1 + np.exp(-(contrast[:, None] * logit + brightness[:, None])))
    return lit


def move_points(points: Floats, geometry: Floats) -> Floats:
    """Where points of the stored pictures, [N, 2] in [-1, 1], appear in the batch's pictures."""
    ones = np.ones((len(points), 1))
    stored = np.concatenate([points, ones], axis=1)[:, :, None]
    moved = np.linalg.solve(geometry, stored)[:, :, 0]
    return moved[:, :2] / moved[:, 2:]


def _chosen(generator: np.random.Generator, n: int, p: float) -> Floats:
    """1 with probability p, else 0; [N, 1]."""
    return (generator.random((n, 1)) < p).astype(np.float64)


def _stack(x: Floats, y: Floats, offset: Floats | None = None) -> Floats:
    """Matrices [N, 3, 3] that scale by x and y, then shift."""
    matrices = np.zeros((len(x), 3, 3))
    matrices[:, 0, 0], matrices[:, 1, 1], matrices[:, 2, 2] = x, y, 1
    if offset is not None:
        matrices[:, :2, 2] = offset
    return matrices
