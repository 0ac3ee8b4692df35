"""Bundles of untrained models, and pictures for them."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onecycle.blocks import targets
from onecycle.blocks.pair import Pairs
from onecycle.decide.kinds import KINDS
from onecycle.learn import device, saved
from onecycle.learn.datasets import Blocks, Datasets
from onecycle.learn.learner import Learner
from onecycle.learn.recipe import CollabLearner, VisionLearner
from onecycle.paths import write_json
from onecycle.pixels.store import InMemory

SIDE = 48  # short side of stored pictures
STATES = {
    "category": {"kind": "category", "vocab": ["ant", "bee", "cat"]},
    "multicategory": {"kind": "multicategory", "vocab": ["ant", "bee", "cat"]},
    "points": {"kind": "points"},
    "rating": {"kind": "rating"},
}
USERS, ITEMS = [f"u{at}" for at in range(30)], [f"i{at}" for at in range(40)]
TITLES = [f"Title {at}" for at in range(40)]


def make(kind: str, folder: Path) -> Path:
    """Writes a bundle whose weights are as they were drawn."""
    target = targets.from_state(STATES[kind])
    shared = {"batch_size": 8, "precision": "fp32", "seed": 1}
    if kind == "rating":
        recipe = CollabLearner(arch="dot_bias", factors=4, **shared)
        blocks = Blocks.of(Pairs(USERS, ITEMS, TITLES), target, None, None)
    else:
        view = {"size": [32, 40], "fit": "squish" if kind == "points" else "crop"}
        recipe = VisionLearner(arch="resnet18", weights=None, **view, **shared)
        blocks = Blocks.of(None, target, recipe, InMemory([], SIDE))
    learner = Learner(
        saved.build(blocks, recipe), Datasets(blocks, {}), recipe, device.choose("fp32")
    )
    saved.save(learner, folder, {})
    fitted = {"points": {"radius_px": 3.0}, "rating": {"radius": 0.5}}.get(kind, {})
    write_json(folder / "decision.json", KINDS[kind].default() | fitted)
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    write_json(folder / "lineage.json", {"model": {"sha256": weights}})
    return folder


@pytest.fixture(scope="session", params=["category", "multicategory", "points"])
def seeing(request, tmp_path_factory) -> Path:
    """A bundle of a picture model of each kind."""
    return make(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="session")
def category(tmp_path_factory) -> Path:
    return make("category", tmp_path_factory.mktemp("category"))


@pytest.fixture(scope="session")
def rating(tmp_path_factory) -> Path:
    return make("rating", tmp_path_factory.mktemp("rating"))


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """Twenty pictures of several formats and shapes, one of them to be turned, and three others."""
    folder, draw = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    (folder / "b").mkdir()
    for at in range(20):
        height, width = draw.integers(40, 120, 2)
        picture = Image.fromarray(draw.integers(0, 256, (height, width, 3), np.uint8))
        exif = Image.Exif()
        exif[0x0112] = 6 if at == 3 else 1
        name = f"{'b/' if at > 9 else ''}{at:02}.{'png' if at % 2 else 'jpg'}"
        picture.save(folder / name, exif=exif)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture
def mixed(photos, tmp_path) -> list[Path]:
    """The pictures, and after the fifth three files that are none."""
    files = sorted(photos.rglob("[0-9]*.*"))
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "cut.jpg").write_bytes(files[0].read_bytes()[:300])
    return [
        *files[:5],
        tmp_path / "empty.jpg",
        tmp_path / "cut.jpg",
        tmp_path / "gone.jpg",
        *files[5:],
    ]
