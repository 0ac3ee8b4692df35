"""Augmentation: points move with pixels, and nothing moves where nothing should."""

import numpy as np
import pytest
import torch
from PIL import Image

from onecycle.blocks.image import MEAN, STD, Images
from onecycle.learn import augment
from onecycle.learn.augment import Augment
from onecycle.pixels.store import PixelStore, write_store

SIZE = (96, 96)


def dotted_store(folder, points, shape=(120, 160)):
    """Black pictures with a white disc of 9 pixels about a point in [-1, 1]."""
    files = []
    for at, (x, y) in enumerate(points):
        height, width = shape
        rows, columns = np.mgrid[:height, :width] + 0.5
        far = np.hypot(columns - (x + 1) * width / 2, rows - (y + 1) * height / 2)
        file = folder / f"{at}.png"
        Image.fromarray(((far < 4.5) * 255).astype(np.uint8)).convert("RGB").save(file)
        files.append((str(at), file))
    assert write_store(folder / "pixels", files, None) == {}
    return PixelStore(folder / "pixels")


def centres(batch: torch.Tensor) -> np.ndarray:
    """Where the brightness of each picture is centred, in [-1, 1]."""
    light = (batch.permute(0, 2, 3, 1).numpy() * STD + MEAN).mean(3).clip(0)
    light[light < 0.3] = 0
    height, width = light.shape[1:]
    x = (np.arange(width) + 0.5) * 2 / width - 1
    y = (np.arange(height) + 0.5) * 2 / height - 1
    total = light.sum((1, 2))
    return np.stack([(light.sum(1) * x).sum(1), (light.sum(2) * y).sum(1)], 1) / total[:, None]


@pytest.mark.parametrize("fit", ["squish", "crop"])
def test_points_move_with_their_pixels(tmp_path, fit):
    generator = np.random.default_rng(0)
    points = generator.uniform(-0.35, 0.35, (24, 2))
    store = dotted_store(tmp_path, points)
    boxes = augment.crop_boxes(store.shape.astype(float), SIZE, fit)
    strong = Augment(p=1, rotate_deg=25, zoom=1.3, warp=0.2, lighting=0)
    geometry = augment.varied(boxes, strong, generator)
    batch = Images(store, SIZE).batch(torch.arange(24), geometry, augment.plain_tables(24))
    moved = augment.move_points(points, geometry)
    inside = (np.abs(moved) < 0.85).all(1)
    assert inside.sum() > 15
    assert np.abs(centres(batch) - moved)[inside].max() < 0.02  # a pixel is 0.021 wide
    assert np.abs(moved - points).max() > 0.2  # they did move


def test_plain_geometry_of_squish_leaves_points_where_they_are():
    geometry = augment.centred(np.ones((3, 2)))
    points = np.array([[0.1, -0.9], [0, 0], [1, 1]])
    assert np.allclose(augment.move_points(points, geometry), points)


def test_a_crop_keeps_the_aspect():
    boxes = augment.crop_boxes(np.array([[100.0, 200.0], [300.0, 100.0]]), (64, 64), "crop")
    assert np.allclose(boxes, [[0.5, 1], [1, 1 / 3]])
    assert np.allclose(augment.crop_boxes(np.array([[120.0, 160.0]]), (240, 320), "crop"), 1)


def test_without_chances_nothing_changes():
    still = Augment(flip=0, p=0)
    generator = np.random.default_rng(0)
    assert np.allclose(augment.varied(np.ones((5, 2)), still, generator), np.eye(3))
    tables = augment.lit_tables(5, still, generator)
    assert np.allclose(tables, augment.plain_tables(5), atol=1.01 * augment.EPSILON)


def test_flips_come_as_often_as_asked():
    only_flip = Augment(flip=0.3, p=0)
    geometry = augment.varied(np.ones((4000, 2)), only_flip, np.random.default_rng(1))
    assert (geometry[:, 0, 0] < 0).mean() == pytest.approx(0.3, abs=0.03)


def test_light_is_monotone_and_keeps_within_range():
    tables = augment.lit_tables(50, Augment(p=1, lighting=0.4), np.random.default_rng(2))
    assert (np.diff(tables, axis=1) >= 0).all() and tables.min() >= 0 and tables.max() <= 1
    assert tables[:, 128].std() > 0.02


def test_the_same_generator_gives_the_same_numbers():
    first, second = (
        augment.varied(np.ones((4, 2)), Augment(), np.random.default_rng(7)) for _ in range(2)
    )
    assert np.array_equal(first, second)


def test_variation_of_nothing_is_none():
    none = augment.Augment(flip=0, rotate_deg=0, zoom=1, warp=0, lighting=0)
    generator, boxes = np.random.default_rng(0), np.ones((5, 2))
    assert np.allclose(augment.varied(boxes, none, generator), augment.centred(boxes))
    assert np.allclose(augment.lit_tables(5, none, generator), augment.plain_tables(5), atol=1e-3)
