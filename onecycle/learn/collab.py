"""Recommendation: the product of two embeddings, with biases and a range."""

import torch
from torch import Tensor, nn

from onecycle.learn.groups import Grouped
from onecycle.learn.recipe import CollabLearner

INIT_STD = 0.01  # fast.ai's, truncated at two deviations


class DotProduct(Grouped):
    """rating = σ(u·v + b_u + b_v)·(high - low) + low.

    Args:
        users: how many are known; row 0 stands for all others.
        items: likewise.
        learner: factors, biases or not, range.
    """

    group_names = ("embeddings",)

    def __init__(self, users: int, items: int, learner: CollabLearner) -> None:
        super().__init__()
        self.y_range = learner.y_range
        self.user = embedding(users + 1, learner.factors)
        self.item = embedding(items + 1, learner.factors)
        self.biased = learner.arch == "dot_bias"
        if self.biased:
            self.user_bias = embedding(users + 1, 1)
            self.item_bias = embedding(items + 1, 1)

    def forward(self, pairs: Tensor) -> Tensor:
        """int64 [N, 2], rows of user and item, to ratings, float32 [N, 1]."""
        user, item = pairs.unbind(1)
        score: Tensor = (self.user(user) * self.item(item)).sum(1, keepdim=True)
        if self.biased:
            score = score + self.user_bias(user) + self.item_bias(item)
        if self.y_range is None:
            return score
        low, high = self.y_range
        return torch.sigmoid(score) * (high - low) + low

    def layer_groups(self) -> list[nn.Module]:
        """One group: everything."""
        return [self]


def embedding(rows: int, width: int) -> nn.Embedding:
    """An embedding drawn from a truncated normal distribution."""
    layer = nn.Embedding(rows, width)
    nn.init.trunc_normal_(layer.weight, std=INIT_STD, a=-2 * INIT_STD, b=2 * INIT_STD)
    return layer
