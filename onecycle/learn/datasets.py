"""Encoded examples: data sets, and the batches that a model sees.

A data set is anything with an index and a length that gives an input and a target.
"""

from collections.abc import Iterator, Mapping, Sequence
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
from onecycle.learn.recipe import View
from onecycle.pixels.store import PixelStore, Store
from onecycle.tables import joined, read_frame, read_items

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Names = np.ndarray[tuple[int, ...], np.dtype[np.str_]]
Batch = tuple[Tensor, Tensor]
GATHERED = 1 << 20  # examples whose encoded form is gathered at once; batches are slices of it


@dataclass(frozen=True)
class Blocks:
    """An input block and a target block that know what they must of train, and the view.

    Attributes:
        x: the input block.
        y: the target block.
        view: how pictures are shown to a model; null for pairs.
    """

    x: Images | Pairs
    y: Target
    view: View | None = None

    @classmethod
    def from_train(
        cls, train: pd.DataFrame, y: str, view: View | None, pixels: Path | None
    ) -> "Blocks":
        """Makes the blocks, their vocabularies learnt from train's items.

        Args:
            train: rows of the items table.
            y: the target's name in `onecycle.blocks.targets.TARGETS`.
            view: of pictures; null where inputs are pairs.
            pixels: the pixel store of pictures.
        """
        pairs = Pairs.from_items(train["x"]) if view is None else None
        return cls.of(pairs, targets.from_items(y, train["y"]), view, pixels)

    @classmethod
    def of(
        cls, pairs: Pairs | None, y: Target, view: View | None, pixels: Path | Store | None
    ) -> "Blocks":
        """Makes the input block from a pixel store, or takes `pairs`."""
        if pairs is not None:
            return cls(pairs, y)
        if view is None or pixels is None:
            raise UserError("learner.arch: a recommender needs prepare.x: [user, item]")
        if y.moves_with_picture and view.fit != "squish":
            raise UserError("points need fit: squish: a crop may lose the point that is asked for")
        store = PixelStore(pixels) if isinstance(pixels, Path) else pixels
        return cls(Images(store, view.height_width), y, view)

    def encode(self, items: pd.DataFrame) -> "Dataset":
        """The examples of some rows of the items table."""
        size_px = self.x.size_px(items["id"].tolist()) if isinstance(self.x, Images) else None
        y: Any = items["y"] if pd.api.types.is_float_dtype(items["y"]) else items["y"].tolist()
        if isinstance(self.x, Pairs):
            return Dataset(
                items, self.x.encode(None, items["x"]), self.y.encode(y, None), self, None
            )
        x = self.x.encode(items["id"].tolist())
        return Dataset(items, x, self.y.encode(y, size_px), self, size_px)

    def batch(self, x: Tensor, y: Tensor, generator: np.random.Generator | None) -> Batch:
        """Makes one batch of encoded examples, varied if a generator is given."""
        view = self.view
        if not isinstance(self.x, Images) or view is None:
            return x, y
        boxes = augment.crop_boxes(
            self.x.store.shape[x.numpy()].astype(np.float64), self.x.size, view.fit
        )
        if generator is None or view.augment is None:
            geometry, tables = augment.centred(boxes), augment.plain_tables(len(x))
        else:
            geometry = augment.varied(boxes, view.augment, generator)
            tables = augment.lit_tables(len(x), view.augment, generator)
        if self.y.moves_with_picture:
            moved = augment.move_points(y.numpy().astype(np.float64), geometry)
            y = torch.from_numpy(moved.astype(np.float32))
        return self.x.batch(x, geometry, tables), y


@dataclass(frozen=True)
class Dataset:
    """The encoded examples of one part of a split; `data[3]` is one, as the model sees it.

    Attributes:
        items: their rows of the items table.
        x: rows of the pixel store, int64 [N], or of the embeddings, int64 [N, 2].
        y: encoded targets [N, …].
        blocks: make batches of them.
        size_px: widths and heights of pictures as published, float64 [N, 2]; null without pictures.
    """

    items: pd.DataFrame
    x: Tensor
    y: Tensor
    blocks: Blocks
    size_px: Floats | None

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Batch:
        if not -len(self) <= index < len(self):
            raise IndexError(index)  # ends a loop over the data set
        x, y = self.batch(torch.tensor([index % len(self)]))
        return x[0], y[0]

    @property
    def groups(self) -> Names | None:
        """The group of each item, str [N]; null where one has none."""
        owners = self.items["group"]
        return None if owners.isna().any() else owners.to_numpy(dtype=np.str_)

    def batch(self, rows: Tensor, generator: np.random.Generator | None = None) -> Batch:
        """Inputs and targets of some examples, varied if a generator is given."""
        return self.blocks.batch(self.x[rows], self.y[rows], generator)


