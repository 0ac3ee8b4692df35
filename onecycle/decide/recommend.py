"""What a recommender has to beat: the mean, biases, a truncated SVD and alternating least squares.

All are the textbook's, fitted on the same ratings as the model; what they leave open (damping and
rank) is chosen on valid. Predictions are cut to the range of train's ratings.

Throughout: pairs are int64 [N, 2], rows of user and item, 0 for one that train does not have;
ratings are float64 [N]; U users and I items, row 0 included.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from onecycle.decide.scores import Array, Floats

DAMPINGS = (1.0, 2.0, 5.0, 10.0, 20.0)
"""Ratings at the mean that each user and item is given besides its own."""
RANKS = (1, 2, 4, 8, 12, 16, 24, 32)
ALS_RANKS = (4, 8, 16)
ALS_DAMPINGS = (2.0, 4.0, 8.0, 16.0, 32.0)
SWEEPS = 10
"""Alternations: of the biases and of ALS; the error on valid no longer moves after them."""
_CHUNK = 20_000_000
"""Numbers held at once while solving for factors: 160 MB."""


@dataclass(frozen=True)
class Rated:
    """Ratings of pairs."""

    pairs: Array
    ratings: Floats

    def matrix(self, values: Floats, shape: tuple[int, int]) -> sparse.csr_array:
        """Values [N] at the places of the pairs, all else zero; float64 [U, I]."""
        return sparse.csr_array((values, (self.pairs[:, 0], self.pairs[:, 1])), shape=shape)


@dataclass(frozen=True)
class Fit:
    """A mean, biases and factors: rating = mean + b_u + b_i + u·v, cut to the range.

    `damping` is what was chosen for its last part.
    """

    label: str
    mean: float
    user_bias: Floats
    item_bias: Floats
    user: Floats
    item: Floats
    bounds: tuple[float, float]
    damping: float = 0.0

    def predict(self, pairs: Array) -> Floats:
        """Ratings of pairs, float64 [N]."""
        user, item = pairs.T
        products = np.einsum("nk,nk->n", self.user[user], self.item[item])
        ratings = self.mean + self.user_bias[user] + self.item_bias[item] + products
        cut: Floats = np.clip(ratings, *self.bounds)
        return cut

    def left(self, rated: Rated) -> Floats:
        """What mean and biases leave of ratings, float64 [N]."""
        user, item = rated.pairs.T
        rest: Floats = rated.ratings - self.mean - self.user_bias[user] - self.item_bias[item]
        return rest

    def error(self, rated: Rated) -> float:
        """The mean squared error."""
        return float(((self.predict(rated.pairs) - rated.ratings) ** 2).mean())


def baselines(train: Rated, valid: Rated, shape: tuple[int, int]) -> list[Fit]:
    """All of them, from the simplest.

    Args:
        train: what they learn from.
        valid: what damping and rank are chosen on.
        shape: U and I.
    """
    mean = global_mean(train, shape)
    biased = best((biases(train, shape, damping) for damping in DAMPINGS), valid)
    return [
        mean,
        biased,
        best(truncated_svds(train, shape, biased), valid),
        best(
            (als(train, shape, biased, k, d) for k in ALS_RANKS for d in ALS_DAMPINGS),
            valid,
        ),
    ]


def best(fits: Iterable[Fit], valid: Rated) -> Fit:
    """The one with the least error on valid; of equals the first."""
    return min(fits, key=lambda fit: fit.error(valid))


def global_mean(train: Rated, shape: tuple[int, int]) -> Fit:
    """Train's mean for all."""
    users, items = shape
    ratings = train.ratings
    return Fit(
        "Mean of train",
        float(ratings.mean()),
        np.zeros(users),
        np.zeros(items),
        np.zeros((users, 0)),
        np.zeros((items, 0)),
        (float(ratings.min()), float(ratings.max())),
    )


def biases(train: Rated, shape: tuple[int, int], damping: float) -> Fit:
    """Mean, and what each user and item adds to it: least squares with a damping, by turns."""
    base = global_mean(train, shape)
    (user, item), (users, items) = train.pairs.T, shape
    rest = train.ratings - base.mean
    of_user = np.zeros(users)
    for _ in range(SWEEPS):
        of_item = _damped_means(item, rest - of_user[user], items, damping)
        of_user = _damped_means(user, rest - of_item[item], users, damping)
    label = f"Biases of user and item (damping {damping:g})"
    return replace(base, label=label, user_bias=of_user, item_bias=of_item, damping=damping)


def _damped_means(of: Array, values: Floats, n: int, damping: float) -> Floats:
    sums = np.bincount(of, values, minlength=n)
    means: Floats = sums / (np.bincount(of, minlength=n) + damping)
    return means


def truncated_svds(train: Rated, shape: tuple[int, int], base: Fit) -> list[Fit]:
    """Biases and the first factors of what they leave, taken as 0 where there is no rating."""
    ranks = [rank for rank in RANKS if rank < min(shape)]
    if not ranks:
        return [base]
    left = train.matrix(base.left(train), shape)
    if not np.abs(left.data).max(initial=0.0) > 0:
        return [base]  # biases leave nothing
    start = np.random.default_rng(0).normal(size=min(shape))  # else ARPACK draws its own
    user, weight, item = svds(left, k=ranks[-1], v0=start)
    order = np.argsort(-weight, kind="stable")
    user, item = user[:, order] * weight[order], item[order].T
    return [
        replace(base, label=f"Truncated SVD (rank {k})", user=user[:, :k], item=item[:, :k])
        for k in ranks
    ]


def als(train: Rated, shape: tuple[int, int], base: Fit, rank: int, damping: float) -> Fit:
    """Biases and factors fitted to the ratings there are, by alternating least squares."""
    left = train.matrix(base.left(train), shape)
    ones = train.matrix(np.ones(len(train.ratings)), shape)
    left_of_items, ones_of_items = left.T.tocsr(), ones.T.tocsr()
    item = np.random.default_rng(0).normal(0, 0.1, size=(shape[1], rank))
    for _ in range(SWEEPS):
        user = _solve(left, ones, item, damping)
        item = _solve(left_of_items, ones_of_items, user, damping)
    label = f"ALS (rank {rank}, damping {damping:g})"
    return replace(base, label=label, user=user, item=item, damping=damping)


def _solve(
    left: sparse.csr_array, ones: sparse.csr_array, factors: Floats, damping: float
) -> Floats:
    """Each row's factors [R, K] by ridge regression on the others' factors [C, K]."""
    rank = factors.shape[1]
    one, other = np.triu_indices(rank)  # a square matrix of sums is its own mirror image
    squares = factors[:, one] * factors[:, other]
    ridge = damping * np.eye(rank)
    step = max(1, _CHUNK // rank**2)
    solved = []
    for at in range(0, left.shape[0], step):
        sums = ones[at : at + step] @ squares
        grams = np.empty((len(sums), rank, rank))
        grams[:, one, other] = grams[:, other, one] = sums
        grams += ridge
        solved.append(np.linalg.solve(grams, (left[at : at + step] @ factors)[..., None])[..., 0])
    return np.concatenate(solved)
