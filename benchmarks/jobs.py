"""The jobs that both tools get: same rows, split, weights, architecture, epochs, size and seed."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from onecycle.paths import Paths

Job = dict[str, Any]
SEEDS = (1, 2, 3)
RATINGS_VALID = 20_000

_PICTURES: Job = {"arch": "squeezenet1_1", "frozen_epochs": 4, "epochs": 4, "batch_size": 32}
_LABELS: Job = {**_PICTURES, "size": [128, 128], "fit": "crop", "lr": 2e-3, "min_scale": 0.75}
SETTINGS: dict[str, Job] = {
    "pets": {**_LABELS, "kind": "category"},
    "pascal": {**_LABELS, "kind": "multicategory", "lr": 1e-2, "frozen_epochs": 6, "epochs": 6},
    "biwi": {
        **_PICTURES,
        "kind": "points",
        "size": [112, 112],
        "fit": "squish",
        "frozen_epochs": 2,
        "lr": 5e-3,
        "min_scale": 1.0,
        "y_range": [-1, 1],
    },
    # The book's recipe; `shuffle: false` leaves fast.ai its own loader, which draws with
    # replacement. `movielens_shuffled` is the same with a true shuffle.
    "movielens": {
        "kind": "rating",
        "epochs": 5,
        "lr": 5e-3,
        "wd": 0.1,
        "factors": 50,
        "y_range": [0, 5.5],
        "batch_size": 64,
        "shuffle": False,
    },
}
SETTINGS["movielens_shuffled"] = {**SETTINGS["movielens"], "shuffle": True}


def make(name: str, seed: int, weights: Path, threads: int) -> Job:
    """The job of one comparison and seed.

    Args:
        name: of SETTINGS.
        seed: of initial weights, order, augmentation and dropout.
        weights: a state dict of torchvision's for the settings' architecture.
        threads: of torch.

    Returns:
        The settings and: `ids`, `split` and `y` of each row; `x` ([user, item]) or `images`
        (absolute paths); `classes`; `size_px`, each picture's width and height; `presize`, twice
        the size, as in the lesson.
    """
    settings = SETTINGS[name]
    common = {"name": name, **settings, "seed": seed, "threads": threads}
    if settings["kind"] == "rating":
        return {**common, **_ratings(Paths("movielens"))}
    height, width = settings["size"]
    pictures = {"presize": [2 * height, 2 * width], "weights": str(weights.resolve())}
    return {**common, **pictures, **_pictures(Paths(name), settings["kind"])}


def targets(job: Job, part: str) -> np.ndarray[Any, Any]:
    """The truth of a part's rows as its metrics want it.

    Returns:
        Class numbers int [N]; bool [N, K]; points in [-1, 1], float [N, 2]; ratings float [N, 1].
    """
    rows = [row for row, of in enumerate(job["split"]) if of == part]
    y = [job["y"][row] for row in rows]
    if job["kind"] == "category":
        return np.array([job["classes"].index(label) for label in y])
    if job["kind"] == "multicategory":
        return np.array([[label in labels for label in job["classes"]] for labels in y])
    if job["kind"] == "points":
        return 2 * np.array(y) / np.array([job["size_px"][row] for row in rows]) - 1
    return np.array(y, dtype=np.float64)[:, None]


def _pictures(paths: Paths, kind: str) -> Job:
    items = pd.read_parquet(paths.data("items.parquet")).drop(columns="split")
    rows = items.merge(pd.read_parquet(paths.data("split.parquet")), on="id")
    images = [(paths.data("raw") / name).resolve() for name in rows["x"]]
    sizes = []
    for image in images:
        with Image.open(image) as opened:
            sizes.append(list(opened.size))
    y = [each if isinstance(each, str) else list(each) for each in rows["y"]]
    return {
        "ids": list(rows["id"]),
        "split": list(rows["split"]),
        "images": [str(image) for image in images],
        "size_px": sizes,
        "y": y,
        "classes": [] if kind == "points" else sorted(set(rows["y"].explode().dropna())),
    }


def _ratings(paths: Paths) -> Job:
    """`torch.manual_seed(42); p = torch.randperm(100000)`: `p[:20000]` of u.data are test."""
    names = ["user", "item", "rating", "time"]
    table = pd.read_csv(paths.data("raw") / "ml-100k" / "u.data", sep="\t", names=names)
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(42))
    split = np.full(len(table), "train", dtype=object)
    split[order[:RATINGS_VALID].numpy()] = "test"
    return {
        "ids": [f"{user}/{item}" for user, item in zip(table["user"], table["item"], strict=True)],
        "split": split.tolist(),
        "x": table[["user", "item"]].to_numpy().tolist(),
        "y": [float(rating) for rating in table["rating"]],
    }
