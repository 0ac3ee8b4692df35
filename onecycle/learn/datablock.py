"""The DataBlock: from an items table and a split to encoded examples and batches of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from onecycle.blocks import targets
from onecycle.blocks.image import Images
from onecycle.blocks.pair import Pairs
from onecycle.blocks.targets import Target
from onecycle.errors import UserError
from onecycle.learn import augment
from onecycle.learn.recipe import CollabLearner, VisionLearner
from onecycle.pixels.store import PixelStore

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


@dataclass(frozen=True)
class Part:
    """The encoded examples of one part of a split.

    Attributes:
        items: their rows of the items table.
        x: rows of the pixel store, int64 [N], or of the embeddings, int64 [N, 2].
        y: encoded targets [N, …].
        block: makes batches of them.
        size_px: widths and heights of pictures as published, float64 [N, 2]; null without pictures.
    """

    items: pd.DataFrame
    x: Tensor
    y: Tensor
    block: "DataBlock"
    size_px: Floats | None

    def __len__(self) -> int:
        return len(self.items)

    def batch(
        self, rows: Tensor, generator: np.random.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Inputs and targets of some examples, varied if a generator is given."""
        return self.block.batch(self.x[rows], self.y[rows], generator)


@dataclass(frozen=True)
class DataBlock:
    """How items become batches: an input block, a target block and the learner's transforms."""

    x: Images | Pairs
    y: Target
    learner: VisionLearner | CollabLearner

    @classmethod
    def from_train(
        cls, train: pd.DataFrame, y: str, learner: VisionLearner | CollabLearner, pixels: Path
    ) -> "DataBlock":
        """Makes the blocks, their vocabularies learnt from train's items.

        Args:
            train: rows of the items table.
            y: the target's name in `onecycle.blocks.targets.TARGETS`.
            learner: decides whether inputs are pictures or pairs.
            pixels: the stage prepare's `pixels/`.
        """
        pairs = None if isinstance(learner, VisionLearner) else Pairs.from_items(train["x"])
        return cls.from_blocks(pairs, targets.from_items(y, train["y"]), learner, pixels)

    @classmethod
    def from_blocks(
        cls,
        pairs: Pairs | None,
        y: Target,
        learner: VisionLearner | CollabLearner,
        pixels: Path,
    ) -> "DataBlock":
        """Makes the input block that the learner needs; `pairs` where it is a recommender."""
        if isinstance(learner, VisionLearner):
            return cls(Images(PixelStore(pixels), learner.height_width), y, learner)
        if pairs is None:
            raise UserError("learner.arch: a recommender needs prepare.x: [user, item]")
        return cls(pairs, y, learner)

    def part(self, items: pd.DataFrame) -> Part:
        """Encodes items."""
        size_px = self.x.size_px(items["id"].tolist()) if isinstance(self.x, Images) else None
        x = self.x.encode(items["id"].tolist(), items["x"].tolist())
        return Part(items, x, self.y.encode(items["y"].tolist(), size_px), self, size_px)

    def batch(
        self, x: Tensor, y: Tensor, generator: np.random.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Makes one batch of encoded examples."""
        if not isinstance(self.x, Images) or not isinstance(self.learner, VisionLearner):
            return x, y
        learner, n = self.learner, len(x)
        boxes = augment.crop_boxes(
            self.x.store.shape[x.numpy()].astype(np.float64), self.x.size, learner.fit
        )
        if generator is None or learner.augment is None:
            geometry, tables = augment.centred(boxes), augment.plain_tables(n)
        else:
            geometry = augment.varied(boxes, learner.augment, generator)
            tables = augment.lit_tables(n, learner.augment, generator)
        if self.y.moves_with_picture:
            moved = augment.move_points(y.numpy().astype(np.float64), geometry)
            y = torch.from_numpy(moved.astype(np.float32))
        return self.x.batch(x, geometry, tables), y


def split_items(items: Path, split: Path) -> dict[str, pd.DataFrame]:
    """The items of each part that has any, in the order of the table.

    Returns:
        Tables by the name of the part; the column `split` is the split's, not the data set's own.
    """
    table: Any = pd.read_parquet(items).drop(columns="split")
    joined = table.merge(pd.read_parquet(split), on="id")
    return {str(part): rows.reset_index(drop=True) for part, rows in joined.groupby("split")}
