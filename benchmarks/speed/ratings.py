"""onecycle on ratings of a file of benchmarks/made.py: each function gives one that fits once."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.speed.pictures import quiet
from onecycle.blocks.pair import Pairs
from onecycle.blocks.rating import Rating
from onecycle.learn import device, saved
from onecycle.learn.datasets import Blocks, Dataset, Datasets
from onecycle.learn.learner import Learner
from onecycle.learn.recipe import CollabLearner
from onecycle.learn.schedules import Cycle

Measured = dict[str, Any]
# The recipes by name: learner, epochs and highest rate.
RECIPES: dict[str, tuple[dict[str, Any], int, float]] = {
    "book": ({"arch": "dot_bias", "factors": 50, "batch_size": 64, "wd": 0.1}, 5, 5e-3),
    "fast": (
        {"arch": "dot_bias", "factors": 32, "batch_size": 2048, "wd": 0.8, "bias_wd": 0.02},
        5,
        0.02,
    ),
    "implicit": (  # patches/implicit.yaml
        {
            "arch": "implicit",
            "factors": 64,
            "batch_size": 1024,
            "wd": 2.0,
            "bias_wd": 0.02,
            "implicit_wd": 3.0,
        },
        20,
        5e-3,
    ),
}


def fit(
    file: str, recipe: str, threads: int, epochs: int | None = None, watched: bool = False
) -> Callable[[], Measured]:
    """Fits a recipe from the start; its model and encoded ratings are made outside of the timing.

    Args:
        file: of ratings.
        recipe: of RECIPES.
        threads: of torch.
        epochs: null: the recipe's.
        watched: whether valid is predicted after each epoch, as fast.ai does.
    """
    device.use_threads(threads)
    settings, usual, rate = RECIPES[recipe]
    learner_params = CollabLearner(**settings, seed=0)
    train, valid = parts(file)
    data = Datasets(train.blocks, {"train": train, "valid": valid if watched else first(valid)})

    def measure() -> Measured:
        model = saved.build(data.blocks, learner_params, None, train)
        learner = Learner(model, data, learner_params, device.choose("fp32"))
        with quiet():
            start = time.perf_counter()
            learner.fit(Cycle("unfrozen", epochs or usual, [rate]))
            seconds = time.perf_counter() - start
        score = float(((learner.predict(valid) - valid.y.numpy()) ** 2).mean())
        return {"seconds": seconds, "items": len(train), "score": score}

    return measure


def grown(file: str, threads: int) -> Callable[[], Measured]:
    """Encodes the ratings and fits an epoch of the fast recipe: what grows with the items."""

    def measure() -> Measured:
        start = time.perf_counter()
        fit(file, "fast", threads, epochs=1)()
        seconds = time.perf_counter() - start
        with np.load(file) as found:
            return {"seconds": seconds, "items": int((~found["valid"]).sum())}

    return measure


def parts(file: str) -> tuple[Dataset, Dataset]:
    """Train and valid, encoded."""
    with np.load(file) as found:
        valid = found["valid"]
        user, item, rating = (found[name] for name in ("user", "item", "rating"))
    pairs = [[str(one), str(other)] for one, other in zip(user, item, strict=True)]
    ids = [f"{at:09}" for at in range(len(pairs))]
    table = pd.DataFrame({"id": ids, "x": pairs, "y": rating.astype(np.float64)})
    train = table[~valid].reset_index(drop=True)
    blocks = Blocks(Pairs.from_items(train["x"]), Rating())
    return blocks.encode(train), blocks.encode(table[valid].reset_index(drop=True))


def first(part: Dataset) -> Dataset:
    """One example of a part: what a fit is watched on where that shall take no time."""
    return part.blocks.encode(part.items[:1])
