"""The category block: one label of a vocabulary."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from onecycle.blocks.vocab import positions

Floats = np.ndarray[tuple[int, ...], np.dtype[np.floating[Any]]]


@dataclass(frozen=True)
class Category:
    """One of K labels; scores are logits [N, K], encoded targets int64 [N]."""

    vocab: list[str]
    metric_name = "accuracy"
    moves_with_picture = False

    @classmethod
    def from_items(cls, y: pd.Series) -> "Category":
        """Learns the vocabulary from train's labels."""
        return cls(sorted(set(y)))

    @property
    def outputs(self) -> int:
        """K."""
        return len(self.vocab)

    def encode(self, y: Sequence[str], _: Floats | None = None) -> Tensor:
        """Places in the vocabulary, int64 [N]."""
        return torch.tensor(positions(y, self.vocab), dtype=torch.int64)

    def loss(self, scores: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy of the softmax."""
        return F.cross_entropy(scores.float(), y)

    def metric(self, scores: Floats, y: Floats) -> float:
        """Accuracy, 0 to 1."""
        return float((scores.argmax(1) == y).mean())

    def chance(self, y: Tensor) -> Tensor:
        """Logits of train's shares of the labels."""
        return torch.bincount(y, minlength=self.outputs).float().clamp(min=0.5).log()

    def words(self, y: Tensor) -> str:
        """The label."""
        return self.vocab[int(y)]

    def state(self) -> dict[str, Any]:
        """Kind and vocabulary."""
        return {"kind": "category", "vocab": self.vocab}
