"""Baselines of a recommender: against formulae, planted structure and one another."""

from itertools import pairwise

import numpy as np
import pytest

from onecycle.decide import beside, recommend
from onecycle.decide.recommend import Rated

USERS, ITEMS = 80, 50


def planted(rng, n=2200, rank=2, noise=0.1):
    """Train, valid and judged ratings of biases and a low rank; rows 0 are never rated."""
    user_bias, item_bias = rng.normal(0, 0.4, USERS), rng.normal(0, 0.4, ITEMS)
    user, item = rng.normal(0, 0.6, (USERS, rank)), rng.normal(0, 0.6, (ITEMS, rank))
    every = np.array([(u, i) for u in range(1, USERS) for i in range(1, ITEMS)])
    pairs = rng.permutation(every)[:n]
    u, i = pairs.T
    y = 3 + user_bias[u] + item_bias[i] + (user[u] * item[i]).sum(1) + rng.normal(0, noise, n)
    ends = [0, n * 7 // 10, n * 85 // 100, n]
    return [Rated(pairs[a:b], y[a:b]) for a, b in pairwise(ends)]


def test_on_planted_ranks_each_beats_the_one_before():
    train, valid, judged = planted(np.random.default_rng(0))
    fits = recommend.baselines(train, valid, (USERS, ITEMS))
    mean, biases, svd, als = [fit.error(judged) for fit in fits]
    assert mean > 1.3 * biases and biases > 1.2 * svd and svd > 1.8 * als
    assert als < 0.08  # the noise has .01
    assert [fit.label.split(" (")[0] for fit in fits] == [
        "Mean of train",
        "Biases of user and item",
        "Truncated SVD",
        "ALS",
    ]


def test_biases_solve_the_damped_least_squares():
    train, _, _ = planted(np.random.default_rng(1))
    fit = recommend.biases(train, (USERS, ITEMS), 3.0)
    u, i = train.pairs.T
    design = np.zeros((len(u), USERS + ITEMS))
    design[np.arange(len(u)), u] = design[np.arange(len(u)), USERS + i] = 1
    gram = design.T @ design + 3.0 * np.eye(USERS + ITEMS)
    both = np.linalg.solve(gram, design.T @ (train.ratings - train.ratings.mean()))
    assert np.allclose(fit.user_bias, both[:USERS], atol=1e-3)
    assert np.allclose(fit.item_bias, both[USERS:], atol=1e-3)


def test_the_truncated_svd_is_numpy_s():
    train, _, _ = planted(np.random.default_rng(2))
    base = recommend.biases(train, (USERS, ITEMS), 3.0)
    left = np.zeros((USERS, ITEMS))
    left[tuple(train.pairs.T)] = base.left(train)
    u, s, v = np.linalg.svd(left)
    for fit in recommend.truncated_svds(train, (USERS, ITEMS), base):
        rank = fit.user.shape[1]
        expected = (u[:, :rank] * s[:rank]) @ v[:rank]
        assert np.allclose(fit.user @ fit.item.T, expected, atol=1e-8)


def test_each_user_of_als_is_its_ridge_regression():
    train, _, _ = planted(np.random.default_rng(3))
    base = recommend.biases(train, (USERS, ITEMS), 3.0)
    fit = recommend.als(train, (USERS, ITEMS), base, rank=3, damping=2.0)
    of = train.pairs[:, 1] == 7  # items are solved last
    users = fit.user[train.pairs[of, 0]]
    gram = users.T @ users + 2.0 * np.eye(3)
    assert np.allclose(fit.item[7], np.linalg.solve(gram, users.T @ base.left(train)[of]))


def test_the_unseen_get_mean_and_the_other_s_bias_and_all_stays_in_range():
    train, valid, _ = planted(np.random.default_rng(4))
    for fit in recommend.baselines(train, valid, (USERS, ITEMS)):
        cold = fit.predict(np.array([[0, 0], [0, 5], [6, 0]]))
        low, high = train.ratings.min(), train.ratings.max()
        expected = np.clip(fit.mean + np.array([0, fit.item_bias[5], fit.user_bias[6]]), low, high)
        assert np.allclose(cold, expected)
        found = fit.predict(np.array([[u, i] for u in range(USERS) for i in range(ITEMS)]))
        assert low <= found.min() and found.max() <= high


def test_two_ratings_are_enough():
    tiny = Rated(np.array([[1, 1], [1, 2]]), np.array([1.0, 5.0]))
    for fit in recommend.baselines(tiny, tiny, (2, 3)):
        assert np.isfinite(fit.predict(tiny.pairs)).all()


def test_the_difference_is_paired():
    rng = np.random.default_rng(0)
    y, hard = rng.normal(size=400), rng.exponential(size=400)
    predicted = {"model": y + hard, "other": y + 1.02 * hard, "same": y + hard}
    table = beside.compare(y, predicted, draws=300).set_index("name")
    rmse = np.sqrt((hard**2).mean())
    assert table.loc["model", "mse"] == pytest.approx(rmse**2)
    assert table.loc["other", "rmse_more"] == pytest.approx(0.02 * rmse)
    # Each alone is known to ±10 %, yet which of the two is better is sure.
    assert table.loc["other", "rmse_low"] < rmse < table.loc["other", "rmse_high"]
    assert table.loc["other", "rmse_more_low"] > 0
    assert table.loc["same", ["rmse_more", "rmse_more_low", "rmse_more_high"]].tolist() == [0, 0, 0]


def test_ratings_that_are_all_alike_have_baselines_too():
    pairs = np.array([(u, i) for u in range(1, 9) for i in range(1, 9)])
    same = Rated(pairs, np.full(len(pairs), 4.0))
    fits = recommend.baselines(same, same, (9, 9))
    assert [fit.error(same) for fit in fits] == pytest.approx([0.0] * len(fits), abs=1e-9)
