"""What a recommender's page tells of beyond its predictions: ratings, titles, embeddings."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torch import nn

from onecycle.blocks.pair import Pairs
from onecycle.decide.recommend import Rated
from onecycle.decide.scores import Array, Floats
from onecycle.errors import UserError
from onecycle.learn.collab import DotProduct
from onecycle.learn.learner import Learner
from onecycle.tables import users_and_items


@dataclass(frozen=True)
class RatedItems:
    """A recommender's data and what it learnt of the items.

    Attributes:
        train: what it learnt from; pairs are rows of its embeddings, 0 for unseen.
        valid: what it was watched on.
        judged: what it is judged by, in the order of the predictions.
        users: how many it knows.
        items: names of the items that it knows, of rows 1, 2, …
        titles: theirs; the name again where there is none.
        factors: theirs, float64 [items, K]; null where a model has no product of factors.
        bias: theirs, float64 [items]; null without biases.
    """

    train: Rated
    valid: Rated
    judged: Rated
    users: int
    items: list[str]
    titles: list[str]
    factors: Floats | None
    bias: Floats | None

    @classmethod
    def of(
        cls,
        learner: Learner,
        parts: Mapping[str, pd.DataFrame],
        judged: str,
    ) -> "RatedItems":
        """Takes them from a loaded model and the parts of the split.

        Raises:
            UserError: the model is no recommender.
        """
        pairs, model = learner.data.blocks.x, learner.model
        if not isinstance(pairs, Pairs):
            raise UserError("learner.arch: expected a recommender")
        product = model if isinstance(model, DotProduct) else None
        biased = product is not None and product.biased
        return cls(
            train=rated(pairs, parts["train"]),
            valid=rated(pairs, parts["valid"]),
            judged=rated(pairs, parts[judged]),
            users=len(pairs.users),
            items=pairs.items,
            titles=titles(pairs.items, parts["train"]),
            factors=_known(product.item) if product is not None else None,
            bias=_known(product.item_bias)[:, 0] if product is not None and biased else None,
        )

    @property
    def counts(self) -> Array:
        """Ratings that each known item has in train, int64 [items]."""
        return np.bincount(self.train.pairs[:, 1], minlength=len(self.items) + 1)[1:]

    @property
    def most_rated(self) -> Array:
        """Known items from the one with the most ratings, int64 [items]."""
        return np.argsort(-self.counts, kind="stable")

    @property
    def table(self) -> pd.DataFrame:
        """`item title ratings` of each known item."""
        return pd.DataFrame({"item": self.items, "title": self.titles, "ratings": self.counts})


def rated(pairs: Pairs, items: pd.DataFrame) -> Rated:
    """Rows of the items table as rows of the embeddings and ratings."""
    encoded = pairs.encode(None, items["x"]).numpy()
    return Rated(encoded, items["y"].to_numpy(dtype=np.float64))


def titles(names: list[str], train: pd.DataFrame) -> list[str]:
    """The title of each item, or its name."""
    if "title" not in train:
        return names
    codes, items = users_and_items(train["x"])[1]
    last = np.empty(len(items), dtype=np.int64)
    last[codes] = np.arange(len(codes))
    known = dict(zip(items, train["title"].iloc[last].fillna(""), strict=True))
    return [known.get(name) or name for name in names]


def _known(embedding: nn.Embedding) -> Floats:
    weight = embedding.weight.detach().cpu().numpy()
    found: Floats = weight[1:].astype(np.float64)
    return found
