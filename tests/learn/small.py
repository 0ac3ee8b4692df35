"""A small model, and learners of 40 pictures."""

import pandas as pd
import torch
from torch import nn

from onecycle.blocks.category import Category
from onecycle.blocks.image import Images
from onecycle.learn import device
from onecycle.learn.datasets import Blocks, Datasets
from onecycle.learn.groups import Grouped
from onecycle.learn.learner import Learner
from onecycle.learn.recipe import VisionLearner
from onecycle.learn.seeding import built

RECIPE = VisionLearner(arch="resnet18", weights=None, size=32, batch_size=8, precision="fp32")


class Tiny(Grouped):
    """Two groups, with a norm layer in each."""

    group_names = ("body", "head")

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.BatchNorm1d(8),
            nn.Dropout(0.2),
            nn.Linear(8, 2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))

    def layer_groups(self) -> list[nn.Module]:
        return [self.body, self.head]


def blocks_of(store, recipe=RECIPE):
    return Blocks(Images(store, recipe.height_width), Category(["dark", "light"]), recipe)


def made(store, recipe=RECIPE, model=None, precision="fp32"):
    blocks = blocks_of(store, recipe)
    items = pd.DataFrame({"id": [f"{at:02}" for at in range(40)], "x": "", "group": None})
    items["y"] = ["dark" if at % 2 else "light" for at in range(40)]
    parts = {"train": items[:28], "valid": items[28:].reset_index(drop=True)}
    data = Datasets(blocks, {name: blocks.encode(part) for name, part in parts.items()})
    model = model or built(recipe.seed, Tiny)
    return Learner(model, data, recipe, device.choose(precision))
