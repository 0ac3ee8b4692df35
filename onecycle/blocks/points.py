"""The points block: a place in the picture, such as the centre of a head."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

Floats = np.ndarray[tuple[int, ...], np.dtype[np.floating[Any]]]


@dataclass(frozen=True)
class Points:
    """One point; scores and encoded targets are (x, y) in [-1, 1], float32 [N, 2].

    -1 is the left or upper edge, 1 the right or lower one: 2·p/size - 1, as in fast.ai.
    """

    metric_name = "mse"
    moves_with_picture = True

    @classmethod
    def from_items(cls, _: pd.Series) -> "Points":
        """Has nothing to learn."""
        return cls()

    @property
    def outputs(self) -> int:
        """x and y."""
        return 2

    def encode(self, y: Sequence[Sequence[float]], size_px: Floats | None) -> Tensor:
        """Scales pixels to [-1, 1]; needs the pictures' sizes."""
        if size_px is None:
            raise TypeError("points need size_px: a point has no meaning without its picture")
        pixels = np.array([list(point) for point in y], dtype=np.float64)
        return torch.from_numpy((2 * pixels / size_px - 1).astype(np.float32))

    def loss(self, scores: Tensor, y: Tensor) -> Tensor:
        """Mean squared error over both coordinates."""
        return F.mse_loss(scores.float(), y)

    def metric(self, scores: Floats, y: Floats) -> float:
        """Mean squared error in [-1, 1] units."""
        return float(((scores - y) ** 2).mean())

    def chance(self, y: Tensor) -> Tensor:
        """Train's mean point."""
        return y.mean(0)

    def words(self, y: Tensor) -> str:
        """x and y in [-1, 1]."""
        return f"{y[0]:.2f}, {y[1]:.2f}"

    def state(self) -> dict[str, Any]:
        """Only the kind."""
        return {"kind": "points"}
