"""Batches of train and of valid, and pictures of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from onecycle.blocks.pair import Pairs
from onecycle.learn.datasets import Batch, Datasets, Loader
from onecycle.pixels.decode import Pixels
from onecycle.pixels.store import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDE_IN = 2.2  # inches of a picture
COLUMNS = 4  # of pictures


@dataclass(frozen=True)
class DataLoaders:
    """Batches of train, shuffled and varied, and of valid, as they are.

    Attributes:
        data: the data sets behind them.
        train: what is learnt from.
        valid: what training is watched on.
    """

    data: Datasets
    train: Loader
    valid: Loader

    @classmethod
    def of(cls, data: Datasets, batch_size: int = 64, seed: int = 42) -> "DataLoaders":
        """Makes both loaders."""
        return cls(data, Loader(data.train, batch_size, seed), Loader(data.valid, batch_size))

    def one_batch(self) -> Batch:
        """The first batch of train."""
        return next(iter(self.train))

    def show_batch(self, items: int = 8, *, each_channel: bool = False) -> "Figure":
        """Some of train's examples as a model sees them, varied, with their targets.

        Args:
            items: how many at most.
            each_channel: a row for each picture, its channels one by one in grey.

        Returns:
            A matplotlib figure; a notebook shows it.
        """
        from matplotlib.figure import Figure

        x, y = self.one_batch()
        x, y, blocks = x[:items], y[:items], self.data.blocks
        words = [blocks.y.words(each) for each in y]
        if isinstance(blocks.x, Pairs):
            figure = Figure(figsize=(5, 0.4 * len(x) + 0.6))
            names = [blocks.x.names(pair) for pair in x.tolist()]
            cells = [[*pair, word] for pair, word in zip(names, words, strict=True)]
            axes = figure.add_subplot()
            axes.axis("off")
            axes.table(cells, colLabels=["user", "item", "target"], loc="center")
            return figure
        pictures = blocks.x.pictures(x)
        moves = blocks.y.moves_with_picture
        points = (y.numpy() + 1) / 2 * pictures.shape[2:0:-1] - 0.5 if moves else None
        return draw(planes(pictures, each_channel), words, points, each_channel)


def planes(pictures: Pixels, each_channel: bool) -> list[list[Pixels]]:
    """What is drawn of each picture: RGB (grey without three channels), or its channels."""
    if each_channel:
        return [[*np.moveaxis(picture, 2, 0)] for picture in pictures]
    return [[visible(picture)] for picture in pictures]


def draw(
    shown: Sequence[Sequence[Pixels]],
    words: Sequence[str],
    points: np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None,
    each_channel: bool,
) -> "Figure":
    """A grid of pictures, their targets above."""
    from matplotlib.figure import Figure

    columns = len(shown[0]) if each_channel else min(COLUMNS, len(shown))
    rows = len(shown) if each_channel else -(-len(shown) // columns)
    figure = Figure(figsize=(SIDE_IN * columns, (SIDE_IN + 0.25) * rows), layout="constrained")
    grid: list[Axes] = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in grid:
        axes.axis("off")
    for item, parts in enumerate(shown):
        for at, part in enumerate(parts):
            axes = grid[item * len(parts) + at]
            axes.imshow(part, cmap="gray", vmin=0, vmax=255)
            channel = f", channel {at}" if each_channel else ""
            axes.set_title(words[item] + channel, fontsize=9, parse_math=False)
            if points is not None:
                axes.plot(*points[item], "o", ms=7, mec="white", mfc="none", mew=2)
    return figure
