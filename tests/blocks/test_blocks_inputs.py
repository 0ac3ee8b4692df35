import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from onecycle.blocks.image import MEAN, STD, Images, to_pixels
from onecycle.blocks.pair import Pairs
from onecycle.pixels.store import PixelStore, write_store

IDENTITY = np.eye(3)
PLAIN = np.arange(256) / 255
SIZES = [(24, 32), (20, 20)]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> PixelStore:
    """Pictures of noise, `a` of 24 x 32 pixels and `b` of 20 x 20."""
    folder = tmp_path_factory.mktemp("images")
    files = []
    for name, (height, width) in zip("ab", SIZES, strict=True):
        pixels = np.random.default_rng(height).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
        files.append((name, folder / f"{name}.png"))
    assert write_store(folder / "pixels", files, None) == {}
    return PixelStore(folder / "pixels")


def normalised(pixels: np.ndarray) -> np.ndarray:
    return ((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)


def batch(store, size, rows, geometry=IDENTITY, table=PLAIN) -> torch.Tensor:
    n = len(rows)
    return Images(store, size).batch(
        torch.tensor(rows), np.stack([geometry] * n), np.stack([table] * n)
    )


@pytest.mark.parametrize("row", [0, 1])
def test_the_identity_gives_a_picture_of_the_wanted_size_unchanged(store, row):
    seen = batch(store, SIZES[row], [row])
    assert seen.dtype == torch.float32 and seen.shape == (1, 3, *SIZES[row])
    assert seen.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(seen[0].numpy(), normalised(store[row]), atol=1e-5)


@pytest.mark.parametrize(
    ("diagonal", "flip"),
    [([-1, 1, 1], (slice(None), slice(None, None, -1))), ([1, -1, 1], (slice(None, None, -1),))],
)
def test_a_flip_mirrors(store, diagonal, flip):
    seen = batch(store, SIZES[0], [0], np.diag(np.array(diagonal, float)))
    np.testing.assert_allclose(seen[0].numpy(), normalised(store[0][flip]), atol=1e-5)


def test_a_geometry_takes_places_of_the_batch_to_the_stored_picture(store):
    """Scaling by a half and moving right by a half shows the stored picture's right half."""
    right = np.array([[0.5, 0, 0.5], [0, 1, 0], [0, 0, 1]])
    seen = batch(store, (24, 16), [0], right)
    np.testing.assert_allclose(seen[0].numpy(), normalised(store[0][:, 16:]), atol=1e-5)


def test_every_picture_has_its_own_geometry_and_table(store):
    flip = np.diag([-1.0, 1, 1])
    images = Images(store, SIZES[0])
    geometry, tables = np.stack([IDENTITY, flip]), np.stack([PLAIN, PLAIN[::-1]])
    seen = images.batch(torch.tensor([0, 0]), geometry, tables).numpy()
    np.testing.assert_allclose(seen[0], normalised(store[0]), atol=1e-5)
    np.testing.assert_allclose(seen[1], normalised(255 - store[0][:, ::-1]), atol=1e-5)


def test_rows_and_published_sizes_are_found_by_id(store):
    images = Images(store, (8, 8))
    assert images.encode(["b", "a", "b"]).tolist() == [1, 0, 1]
    assert images.size_px(["b", "a"]).tolist() == [[20, 20], [32, 24]]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 2000), st.integers(1, 2000))
def test_corners_are_the_outer_edges_of_the_pixels(height, width):
    corners = np.array([[-1, -1, 1], [1, 1, 1], [0, 0, 1]]).T
    found = (to_pixels(height, width) @ corners)[:2].T
    expected = [[-0.5, -0.5], [width - 0.5, height - 0.5], [(width - 1) / 2, (height - 1) / 2]]
    np.testing.assert_allclose(found, expected)


def test_names_become_rows_from_one_and_unseen_ones_row_zero():
    pairs = Pairs.from_items([["u2", "i1"], ["u1", "i9"], ["u2", "i9"]])
    assert (pairs.users, pairs.items, pairs.kind) == (["u1", "u2"], ["i1", "i9"], "pair")
    rows = pairs.encode(None, [["u1", "i9"], ["u2", "i1"], ["i1", "i9"], ["u2", "u2"], ["?", "?"]])
    assert rows.dtype == torch.int64
    assert rows.tolist() == [[1, 2], [2, 1], [0, 2], [2, 0], [0, 0]]
