"""Trains one job as fast.ai 2.8.12 would: the peer's half of side_by_side.

    .venv-fastai/bin/python benchmarks/fastai/train.py JOB.json OUT.npz

A job is what benchmarks/jobs.py makes. Writes raw outputs of valid and test in the order of the
job's rows: logits, points in [-1, 1] or ratings, float32 [N, width]; the valid loss of each epoch,
frozen ones first; `seconds` and `cpu_seconds` of training with its validations, after the imports;
and `predict_cpu_seconds` of predicting valid and test. Where the job says `whole`, a range test
comes before, a decision and the measures after, and `whole_seconds` are of all of it.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import ratings
import torch
from decisions import decide
from fastai.data.block import CategoryBlock, DataBlock, MultiCategoryBlock, TransformBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import Normalize
from fastai.learner import Learner
from fastai.torch_core import set_seed
from fastai.vision import models
from fastai.vision.augment import Resize, ResizeMethod, aug_transforms
from fastai.vision.core import imagenet_stats
from fastai.vision.data import ImageBlock, PointBlock
from fastai.vision.learner import create_body, model_meta, vision_learner
from watching import Watch, quiet

Job = dict[str, Any]


def main() -> None:
    """Runs the job."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    torch.set_num_threads(job["threads"])
    set_seed(job["seed"], reproducible=True)
    parts = {
        part: [row for row, of in enumerate(job["split"]) if of == part]
        for part in ("train", "valid", "test")
    }
    start, start_cpu = time.perf_counter(), time.process_time()
    train = train_ratings if job["kind"] == "rating" else train_pictures
    learn, rows_of = train(job, parts)
    trained, trained_cpu = time.perf_counter(), time.process_time()
    valid_loss = np.array(learn.watch.valid_losses)  # before predictions add theirs
    scores = {f"{part}_scores": predict(learn, rows_of(parts[part])) for part in ("valid", "test")}
    if job.get("whole"):
        decide(job, scores, parts)  # for its time; benchmarks/table.py measures the scores
    np.savez(
        sys.argv[2],
        whole_seconds=time.perf_counter() - start,
        **scores,
        valid_loss=valid_loss,
        seconds=trained - start,
        cpu_seconds=trained_cpu - start_cpu,
        predict_cpu_seconds=time.process_time() - trained_cpu,
    )


def train_ratings(job: Job, parts: dict[str, list[int]]) -> tuple[Learner, Any]:
    """The book's recipe; without valid rows the test rows are watched, and nothing else."""
    table = pd.DataFrame(job["x"], columns=["user", "item"])
    table["rating"] = job["y"]
    watched = parts["valid"] or parts["test"]
    dls = ratings.loaders(table, parts["train"], watched, job["batch_size"], shuffle=job["shuffle"])
    learn = ratings.learner(dls, job["factors"], job["y_range"])
    learn.add_cb(Watch())
    range_test(learn, job)
    with quiet(learn):
        learn.fit_one_cycle(job["epochs"], job["lr"], wd=job["wd"])
    return learn, lambda rows: dls.test_dl(table.iloc[rows]) if rows else None


def train_pictures(job: Job, parts: dict[str, list[int]]) -> tuple[Learner, Any]:
    """`fine_tune` from the job's weights."""
    dls = picture_loaders(job, parts)
    arch = getattr(models, job["arch"])
    learn = vision_learner(
        dls, arch, pretrained=False, normalize=False, y_range=job.get("y_range"), cbs=Watch()
    )
    load_body(learn, arch, job["weights"])
    learn.freeze()
    range_test(learn, job)
    with quiet(learn):
        learn.fine_tune(job["epochs"], job["lr"], freeze_epochs=job["frozen_epochs"])
    return learn, lambda rows: dls.test_dl(rows) if rows else None


def range_test(learn: Learner, job: Job) -> None:
    """The lesson's `lr_find`, if the job is whole."""
    if job.get("whole"):
        with tempfile.TemporaryDirectory() as folder, quiet(learn):
            learn.path = Path(folder)  # it keeps the model there meanwhile
            learn.lr_find(show_plot=False)


def picture_loaders(job: Job, parts: dict[str, list[int]]) -> DataLoaders:
    """The lesson's blocks: each picture presized, then one warp a batch on the way to `size`."""
    method = {"crop": ResizeMethod.Crop, "squish": ResizeMethod.Squish}[job["fit"]]
    size = tuple(job["size"])
    block = DataBlock(
        blocks=(ImageBlock, target(job)),
        get_x=lambda row: job["images"][row],  # fast.ai wants functions with a signature
        get_y=lambda row: job["y"][row],
        splitter=lambda rows: (parts["train"], parts["valid"]),
        item_tfms=Resize(tuple(job["presize"]), method=method),
        batch_tfms=[
            *aug_transforms(size=size, min_scale=job["min_scale"]),
            Normalize.from_stats(*imagenet_stats),
        ],
    )
    rows = list(range(len(job["y"])))
    return block.dataloaders(rows, bs=job["batch_size"], num_workers=0)


def target(job: Job) -> TransformBlock:
    """The block of the job's target; classes are in the job's order."""
    if job["kind"] == "points":
        return PointBlock
    if job["kind"] == "category":
        return CategoryBlock(vocab=job["classes"], sort=False)
    return MultiCategoryBlock(vocab=job["classes"])


def load_body(learn: Learner, arch: Any, weights: str) -> None:  # noqa: ANN401 - a constructor
    """Puts a state dict of torchvision's into the body, cut where fast.ai cuts it."""
    whole = arch(weights=None)
    whole.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    body = create_body(whole, pretrained=False, cut=model_meta[arch]["cut"])
    learn.model[0].load_state_dict(body.state_dict())


def predict(learn: Learner, loader: Any) -> np.ndarray:  # noqa: ANN401 - a loader or None
    """Raw outputs, float32 [N, width]; [0, 0] without rows."""
    if loader is None:
        return np.zeros((0, 0), dtype=np.float32)
    with quiet(learn):
        scores, _ = learn.get_preds(dl=loader, act=lambda scores: scores)
    return scores.reshape(len(scores), -1).float().numpy()


if __name__ == "__main__":
    main()
