"""Recommendation: two embeddings and what is made of them, a product or dense layers."""

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from onecycle.blocks.pair import UNSEEN
from onecycle.learn.groups import Grouped
from onecycle.learn.incidence import Incidence
from onecycle.learn.recipe import CollabLearner

INIT_STD = 0.01  # fast.ai's, truncated at two deviations


class Embedding(nn.Embedding):
    """An embedding drawn from a truncated normal distribution, with a weight decay of its own.

    Args:
        rows: how many it has; row 0 stands for all that train does not have.
        width: length of a row.
        weight_decay: of its weights; null: the recipe's `wd`.
    """

    def __init__(self, rows: int, width: int, weight_decay: float | None = None) -> None:
        super().__init__(rows, width)
        nn.init.trunc_normal_(self.weight, std=INIT_STD, a=-2 * INIT_STD, b=2 * INIT_STD)
        self.weight_decay = weight_decay


class Recommender(Grouped):
    """Rows of user and item in, ratings out; keeps them between the bounds of `y_range`."""

    group_names = ("embeddings",)

    def __init__(self, learner: CollabLearner) -> None:
        super().__init__()
        self.learner = learner

    def layer_groups(self) -> list[nn.Module]:
        """One group: everything."""
        return [self]

    def baked(self) -> "Recommender":
        """The model to keep: an unseen user or item gets the mean of the known ones' rows.

        Training never reaches row 0, so as it was drawn it would stand for no one: with biases
        that hold half of the mean rating each, it would rate far too low.
        """
        kept = copy.deepcopy(self)
        with torch.no_grad():
            for layer in kept.children():
                if isinstance(layer, Embedding):
                    layer.weight[UNSEEN] = layer.weight[UNSEEN + 1 :].mean(0)
        return kept

    def ranged(self, score: Tensor) -> Tensor:
        """Scores of any size as ratings."""
        if self.learner.y_range is None:
            return score
        low, high = self.learner.y_range
        return torch.sigmoid(score) * (high - low) + low


class Product(Recommender):
    """rating = σ(u·v + b_u + b_v)·(high - low) + low.

    Args:
        users: how many are known; row 0 stands for all others.
        items: likewise.
        learner: factors, biases or not, range.
    """

    def __init__(self, users: int, items: int, learner: CollabLearner) -> None:
        super().__init__(learner)
        self.user = Embedding(users + 1, learner.width(users + 1))
        self.item = Embedding(items + 1, learner.width(items + 1))
        self.biased = learner.arch != "dot"
        if self.biased:
            self.user_bias = Embedding(users + 1, 1, learner.bias_wd)
            self.item_bias = Embedding(items + 1, 1, learner.bias_wd)

    def forward(self, pairs: Tensor) -> Tensor:
        """int64 [N, 2], rows of user and item, to ratings, float32 [N, 1]."""
        user, item = pairs.unbind(1)
        return self.ranged(self.product(self.user(user), self.item(item), pairs))

    def product(self, users: Tensor, items: Tensor, pairs: Tensor) -> Tensor:
        """Scores [N, 1] of embeddings [N, factors], with the biases of the pairs [N, 2]."""
        score = (users * items).sum(1, keepdim=True)
        if self.biased:
            score = score + self.user_bias(pairs[:, 0]) + self.item_bias(pairs[:, 1])
        return score


class DotProduct(Product):
    """The product alone, which can be trained by its formula."""

    def add_gradients(self, pairs: Tensor, ratings: Tensor, share: float = 1) -> Tensor:
        """The gradient of the mean squared error by its formula, added to what weights have.

        Small batches spend their time on the calls, not on the numbers: autograd makes four times
        as many.

        Args:
            pairs: int64 [N, 2], rows of user and item.
            ratings: float32 [N, 1].
            share: of the gradient; a batch in pieces has shares that sum to 1.

        Returns:
            The mean squared error times `share`, a scalar.
        """
        user, item = pairs.unbind(1)
        with torch.no_grad():
            users = self.user.weight.index_select(0, user)
            items = self.item.weight.index_select(0, item)
            score = (users * items).sum(1, keepdim=True)
            if self.biased:
                score += self.user_bias.weight.index_select(0, user)
                score += self.item_bias.weight.index_select(0, item)
            off, slope = score - ratings, torch.full_like(score, 2 * share / len(pairs))
            if self.learner.y_range is not None:
                low, high = self.learner.y_range
                sigmoid = score.sigmoid_()
                off = sigmoid * (high - low) + low - ratings
                slope *= (sigmoid - sigmoid * sigmoid) * (high - low)
            steep = off * slope
            add_rows(self.user.weight, user, items.mul_(steep))
            add_rows(self.item.weight, item, users.mul_(steep))
            if self.biased:
                add_rows(self.user_bias.weight, user, steep)
                add_rows(self.item_bias.weight, item, steep)
            return off.square_().mean() * share


