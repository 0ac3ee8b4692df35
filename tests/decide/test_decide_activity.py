import numpy as np
import pytest

from onecycle.decide import activity
from onecycle.decide.recommend import Rated
from onecycle.decide.sample import Sample


def sample(n):
    return Sample(np.zeros((n, 1)), np.zeros((n, 1)), {"kind": "rating"}, draws=200)


def test_the_unseen_are_counted():
    train = Rated(np.array([[1, 1]]), np.array([2.0]))
    pairs = np.array([[0, 1], [1, 0], [0, 0], [1, 1]])
    judged = Rated(pairs, np.array([2.0, 3, 4, 5]))
    table = activity.unseen(train, judged, np.array([3.0, 3, 3, 3]), sample(4)).set_index("who")
    assert table["n"].to_dict() == {"both seen": 1, "user unseen": 2, "item unseen": 2}
    assert table["share"].tolist() == [0.25, 0.5, 0.5]
    assert table.loc["user unseen", ["rmse", "mae"]].tolist() == [1, 1]
    assert table.loc["item unseen", "rmse_mean"] == pytest.approx(np.sqrt((1 + 4) / 2))
    assert table["rmse_low"].isna().all()  # of one or two ratings nothing is known
    known = Rated(pairs[3:], np.array([5.0]))
    none = activity.unseen(train, known, np.array([3.0]), sample(1))
    assert none["n"].tolist() == [1, 0, 0] and none["rmse"].isna().tolist() == [0, 1, 1]


def test_errors_by_activity_are_those_of_each_part():
    """Users 1 to 30 have as many ratings in train; the less is known, the larger the error."""
    rng = np.random.default_rng(0)
    known = np.repeat(np.arange(1, 31), np.arange(1, 31))
    train = Rated(np.stack([known, rng.integers(1, 9, len(known))], axis=1), np.full(465, 3.5))
    user = rng.integers(0, 31, 3000)
    pairs = np.stack([user, rng.integers(0, 9, 3000)], axis=1)
    y = rng.normal(3, 1, 3000)
    predicted = y + rng.normal(size=3000) * np.where(user, 1 / np.sqrt(np.maximum(user, 1)), 2)
    table = activity.by_activity(train, Rated(pairs, y), predicted, sample(3000))
    users, items = table[table["of"] == "user"], table[table["of"] == "item"]
    assert users["n"].sum() == items["n"].sum() == 3000
    assert users["least"].iloc[0] == users["most"].iloc[0] == 0
    assert (
        users["n"].iloc[0] == (user == 0).sum() and items["n"].iloc[0] == (pairs[:, 1] == 0).sum()
    )
    assert (users["least"].iloc[1:].to_numpy() > users["most"].iloc[:-1].to_numpy()).all()
    assert users["rmse"].iloc[1:].is_monotonic_decreasing and users["rmse"].iloc[0] > 1.5
    for row in users.to_dict("records"):
        inside = (user >= row["least"]) & (user <= row["most"])  # as many ratings as its number
        assert row["rmse"] == pytest.approx(np.sqrt(((predicted - y)[inside] ** 2).mean()))
        assert row["rmse_mean"] == pytest.approx(np.sqrt(((3.5 - y)[inside] ** 2).mean()))
        assert row["rmse_low"] < row["rmse"] < row["rmse_high"]


def test_all_cold_or_none():
    train = Rated(np.array([[1, 1], [1, 2]]), np.array([1.0, 2]))
    for at in (0, 1):
        judged = Rated(np.full((6, 2), at), np.arange(6.0))
        table = activity.by_activity(train, judged, np.ones(6), sample(6))
        filled = table[table["n"] > 0]
        assert filled["n"].tolist() == [6, 6] and (filled["most"] > 0).all() == bool(at)
