import json

import numpy as np
import pytest

from onecycle.decide import intervals
from onecycle.decide import metrics as m
from onecycle.decide.intervals import bootstrap_weights, measure, within_groups
from onecycle.errors import UserError


def all_draws(*args):
    return np.concatenate(list(bootstrap_weights(*args)))


def mean_of(values):
    return lambda weights: {"mean": m.mean(values, weights)}


def test_items_are_drawn_n_times_in_all():
    weights = all_draws(30, None, 400, 0)
    assert weights.shape == (400, 30) and weights.dtype == np.float64
    assert (weights.sum(axis=1) == 30).all()
    # each is Binomial(30, 1/30): mean 1, variance 29/30
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.25)
    assert weights.var() == pytest.approx(29 / 30, rel=0.05)


def test_groups_stay_whole():
    groups = np.array(list("aabbbcdddde") * 2)
    weights = all_draws(len(groups), groups, 100, 0)
    per_group = []
    for group in "abcde":
        inside = weights[:, groups == group]
        assert (inside == inside[:, :1]).all()
        per_group.append(inside[:, 0])
    assert (np.sum(per_group, axis=0) == 5).all()
    assert np.ptp(weights) > 1


def test_fewer_than_five_groups_resample_items():
    four = np.repeat(np.arange(4), 5)
    five = np.repeat(np.arange(5), 4)
    assert within_groups(four) and not within_groups(five) and not within_groups(None)
    assert (all_draws(20, four, 10, 3) == all_draws(20, None, 10, 3)).all()
    assert (all_draws(20, five, 10, 3) != all_draws(20, None, 10, 3)).any()


def test_seed_decides_the_weights():
    assert (all_draws(20, None, 10, 3) == all_draws(20, None, 10, 3)).all()
    assert (all_draws(20, None, 10, 3) != all_draws(20, None, 10, 4)).any()


def test_chunks_bound_the_memory(monkeypatch):
    monkeypatch.setattr(intervals, "_CHUNK", 70)
    shapes = [weights.shape for weights in bootstrap_weights(20, None, 10, 0)]
    assert shapes == [(3, 20), (3, 20), (3, 20), (1, 20)]
    chunked = measure(mean_of(np.arange(20.0)), 20)
    monkeypatch.undo()
    whole = measure(mean_of(np.arange(20.0)), 20)
    assert chunked["mean"]["value"] == whole["mean"]["value"]
    assert chunked["mean"]["low"] == pytest.approx(whole["mean"]["low"], rel=0.06)


def test_value_is_the_metric_itself_and_json_holds_it():
    values = np.random.default_rng(0).normal(size=50)
    result = measure(mean_of(values), 50, seed=7)
    assert json.loads(json.dumps(result)) == result
    assert result == measure(mean_of(values), 50, seed=7)
    interval = result["mean"]
    assert interval["value"] == pytest.approx(values.mean()) and interval["n"] == 50
    assert interval["low"] < interval["value"] < interval["high"]
    # the textbook interval of a mean
    half = 2.01 * values.std(ddof=1) / np.sqrt(50)
    assert interval["high"] - interval["low"] == pytest.approx(2 * half, rel=0.1)


def test_accuracy_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(300):
        right = rng.random(200) < 0.85
        interval = measure(mean_of(right), 200, draws=500, seed=seed)["mean"]
        held += interval["low"] <= 0.85 <= interval["high"]
    assert 0.91 <= held / 300 <= 0.98


def test_interval_over_few_groups_covers_where_items_would_not():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(8), 20)
    held = {"groups": 0, "items": 0}
    for seed in range(300):
        values = rng.normal(size=8)[groups] + rng.normal(size=160)
        for name, given in (("groups", groups), ("items", None)):
            interval = measure(mean_of(values), 160, given, draws=300, seed=seed)["mean"]
            held[name] += interval["low"] <= 0 <= interval["high"]
    assert 0.88 <= held["groups"] / 300 <= 0.98
    assert held["items"] / 300 < 0.7


def test_interval_of_a_biased_metric_holds_its_value():
    rng = np.random.default_rng(3)
    for seed in range(20):
        logits = rng.normal(size=(200, 5)) * 2
        odds = np.exp(logits).cumsum(axis=1)
        y = (rng.random((200, 1)) * odds[:, -1:] > odds).sum(axis=1)

        def ece(weights, logits=logits, y=y):
            return {"ece": m.ece(logits, y, weights)}

        interval = measure(ece, 200, draws=300, seed=seed)["ece"]
        drawn = np.concatenate([ece(w)["ece"] for w in bootstrap_weights(200, None, 300, seed)])
        assert interval["low"] <= interval["value"] <= interval["high"]
        assert interval["high"] < np.quantile(drawn, 0.975)  # corrected downwards


@pytest.mark.parametrize(
    ("units", "share", "low", "high"),
    [
        (10**6, 0.5, 0.025, 0.975),  # the plain percentiles
        (10**6, 0.6, 0.0731, 0.9932),  # normal cdf of 2 * 0.2533 -+ 1.96
        (5, 0.5, 0.00095, 0.99905),  # normal cdf of sqrt(5 / 4) * 2.776
    ],
)
def test_corrections_by_hand(units, share, low, high):
    drawn = np.arange(100_001) / 100_000
    assert intervals._bounds(share, drawn, units) == pytest.approx((low, high), abs=1e-4)


def test_draws_without_a_value_are_left_out():
    """One positive among six items: a third of the draws miss it."""
    logits, y = np.arange(6.0)[:, None], np.eye(6)[:, 5:]
    result = measure(lambda w: {"map": m.mean_average_precision(logits, y, w)}, 6)
    assert result["map"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 6}


def test_one_item_has_an_interval_of_no_width():
    assert measure(mean_of(np.array([3.0])), 1)["mean"] == dict(value=3, low=3, high=3, n=1)


def test_no_items_and_no_value_are_refused():
    with pytest.raises(UserError, match="at least one item"):
        measure(mean_of(np.array([])), 0)
    with pytest.raises(UserError, match="metric mean"):
        measure(mean_of(np.array([1.0, np.nan])), 2)
