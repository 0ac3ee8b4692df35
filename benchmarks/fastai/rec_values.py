"""Losses, metrics, points and the recommender's formula, on small inputs that are recorded too."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.collab import EmbeddingDotBias
from fastai.layers import sigmoid_range
from fastai.losses import BCEWithLogitsLossFlat, CrossEntropyLossFlat
from fastai.metrics import accuracy, accuracy_multi
from fastai.torch_core import set_seed
from fastai.vision.augment import Flip, Resize, ResizeMethod
from fastai.vision.core import PILImage, PointScaler, TensorImage, TensorPoint
from fasttransform import Pipeline
from ratings import learner, loaders
from watching import Watch, quiet

THRESHOLDS = (0.05, 0.2, 0.5, 0.8, 0.99)
SPLIT_SEED = 42
VALID = 20_000
SEEDS = (1, 2, 3)


def record() -> dict[str, Any]:
    """All but MovieLens."""
    set_seed(11)
    logits, truth = 3 * torch.randn(12, 5), (torch.rand(12, 5) < 0.3).float()
    label = torch.randint(5, (12,))
    return {
        "multicategory": {
            "logits": logits.tolist(),
            "truth": truth.int().tolist(),
            "loss": float(BCEWithLogitsLossFlat()(logits, truth)),
            "accuracy_multi": [
                [thresh, float(accuracy_multi(logits, truth, thresh=thresh))]
                for thresh in THRESHOLDS
            ],
        },
        "category": {
            "logits": logits.tolist(),
            "truth": label.tolist(),
            "loss": float(CrossEntropyLossFlat()(logits, label)),
            "accuracy": float(accuracy(logits, label)),
        },
        "points": _points(),
        "sigmoid_range": _sigmoid_range(),
        "dot_bias": _dot_bias(),
    }


def _points() -> list[dict[str, Any]]:
    """Points in pixels (x, y): scaled; after a resize by squish and by crop; after a mirroring."""
    found = []
    for width, height in ((640, 480), (384, 288), (100, 250)):
        pixels = torch.rand(4, 2) * torch.tensor([width, height])
        picture = PILImage.create(np.zeros((height, width, 3), dtype=np.uint8))
        point = TensorPoint.create(pixels.flatten().tolist())
        case: dict[str, Any] = {"size_px": [width, height], "pixels": pixels.tolist()}
        case["scaled"] = Pipeline([PointScaler()])((picture, point))[1].tolist()
        for method in (ResizeMethod.Squish, ResizeMethod.Crop):
            steps = Pipeline([PointScaler(), Resize((112, 96), method=method)], split_idx=1)
            case[method] = steps((picture, point))[1].tolist()
        batch = TensorImage(torch.zeros(1, 3, height, width))
        scaled = TensorPoint(torch.tensor(case["scaled"])[None])
        case["mirrored"] = Flip(p=1.0)((batch, scaled), split_idx=0)[1][0].tolist()
        found.append(case)
    return found


def _sigmoid_range() -> list[dict[str, Any]]:
    x = torch.linspace(-6, 6, 9)
    return [
        {"low": low, "high": high, "x": x.tolist(), "y": sigmoid_range(x, low, high).tolist()}
        for low, high in ((0, 5.5), (-1, 1))
    ]


def _dot_bias() -> dict[str, Any]:
    model = EmbeddingDotBias(3, 4, 5, y_range=(0, 5.5))
    for weight in model.parameters():
        weight.data.normal_()
    pairs = torch.tensor([[0, 0], [1, 4], [3, 2], [2, 2], [3, 4]])
    weights = {name: weight.tolist() for name, weight in model.state_dict().items()}
    return {"weights": weights, "pairs": pairs.tolist(), "ratings": model(pairs).tolist()}


def movielens(table: pd.DataFrame) -> dict[str, Any]:
    """Valid losses (MSE) an epoch of the book's recipe, by fast.ai's loader and by a true shuffle.

    The split: `torch.manual_seed(42); p = torch.randperm(100000)`; valid is `p[:20000]`.
    """
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(SPLIT_SEED)).tolist()
    found: dict[str, Any] = {"split_seed": SPLIT_SEED, "valid": VALID, "seeds": list(SEEDS)}
    for name, shuffle in (("as_is", False), ("true_shuffle", True)):
        found[name] = []
        for seed in SEEDS:
            set_seed(seed, reproducible=True)
            dls = loaders(table, order[VALID:], order[:VALID], 64, shuffle=shuffle)
            learn = learner(dls, 50, (0, 5.5))
            learn.add_cb(Watch())
            with quiet(learn):
                learn.fit_one_cycle(5, 5e-3, wd=0.1)
            found[name].append(learn.watch.valid_losses)
    return found