class Implicit(Product):
    """A dot product whose embeddings hold what was rated by whom, whatever the rating was.

    U = P + N·Y and V = Q + Nᵀ·Z, where N is train's incidence, 1 where a user rated an item, each
    row divided by the root of the user's (the item's) number of ratings. It is SVD++ on both
    sides. For those with few ratings P and Q stay small; Y and Z are shared by all.

    Only training needs N: `baked` gives a plain dot product.

    Args:
        users: as in Product.
        items: likewise.
        learner: factors, weight decays, range.
        pairs: train's, int64 [N, 2], each once.
        ratings: train's, [N] or [N, 1]; scores start from the one that gives their mean.
    """

    start: Tensor  # of the scores: that of the mean rating

    def __init__(
        self, users: int, items: int, learner: CollabLearner, pairs: Tensor, ratings: Tensor
    ) -> None:
        super().__init__(users, items, learner)
        self.rated = Embedding(items + 1, learner.width(items + 1), learner.implicit_wd)
        self.raters = Embedding(users + 1, learner.width(users + 1), learner.implicit_wd)
        self.incidence = Incidence(pairs, users + 1, items + 1)
        self.register_buffer("start", mean_score(ratings, learner.y_range), persistent=False)

    def forward(self, pairs: Tensor) -> Tensor:
        """int64 [N, 2], rows of user and item, to ratings, float32 [N, 1]."""
        (user, item), (users, items) = pairs.unbind(1), self.embeddings()
        score = self.product(F.embedding(user, users), F.embedding(item, items), pairs)
        return self.ranged(score + self.start)

    def embeddings(self) -> tuple[Tensor, Tensor]:
        """U and V, float32 [users + 1, factors] and [items + 1, factors]."""
        return (
            self.user.weight + self.incidence.of_users(self.rated.weight),
            self.item.weight + self.incidence.of_items(self.raters.weight),
        )

    def baked(self) -> "Recommender":
        """The same predictions without N: U and V, the mean's score in the users' biases."""
        users, items = self.user.num_embeddings, self.item.num_embeddings
        with torch.random.fork_rng(devices=[]):  # what it is drawn as is written over
            plain = DotProduct(users - 1, items - 1, self.learner).to(self.user.weight.device)
        with torch.no_grad():
            plain.user.weight[:], plain.item.weight[:] = self.embeddings()
            plain.user_bias.weight[:] = self.user_bias.weight + self.start
            plain.item_bias.weight[:] = self.item_bias.weight
        return plain.train(self.training).baked()


class Neural(Recommender):
    """fast.ai's collab_learner(use_nn=True): dense layers on both embeddings side by side.

    Args:
        users: as in Product.
        items: likewise.
        learner: factors, layers, dropout, range.
    """

    def __init__(self, users: int, items: int, learner: CollabLearner) -> None:
        super().__init__(learner)
        self.user = Embedding(users + 1, learner.width(users + 1))
        self.item = Embedding(items + 1, learner.width(items + 1))
        widths = [self.user.embedding_dim + self.item.embedding_dim, *learner.layers]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after, bias=False), nn.ReLU(), nn.BatchNorm1d(after)]
            layers += [nn.Dropout(learner.dropout)] if learner.dropout else []
        self.dense = nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    def forward(self, pairs: Tensor) -> Tensor:
        """int64 [N, 2], rows of user and item, to ratings, float32 [N, 1]."""
        user, item = pairs.unbind(1)
        return self.ranged(self.dense(torch.cat([self.user(user), self.item(item)], dim=1)))


def add_rows(table: Tensor, rows: Tensor, values: Tensor) -> None:
    """Adds values [N, width] to rows, int64 [N], of a table's gradient."""
    if table.grad is None:
        table.grad = torch.zeros_like(table)
    table.grad.index_add_(0, rows, values)


def mean_score(ratings: Tensor, y_range: list[float] | None) -> Tensor:
    """The score of the mean rating, a scalar; finite even where all are at a bound."""
    mean = ratings.double().mean()
    if y_range is None:
        return mean.float()
    low, high = y_range
    return torch.logit((mean - low) / (high - low), eps=1e-3).float()


def model(
    users: int,
    items: int,
    learner: CollabLearner,
    pairs: Tensor | None = None,
    ratings: Tensor | None = None,
) -> Recommender:
    """The model that a recipe describes.

    Args:
        users: how many are known.
        items: likewise.
        learner: the recipe.
        pairs: train's, int64 [N, 2], which `implicit` learns from; null: as `implicit` is kept.
        ratings: train's, [N] or [N, 1]; with pairs.
    """
    if learner.arch == "neural":
        return Neural(users, items, learner)
    if learner.arch == "implicit" and pairs is not None and ratings is not None:
        return Implicit(users, items, learner, pairs, ratings)
    return DotProduct(users, items, learner)
