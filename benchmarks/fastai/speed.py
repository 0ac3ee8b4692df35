"""fast.ai 2.8.12 beside benchmarks/speed: each function sets up and gives one that measures once.

Runs in the environment of benchmarks/fastai/requirements.lock. Arguments are those of
benchmarks/speed/pictures.py, and of ratings.py; `settings` also holds `presize`, pixels of the
lesson's first crop, and `workers` of the loader.
"""

import tempfile
import time

import numpy as np
import pandas as pd
import torch
from fastai.callback.schedule import SuggestionMethod  # noqa: F401 - patches Learner
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import Normalize
from fastai.learner import Learner
from fastai.vision import models
from fastai.vision.augment import Resize, aug_transforms
from fastai.vision.core import imagenet_stats
from fastai.vision.data import ImageBlock
from fastai.vision.learner import vision_learner

from benchmarks.fastai import ratings
from benchmarks.fastai.timing import Measure, Measured, Settings, timed
from benchmarks.fastai.watching import quiet

RATE = 1e-3


def data(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """An epoch of augmented training batches."""
    train = loaders(files, labels, settings).train

    def epoch() -> int:
        return sum(len(x) for x, _ in train)

    return timed(epoch)


def frozen(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """An epoch in which the head and the body's norms learn."""
    learn = make(files, labels, settings)
    learn.freeze()
    return timed(lambda: fitted(learn, slice(RATE)))


def unfrozen(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """An epoch in which everything learns."""
    learn = make(files, labels, settings)
    learn.unfreeze()
    return timed(lambda: fitted(learn, slice(RATE / 100, RATE)))


def range_test(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """A range test of a frozen body; an item is a step."""
    learn = make(files, labels, settings)
    learn.freeze()

    def test() -> int:
        with quiet(learn):
            learn.lr_find(end_lr=1e-3, num_it=10, show_plot=False, suggest_funcs=None)
        return len(learn.recorder.lrs)

    return timed(test)


def predict(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """Predicts all photographs from their files."""
    learn = make(files, labels, settings)

    def predicted() -> int:
        with quiet(learn):
            loader = learn.dls.test_dl(list(range(len(files))))
            return len(learn.get_preds(dl=loader)[0])

    return timed(predicted)


def grown(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """Makes the loaders and goes through an epoch of training batches."""

    def everything() -> int:
        data(files, labels, settings)()
        return len(files)

    return timed(everything)


def fit(file: str, recipe: str, threads: int, epochs: int = 5, watched: bool = True) -> Measure:
    """The book's recommender; the table is encoded outside of the timing."""
    torch.set_num_threads(threads)
    dls, valid = rated(file)
    table = pd.DataFrame({name: valid[name] for name in ("user", "item", "rating")})

    def measure() -> Measured:
        learn = ratings.learner(dls, 50, (0, 5.5))
        with quiet(learn):
            start = time.perf_counter()
            learn.fit_one_cycle(epochs, 5e-3, wd=0.1)
            seconds = time.perf_counter() - start
            scores, _ = learn.get_preds(dl=dls.test_dl(table))
        error = scores.numpy().ravel() - valid["rating"]
        return {"seconds": seconds, "items": dls.train.n, "score": float((error**2).mean())}

    return measure


def ratings_grown(file: str, threads: int) -> Measure:
    """Encodes the ratings and fits an epoch of the book's recipe."""

    def everything() -> int:
        torch.set_num_threads(threads)
        dls, _ = rated(file)
        learn = ratings.learner(dls, 50, (0, 5.5))
        with quiet(learn):
            learn.fit_one_cycle(1, 5e-3, wd=0.1)
        return int(dls.train.n)

    return timed(everything)


def rated(file: str) -> tuple[DataLoaders, dict[str, np.ndarray]]:
    """fast.ai's own loaders of a file of benchmarks/made.py, and its valid rows."""
    with np.load(file) as found:
        every = {name: found[name] for name in ("user", "item", "rating", "valid")}
    valid = every.pop("valid")
    rows = [np.flatnonzero(valid == part).tolist() for part in (False, True)]
    dls = ratings.loaders(pd.DataFrame(every), *rows, 64, shuffle=False)
    return dls, {name: values[valid] for name, values in every.items()}


def loaders(files: list[str], labels: list[str], settings: Settings) -> DataLoaders:
    """The lesson's blocks; valid is the first two photographs, so that it takes no time."""
    torch.set_num_threads(settings["threads"])
    rows = list(range(len(files)))
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_x=lambda row: files[row],
        get_y=lambda row: labels[row],
        splitter=lambda _: (rows, rows[:2]),
        item_tfms=Resize(settings["presize"]),
        batch_tfms=[
            *aug_transforms(size=settings["size"], min_scale=0.75),
            Normalize.from_stats(*imagenet_stats),
        ],
    )
    workers = settings["workers"]
    return block.dataloaders(rows, bs=settings["batch_size"], num_workers=workers)


def make(files: list[str], labels: list[str], settings: Settings) -> Learner:
    """`vision_learner` from random weights; on a GPU in bfloat16."""
    dls = loaders(files, labels, settings)
    arch = getattr(models, settings["arch"])
    folder = tempfile.mkdtemp()  # of lr_find's copy
    learn = vision_learner(dls, arch, pretrained=False, normalize=False, path=folder)
    return learn.to_bf16() if torch.cuda.is_available() else learn


def fitted(learn: Learner, rates: slice) -> int:
    """Trains an epoch; gives the items that it trained on."""
    with quiet(learn):
        learn.fit_one_cycle(1, rates)
    return len(learn.dls.train) * learn.dls.train.bs
