"""The rating block: a number on a scale."""

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
class Rating:
    """One number; scores and encoded targets are in rating units, float32 [N, 1]."""

    metric_name = "rmse"
    moves_with_picture = False

    @classmethod
    def from_items(cls, _: pd.Series) -> "Rating":
        """Has nothing to learn."""
        return cls()

    @property
    def outputs(self) -> int:
        """The rating."""
        return 1

    def encode(self, y: Sequence[float], _: Floats | None = None) -> Tensor:
        """Ratings as a column, float32 [N, 1]."""
        return torch.tensor(np.asarray(y, dtype=np.float32)).unsqueeze(1)

    def loss(self, scores: Tensor, y: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(scores, y)

    def metric(self, scores: Floats, y: Floats) -> float:
        """Root of the mean squared error, in rating units."""
        return float(((scores - y) ** 2).mean() ** 0.5)

    def chance(self, y: Tensor) -> Tensor:
        """Train's mean rating."""
        return y.mean(0)

    def words(self, y: Tensor) -> str:
        """The rating."""
        return f"{float(y):g}"

    def state(self) -> dict[str, Any]:
        """Only the kind."""
        return {"kind": "rating"}
