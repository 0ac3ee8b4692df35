"""onecycle on photographs: each function sets up and gives one that measures once.

They take `files` and `labels` of photographs to train on, of which two are valid too, and
`settings`: arch, size and batch_size of learner, `resize` of prepare, threads.
"""

import contextlib
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from onecycle.learn import device, schedules
from onecycle.learn.assemble import make_learner
from onecycle.learn.augment import Augment
from onecycle.learn.datasets import Blocks, Datasets, Loader
from onecycle.learn.learner import Learner
from onecycle.learn.lr_finder import RangeTest
from onecycle.learn.recipe import VisionLearner
from onecycle.learn.schedules import Cycle
from onecycle.pixels.store import write_store

Measured = dict[str, Any]
Settings = dict[str, Any]
Measure = Callable[[], Measured]
RATE = 1e-3


def prepare(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """Decodes all photographs into a new store, their prints included."""

    def measure() -> Measured:
        with tempfile.TemporaryDirectory() as folder, timed(len(files)) as found:
            stored(Path(folder), files, settings)
        return found

    return measure


def data(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """An epoch of augmented training batches from the store."""
    loader = Loader(datasets(files, labels, settings).train, settings["batch_size"], 0)
    mib = moved(loader) / 2**20 * len(loader) * loader.batch_size

    def measure() -> Measured:
        with timed(len(loader) * loader.batch_size) as found:
            for _ in loader.epoch(0):
                pass
        return found | {"mib": mib}

    return measure


def moved(loader: Loader) -> int:
    """Bytes that an item moves at least: its stored pixels are read, its batch's are written."""
    x, _ = next(loader.epoch(0))
    stored_at = loader.data.blocks.x.store  # type: ignore[union-attr] - pictures
    return int(stored_at.shape.prod(1).mean()) * stored_at.channels + x[0].nbytes


def frozen(files: list[str], labels: list[str], settings: Settings, train_norm: bool) -> Measure:
    """An epoch in which the head learns, with or without the body's norms."""
    learner = make(files, labels, settings, train_norm=train_norm)
    learner.freeze()
    return epochs(learner, "frozen", 1)


def cached(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """The later epochs of a frozen body whose answers never change: no augmentation, no norms."""
    learner = make(files, labels, settings, train_norm=False, augment=None)
    learner.freeze()
    return epochs(learner, "frozen", 6)


def unfrozen(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """An epoch in which everything learns; `gflop` is what torch counts in its steps."""
    learner = make(files, labels, settings)
    each = gflop(learner)
    once = epochs(learner, "unfrozen", 1)

    def measure() -> Measured:
        found = once()
        return found | {"gflop": each * found["items"]}

    return measure


def range_test(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """A range test of a frozen body; an item is a step."""
    learner = make(files, labels, settings)
    learner.freeze()

    def measure() -> Measured:
        with timed(0) as found, quiet():
            curve = learner.lr_find(RangeTest(steps=30, start=1e-7, end=1e-3))
        return found | {"items": len(curve.rates)}

    return measure


def predict(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """Predicts all photographs from the store."""
    learner = make(files, labels, settings)
    part = learner.data.train

    def measure() -> Measured:
        with timed(len(part)) as found:
            learner.predict(part)
        return found

    return measure


def grown(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """Prepares and goes through an epoch of training batches: what grows with the items."""

    def measure() -> Measured:
        with timed(len(files)) as found:
            data(files, labels, settings)()
        return found

    return measure


def stored(folder: Path, files: list[str], settings: Settings) -> Path:
    """Writes the store; gives its folder."""
    ids = [f"{at:07}" for at in range(len(files))]
    with quiet():
        bad = write_store(
            folder / "pixels",
            list(zip(ids, map(Path, files), strict=True)),
            settings["resize"],
        )
    if bad:
        raise ValueError(f"{len(bad)} photographs can't be used, such as {next(iter(bad.items()))}")
    return folder / "pixels"


def datasets(
    files: list[str], labels: list[str], settings: Settings, **changes: object
) -> Datasets:
    """The store's pictures, encoded; valid is two of them, so that it takes no time."""
    device.use_threads(settings["threads"])
    recipe = recipe_of(settings, **changes)
    ids = [f"{at:07}" for at in range(len(files))]
    items = pd.DataFrame({"id": ids, "x": ids, "y": labels, "group": None, "time": None})
    with tempfile.TemporaryDirectory() as folder:  # the store stays mapped without a name
        pixels = stored(Path(folder), files, settings)
        blocks = Blocks.from_train(items, "category", recipe, pixels)
    parts = {"train": blocks.encode(items), "valid": blocks.encode(items[:2])}
    return Datasets(blocks, parts)


def recipe_of(settings: Settings, **changes: object) -> VisionLearner:
    """The lesson's, from random weights."""
    named = {key: settings[key] for key in ("arch", "size", "batch_size")}
    given = {"weights": None, "augment": Augment(min_scale=0.75), "seed": 0}
    return VisionLearner(**{**given, **named, **changes})


def make(files: list[str], labels: list[str], settings: Settings, **changes: object) -> Learner:
    """A learner on the photographs."""
    made = datasets(files, labels, settings, **changes)
    return make_learner(made, recipe_of(settings, **changes))


def epochs(learner: Learner, name: str, of: int) -> Measure:
    """Trains `of` epochs in one cycle and times the last, or the later ones as one each."""
    size = min(learner.recipe.batch_size, len(learner.data.train))
    steps = len(learner.data.train) // size
    rates = schedules.head_first(RATE, len(learner.groups))

    def measure() -> Measured:
        began = time.perf_counter()
        with contextlib.redirect_stdout(Clock()) as clock:
            learner.fit(Cycle(name, of, rates))
        ends = [began, *clock.epochs]
        later = ends[1:] if of > 1 else ends  # the first epoch of several fills what is kept
        took = [end - start for start, end in pairwise(later)]
        return {"seconds": sum(took), "items": steps * size * len(took)}

    return measure


class Clock(io.StringIO):
    """Notes when a learner tells of an epoch, and keeps it to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: list[float] = []

    def write(self, text: str) -> int:
        """Takes a line."""
        if ": epoch " in text:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            self.epochs.append(time.perf_counter())
        return len(text)


def gflop(learner: Learner) -> float:
    """Floating-point operations of training on an item, forward and backward, in 1e9."""
    x, y = learner.data.train.batch(torch.arange(2))
    learner.unfreeze()
    with FlopCounterMode(display=False) as counter, learner.compute.autocast():
        scores = learner.model.train()(x.to(learner.compute.device))
        learner.data.blocks.y.loss(scores, y.to(learner.compute.device)).backward()
    return counter.get_total_flops() / 2 / 1e9


def quiet() -> contextlib.AbstractContextManager[object]:
    """Nothing is printed inside."""
    return contextlib.redirect_stdout(io.StringIO())


@contextlib.contextmanager
def timed(items: int) -> Iterator[Measured]:
    """Puts the seconds of its body, and `items`, into what it gives."""
    found: Measured = {"items": items}
    start = time.perf_counter()
    yield found
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    found["seconds"] = time.perf_counter() - start
