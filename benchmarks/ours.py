"""onecycle's half of side_by_side: the same jobs by its own library."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.jobs import Job
from onecycle.decide.kinds import KINDS
from onecycle.learn import device, saved
from onecycle.learn.assemble import target_of
from onecycle.learn.augment import Augment
from onecycle.learn.datasets import Blocks, Dataset, Datasets, split_items
from onecycle.learn.learner import Learner
from onecycle.learn.lr_finder import RangeTest, choose
from onecycle.learn.recipe import CollabLearner, VisionLearner
from onecycle.learn.schedules import Cycle
from onecycle.paths import Paths
from onecycle.progress import say

Result = dict[str, Any]
Fit = Callable[[Learner], list[dict[str, Any]]]
# What the shipped recipes do otherwise, where that was found to be better.
OWN: dict[str, Job] = {
    "biwi": {"head": "heatmap", "y_range": None},
    "movielens": {
        "arch": "implicit",
        "factors": 64,
        "batch_size": 1024,
        "wd": 2.0,
        "bias_wd": 0.02,
        "implicit_wd": 3.0,
        "epochs": 20,
    },
}


def train(job: Job, *, own: bool) -> Result:
    """Trains a job.

    Args:
        job: what benchmarks/jobs.py makes.
        own: with what onecycle's shipped recipes do otherwise.

    Returns:
        As benchmarks/fastai/train.py writes.
    """
    device.use_threads(job["threads"])
    settings = job | (OWN.get(job["name"], {}) if own else {})
    start, start_cpu = time.perf_counter(), time.process_time()
    make = ratings if job["kind"] == "rating" else pictures
    learner, fit = make(settings)
    if job.get("whole"):
        range_test(learner)
    history = fit(learner)
    trained, trained_cpu = time.perf_counter(), time.process_time()
    parts = learner.data.parts
    scores = {f"{name}_scores": predicted(learner, parts.get(name)) for name in ("valid", "test")}
    if job.get("whole"):
        decide(learner, scores)
    return scores | {
        "whole_seconds": np.array(time.perf_counter() - start),
        "valid_loss": np.array([row["valid_loss"] for row in history]),
        "seconds": np.array(trained - start),
        "cpu_seconds": np.array(trained_cpu - start_cpu),
        "predict_cpu_seconds": np.array(time.process_time() - trained_cpu),
    }


def range_test(learner: Learner) -> None:
    """The lesson's, of a frozen body; what it suggests is told."""
    if len(learner.groups) > 1:
        learner.freeze()
    test = RangeTest()
    say(f"range test: {choose(test, learner.lr_find(test))['reason']}")
    learner.unfreeze()


def decide(learner: Learner, scores: Result) -> None:
    """The decision from valid (where there is one), the measures on test; as the stages do it."""
    y, parts = learner.data.blocks.y, learner.data.parts
    kind = KINDS[y.state()["kind"]]
    valid, test = parts["valid"], parts["test"]
    fitted, _ = kind.fit(scores["valid_scores"], valid.y.numpy(), kind.Params(), valid.size_px)
    ones = np.ones((1, len(test)))
    kind.metrics(scores["test_scores"], test.y.numpy(), fitted, ones, test.size_px)


def predicted(learner: Learner, part: Dataset | None) -> np.ndarray[Any, Any]:
    """Raw outputs, float32 [N, width]; [0, 0] without rows."""
    return np.zeros((0, 0), np.float32) if part is None else learner.predict(part)


def pictures(settings: Job) -> tuple[Learner, Fit]:
    """fine_tune from the job's weights, on the stages' own items, split and pixels."""
    paths = Paths(settings["name"])
    size, y_range = settings["size"], settings.get("y_range")
    recipe = VisionLearner(
        arch=settings["arch"],
        size=size,
        fit=settings["fit"],
        augment=Augment(min_scale=settings["min_scale"]),
        batch_size=settings["batch_size"],
        head=settings.get("head", "concat_pool"),
        y_range=None if y_range is None else [float(edge) for edge in y_range],
        seed=settings["seed"],
    )
    items = paths.data("items.parquet")
    parts = split_items(items, paths.data("split.parquet"))
    blocks = Blocks.from_train(parts["train"], target_of(items), recipe, paths.data("pixels"))
    data = Datasets(blocks, {name: blocks.encode(part) for name, part in parts.items()})
    model = saved.build(blocks, recipe, Path(settings["weights"]))
    learner = Learner(model, data, recipe, device.choose(recipe.precision))
    tune = settings["epochs"], settings["lr"], settings["frozen_epochs"]
    return learner, lambda it: it.fine_tune(*tune)


def ratings(settings: Job) -> tuple[Learner, Fit]:
    """One cycle; the test rows are watched, and nothing else, as in fast.ai's half."""
    named = {k: settings[k] for k in CollabLearner.model_fields if k in settings}
    edges = [float(edge) for edge in settings["y_range"]]
    recipe = CollabLearner(**{"arch": "dot_bias"} | named | {"y_range": edges})
    table = pd.DataFrame({"id": settings["ids"], "y": settings["y"]})
    table["x"] = [[str(user), str(item)] for user, item in settings["x"]]
    split = np.array(settings["split"])
    parts = {name: table[split == name].reset_index(drop=True) for name in ("train", "test")}
    blocks = Blocks.from_train(parts["train"], "rating", None, None)
    encoded = {name: blocks.encode(part) for name, part in parts.items()}
    data = Datasets(blocks, encoded | {"valid": encoded["test"]})
    model = saved.build(blocks, recipe, None, data.train)
    cycle = Cycle("unfrozen", settings["epochs"], [settings["lr"]])
    return Learner(model, data, recipe, device.choose("fp32")), lambda it: it.fit(cycle)