@dataclass(frozen=True)
class Datasets:
    """The data sets of a split, by the part's name: train, valid, calib, test, those there are."""

    blocks: Blocks
    parts: Mapping[str, Dataset]

    @property
    def train(self) -> Dataset:
        """What is learnt from."""
        return self._part("train")

    @property
    def valid(self) -> Dataset:
        """What training is watched on."""
        return self._part("valid")

    def _part(self, name: str) -> Dataset:
        if name not in self.parts:
            raise UserError(f"the split has no {name} part; it has {sorted(self.parts)}")
        return self.parts[name]


@dataclass(frozen=True)
class Loader:
    """Batches of a data set.

    Attributes:
        data: the examples.
        batch_size: of each batch.
        seed: decides, with an epoch's number, the order and variation of that epoch, and nothing
            else does; a last short batch is left out. Null: every example as it is, in order.
    """

    data: Dataset
    batch_size: int
    seed: int | None = None

    def __len__(self) -> int:
        """Batches an epoch; training makes do with one short batch where there is no whole one.

        Raises:
            UserError: there are fewer than two examples to train on, too few for batch norm.
        """
        whole, rest = divmod(len(self.data), self.batch_size)
        if self.seed is None:
            return whole + bool(rest)
        if len(self.data) < 2:
            raise UserError(f"train has {len(self.data)} items; training needs at least 2")
        return max(1, whole)

    def __iter__(self) -> Iterator[Batch]:
        return self.epoch(0)

    def epoch(self, number: int, done: int = 0, drawn: dict[str, Any] | None = None) -> "Epoch":
        """The batches of one epoch.

        Args:
            number: the epoch's.
            done: batches of it that were had before.
            drawn: the `drawn` that the last of them left.
        """
        return Epoch(self, number, done, drawn)


class Epoch(Iterator[Batch]):
    """The batches of one epoch, in turn.

    Attributes:
        rows: of the data set that the last batch holds, int64 [N].
    """

    def __init__(
        self, loader: Loader, number: int, done: int = 0, drawn: dict[str, Any] | None = None
    ) -> None:
        self._loader, self._generator = loader, None
        self._order = torch.arange(len(loader.data))
        if loader.seed is not None:
            self._generator = np.random.default_rng([loader.seed, number])
            self._order = torch.from_numpy(self._generator.permutation(len(loader.data)))
        if self._generator and drawn:
            self._generator.bit_generator.state = drawn
        self.rows = self._order[:0]
        self._batches = self._make(done)

    def __next__(self) -> Batch:
        return next(self._batches)

    @property
    def drawn(self) -> dict[str, Any] | None:
        """What the variation of batches has drawn so far, as JSON has it; null: nothing is."""
        return None if self._generator is None else dict(self._generator.bit_generator.state)

    def _make(self, done: int) -> Iterator[Batch]:
        data, size = self._loader.data, self._loader.batch_size
        steps, at_once = len(self._loader), max(1, GATHERED // size)
        for first in range(done, steps, at_once):
            rows = self._order[first * size : min(first + at_once, steps) * size]
            x, y = data.x[rows], data.y[rows]
            for start in range(0, len(rows), size):
                some = slice(start, start + size)
                self.rows = rows[some]
                yield data.blocks.batch(x[some], y[some], self._generator)


def split_items(
    items: Path, split: Path, columns: Sequence[str] | None = None
) -> dict[str, pd.DataFrame]:
    """The items of each part that has any, in the order of the table.

    Args:
        items: `items.parquet`.
        split: `split.parquet`.
        columns: of the items table, those wanted; null: all.

    Returns:
        Tables by the name of the part; the column `split` is the split's, not the data set's own.
    """
    table = read_items(items, columns).drop(columns="split", errors="ignore")
    rows = joined(table, read_frame(split))
    return {str(part): each.reset_index(drop=True) for part, each in rows.groupby("split")}
