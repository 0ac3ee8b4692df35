"""The multicategory block: any number of labels, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from onecycle.blocks.vocab import positions
from onecycle.errors import UserError

Floats = np.ndarray[tuple[int, ...], np.dtype[np.floating[Any]]]


@dataclass(frozen=True)
class Multicategory:
    """Any of K labels; scores are logits [N, K], encoded targets one-hot float32 [N, K]."""

    vocab: list[str]
    metric_name = "map"
    moves_with_picture = False

    @classmethod
    def from_items(cls, y: pd.Series) -> "Multicategory":
        """Learns the vocabulary from train's lists of labels."""
        return cls(sorted({label for labels in y for label in labels}))

    @property
    def outputs(self) -> int:
        """K."""
        return len(self.vocab)

    def encode(self, y: Sequence[Sequence[str]], _: Floats | None = None) -> Tensor:
        """One-hot rows, float32 [N, K]."""
        hot = torch.zeros(len(y), len(self.vocab))
        for row, labels in enumerate(y):
            hot[row, positions(labels, self.vocab)] = 1
        return hot

    def loss(self, scores: Tensor, y: Tensor) -> Tensor:
        """Binary cross-entropy of each label's sigmoid."""
        return F.binary_cross_entropy_with_logits(scores.float(), y)

    def metric(self, scores: Floats, y: Floats) -> float:
        """Mean average precision over the labels that occur, 0 to 1."""
        from sklearn.metrics import average_precision_score

        occurs = y.any(0)
        if not occurs.any():
            raise UserError("valid: no item has a label, so mean average precision has no meaning")
        return float(average_precision_score(y[:, occurs], scores[:, occurs], average="macro"))

    def chance(self, y: Tensor) -> Tensor:
        """Logits of each label's share of train's items."""
        return torch.logit((y.sum(0) + 0.5) / (len(y) + 1))

    def words(self, y: Tensor) -> str:
        """The labels, `none` without any."""
        return "; ".join(self.vocab[at] for at in y.nonzero().flatten().tolist()) or "none"

    def state(self) -> dict[str, Any]:
        """Kind and vocabulary."""
        return {"kind": "multicategory", "vocab": self.vocab}
