"""Parameter groups: which layer group each parameter is in, what trains frozen, what decays."""

import math
from collections.abc import Callable
from typing import Any

import torch
from fastai.collab import EmbeddingDotBias
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat, MSELossFlat
from fastai.vision.learner import vision_learner
from torch import nn
from torchvision.models import resnet18, resnet34, resnet50, squeezenet1_1
from watching import small_loaders

LABELS = 37


def record(path: str) -> dict[str, Any]:
    """Of resnet18 and the recommender every parameter, of the others a count for each group.

    `parameters` holds [name, layer group, shape, trains when frozen, decays], in the optimiser's
    order; `groups` the number of parameter tensors and of values for each layer group.
    """
    found: dict[str, Any] = {}
    for arch in (resnet18, resnet34, resnet50, squeezenet1_1):
        rows = _rows(_vision(arch, path))
        found[arch.__name__] = {"groups": _counts(rows)}
        if arch is resnet18:
            found[arch.__name__]["parameters"] = rows
    model = EmbeddingDotBias(5, 7, 9, y_range=(0, 5.5))
    dls = small_loaders(torch.zeros(4, 2, dtype=torch.long), torch.zeros(4), 2)
    learn = Learner(dls, model, MSELossFlat(), path=path)
    learn.create_opt()
    found["dot_bias"] = {"parameters": _rows(learn)}
    return found


def _vision(arch: Callable[..., nn.Module], path: str) -> Learner:
    dls = small_loaders(torch.zeros(4, 3, 64, 64), torch.zeros(4, dtype=torch.long), 2)
    loss = CrossEntropyLossFlat()
    learn = vision_learner(
        dls, arch, pretrained=False, normalize=False, n_out=LABELS, loss_func=loss, path=path
    )
    learn.freeze()
    return learn


def _rows(learn: Learner) -> list[list[Any]]:
    names = {id(weight): name for name, weight in learn.model.named_parameters()}
    return [
        [
            names[id(weight)],
            group,
            list(weight.shape),
            int(weight.requires_grad),
            int(learn.opt.state[weight].get("do_wd", True)),
        ]
        for group, weights in enumerate(learn.opt.param_lists)
        for weight in weights
    ]


def _counts(rows: list[list[Any]]) -> list[dict[str, int]]:
    counts = []
    for group in range(1 + max(row[1] for row in rows)):
        mine = [(math.prod(row[2]), row[3], row[4]) for row in rows if row[1] == group]
        counts.append(
            {
                "tensors": len(mine),
                "values": sum(n for n, _, _ in mine),
                "values_that_train_frozen": sum(n for n, trains, _ in mine if trains),
                "values_that_decay": sum(n for n, _, decays in mine if decays),
            }
        )
    return counts
