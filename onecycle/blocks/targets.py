"""What a target block owes, and the registry of them.

A target brings its own encoding, loss and metric, so nothing else asks which problem this is. How
its scores become answers, and are measured, is in `onecycle.decide`, under the same name: a change
there must not retrain a model.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from torch import Tensor

from onecycle.blocks.category import Category
from onecycle.blocks.multicategory import Multicategory
from onecycle.blocks.points import Points
from onecycle.blocks.rating import Rating

Floats = np.ndarray[tuple[int, ...], np.dtype[np.floating[Any]]]


class Target(Protocol):
    """A target block: how y becomes a tensor, and how a model's outputs are held against it."""

    metric_name: str
    moves_with_picture: bool  # whether augmentation's geometry applies to y too

    @property
    def outputs(self) -> int:
        """How many numbers the model gives for an item."""
        ...

    def encode(self, y: Sequence[Any], size_px: Floats | None) -> Tensor:
        """The targets of N items as a tensor [N, …].

        Args:
            y: the items table's column.
            size_px: widths and heights of pictures as published, float64 [N, 2], in pixels.

        Raises:
            UserError: a label that the vocabulary lacks.
        """
        ...

    def loss(self, scores: Tensor, y: Tensor) -> Tensor:
        """The mean loss of a batch, a scalar; `scores` float [N, outputs]."""
        ...

    def metric(self, scores: Floats, y: Floats) -> float:
        """The value in history.csv that tells how training goes; named `metric_name`."""
        ...

    def chance(self, y: Tensor) -> Tensor:
        """Scores, float [outputs], of the best guess that knows train's targets and no input."""
        ...

    def words(self, y: Tensor) -> str:
        """One encoded target, for people to read."""
        ...

    def state(self) -> dict[str, Any]:
        """What model.json keeps; `from_state` makes the block again."""
        ...


TARGETS: dict[str, Any] = {
    "category": Category,
    "multicategory": Multicategory,
    "points": Points,
    "rating": Rating,
}


def from_items(kind: str, y: pd.Series) -> Target:
    """Makes a block, learning its vocabulary from the targets of train."""
    target: Target = TARGETS[kind].from_items(y)
    return target


def from_state(state: dict[str, Any]) -> Target:
    """Makes a block from what model.json kept."""
    rest = {key: value for key, value in state.items() if key != "kind"}
    target: Target = TARGETS[state["kind"]](**rest)
    return target
