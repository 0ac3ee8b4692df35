import json

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_array
from scipy.special import ndtri
from scipy.stats import binomtest

from onecycle.decide import intervals
from onecycle.decide import metrics as m
from onecycle.decide.bounds import bounds
from onecycle.decide.intervals import bootstrap_weights, measure, within_groups
from onecycle.decide.ranking import mean_average_precision
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


SETS, DRAWS = 1000, 500


def held(values, drawn, truth, units, *, shares=False, grouped=False):
    """The share of simulated test sets whose interval holds the truth.

    Args:
        values: of a metric on each of the test sets, [S].
        drawn: on their resamples, [D, S].
    """
    full = np.full(len(values), units)
    found = bounds(values, drawn, full, np.full(len(full), shares), grouped=grouped)
    return ((found[0] <= truth) & (truth <= found[1])).mean()


def of_means(values, groups=None, **more):
    """As `held`, of means of values [S, n] whose truth is 0 or told."""
    truth = more.pop("truth", 0)
    weights = all_draws(values.shape[1], groups, DRAWS, 0)
    drawn = weights @ values.T / weights.sum(axis=1, keepdims=True)
    units = values.shape[1] if groups is None else len(np.unique(groups))
    return held(values.mean(axis=1), drawn, truth, units, grouped=groups is not None, **more)


def each_set(metric, sets, n, groups=None):
    """A metric's values [S] and resamples [D, S] where no product answers all test sets."""
    weights = np.vstack([np.ones((1, n)), all_draws(n, groups, DRAWS, 0)])
    found = np.stack([metric(weights, *each) for each in sets], axis=1)
    return found[0], found[1:]


@pytest.mark.parametrize("share", [0.5, 0.85, 0.95, 0.99])
def test_shares_are_covered(share):
    """Accuracy, error rate and top 5 are such: means of yes and no."""
    right = np.random.default_rng(1).random((SETS, 200)) < share
    assert 0.93 <= of_means(right.astype(float), truth=share, shares=True) <= 0.97


@pytest.mark.parametrize("share", [0.7, 0.9])
def test_shares_are_covered_over_groups(share):
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 10)
    of_group = rng.beta(4 * share, 4 * (1 - share), size=(SETS, 30))
    right = (rng.random((SETS, 300)) < of_group[:, groups]).astype(float)
    assert 0.93 <= of_means(right, groups, truth=share, shares=True) <= 0.97
    assert of_means(right, truth=share, shares=True) < 0.9  # items that are alike are no evidence


def test_squared_errors_are_covered():
    """mse, and rmse, whose interval is the root of its; the error is a normal one."""
    rng = np.random.default_rng(3)
    assert 0.93 <= of_means(rng.normal(size=(SETS, 400)) ** 2, truth=1) <= 0.97


def test_squared_errors_are_covered_over_groups():
    rng = np.random.default_rng(4)
    groups = np.repeat(np.arange(40), 10)
    error = 0.45 * rng.normal(size=(SETS, 40))[:, groups] + rng.normal(size=(SETS, 400))
    assert 0.93 <= of_means(error**2, groups, truth=1 + 0.45**2) <= 0.97


def test_paired_differences_are_covered():
    """Of two models' squared errors, and of two accuracies, on the same items."""
    rng = np.random.default_rng(5)
    shared = rng.normal(size=(SETS, 200))
    one, other = (shared + 0.3 * rng.normal(size=(SETS, 200)) for _ in range(2))
    assert 0.93 <= of_means(one**2 - other**2) <= 0.97
    right = ((shared + 0.4 * rng.normal(size=(SETS, 200))) < 0.7 for _ in range(2))
    assert 0.93 <= of_means(np.subtract(*(each.astype(float) for each in right))) <= 0.97


def test_medians_are_covered():
    """As the median distance in px, of distances with a long tail."""
    far = np.random.default_rng(6).exponential(size=(SETS, 200))
    values, drawn = each_set(lambda w, x: m.quantile(x, 0.5, w), far[:, None], 200)
    assert 0.93 <= held(values, drawn, np.log(2), 200) <= 0.97


def test_f1_is_covered():
    """F1 is a ratio of two sums, so that products answer for all test sets."""
    rng = np.random.default_rng(7)
    true = rng.random((SETS, 250, 3)) < 0.3
    given = np.where(rng.random(true.shape) < 0.8, true, rng.random(true.shape) < 0.3)
    both, either = 2.0 * (true & given).sum(axis=2), (true.astype(float) + given).sum(axis=2)
    weights = all_draws(250, None, DRAWS, 0)
    drawn = (weights @ both.T) / (weights @ either.T)
    hits = 0.3 * (0.8 + 0.2 * 0.3)  # the label is there and given
    truth = 2 * hits / (0.3 + 0.3)
    values = both.sum(axis=1) / either.sum(axis=1)
    assert 0.93 <= held(values, drawn, truth, 250) <= 0.97


def test_average_precision_is_covered():
    rng = np.random.default_rng(8)

    def draw(n):
        y = rng.random((n, 1)) < 0.3
        return rng.normal(size=(n, 1)) + 1.5 * y, y

    truth = mean_average_precision(*draw(200_000), np.ones((1, 200_000)))[0]
    sets = [draw(200) for _ in range(SETS)]
    values, drawn = each_set(lambda w, s, y: mean_average_precision(s, y, w), sets, 200)
    assert 0.93 <= held(values, drawn, truth, 200) <= 0.97


def test_interval_over_few_groups_covers_where_items_would_not():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(8), 20)
    values = rng.normal(size=(SETS, 8))[:, groups] + rng.normal(size=(SETS, 160))
    assert 0.91 <= of_means(values, groups) <= 0.97
    assert of_means(values) < 0.7


def test_where_nothing_errs_the_interval_of_a_share_has_width():
    """Wilson's, which is about the rule of three."""
    found = measure(lambda w: {"error_rate": m.mean(np.zeros(20), w)}, 20)["error_rate"]
    assert found["low"] == found["value"] == 0
    assert found["high"] == pytest.approx(1.96**2 / (20 + 1.96**2), rel=1e-3)
    groups = np.repeat(np.arange(5), 4)
    few = measure(lambda w: {"accuracy": m.mean(np.ones(20), w)}, 20, groups)["accuracy"]
    assert few["low"] < 0.5 and few["high"] == 1  # five groups are no twenty items


@pytest.mark.parametrize(("hits", "n"), [(0, 4), (1, 4), (30, 40), (40, 40), (170, 200)])
def test_a_share_of_items_has_wilsons_interval(hits, n):
    right = np.arange(n) < hits
    found = measure(lambda w: {"accuracy": m.mean(right, w)}, n, draws=20_000)["accuracy"]
    low, high = binomtest(hits, n).proportion_ci(0.95, "wilson")
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.01)


def test_parts_are_measured_as_if_alone():
    rng = np.random.default_rng(9)
    values, among = rng.exponential(size=90), rng.random((90, 4)) < [0.5, 0.2, 0.03, 0]
    groups = np.repeat(np.arange(9), 10)
    among[:, 2] = np.arange(90) < 3
    dense = intervals.ratios(values[:, None] * among, among, groups)
    sparse_table = intervals.ratios(csc_array(values[:, None] * among), csc_array(among), groups)
    pd.testing.assert_frame_equal(dense, sparse_table, rtol=0.01)
    assert dense["n"].tolist() == among.sum(axis=0).tolist()
    for k in (0, 1, 2):
        assert dense["value"][k] == pytest.approx(values[among[:, k]].mean())
    assert dense["low"].notna().tolist() == [True, True, False, False]  # one group, and none
    assert np.isnan(dense["value"][3])
    assert intervals.count_units(among, groups)[2:].tolist() == [1, 0]


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
        assert interval["high"] < np.quantile(drawn, 0.975)  # what resamples add is taken off


def skewed(value, drawn, units):
    full, no = np.array([units]), np.array([False])
    return np.ravel(bounds(np.array([value]), drawn[:, None], full, no))


def test_of_many_items_without_skewness_it_is_the_normal_interval():
    drawn = 3 + 0.1 * ndtri((np.arange(100_000) + 0.5) / 100_000)
    assert skewed(3.0, drawn, 10**6) == pytest.approx((2.804, 3.196), abs=1e-3)
    # over five it is Student's, 2.776, and wider by the root of 5 / 4
    far = 0.1 * 2.776 * np.sqrt(5 / 4)
    assert skewed(3.0, drawn, 5) == pytest.approx((3 - far, 3 + far), abs=1e-3)
    # what all resamples have too much is taken off; the value stays within
    assert skewed(2.9, drawn, 10**6) == pytest.approx((2.604, 2.996), abs=1e-3)
    assert skewed(2.5, drawn, 10**6)[1] == 2.5


def test_where_resamples_are_skewed_the_interval_reaches_further():
    """Hall's transformation turns a cubic of a normal number into that number."""
    z = ndtri((np.arange(100_000) + 0.5) / 100_000)
    drawn = 1 + 0.1 * (z + 0.1 * (z**2 - 1))
    low, high = skewed(1.0, drawn, 10**6)
    assert high - 1 > 1.15 * (1 - low)
    mirrored = skewed(-1.0, -drawn, 10**6)
    assert mirrored == pytest.approx((-high, -low))


def test_no_bound_is_beyond_what_a_metric_can_be():
    rng = np.random.default_rng(0)
    y = np.arange(40)[:, None] < 8
    scores = np.where(y, 2, 0) + rng.normal(size=(40, 1)) / 2
    found = measure(lambda w: {"map": mean_average_precision(scores, y, w)}, 40)["map"]
    assert found["high"] == 1
    few = measure(lambda w: {"mse": m.mean(np.arange(5.0) == 0, w)}, 5)["mse"]
    assert few["low"] == 0


def test_draws_without_a_value_are_left_out():
    """One positive among six items: a third of the draws miss it."""
    logits, y = np.arange(6.0)[:, None], np.eye(6)[:, 5:]
    result = measure(lambda w: {"map": mean_average_precision(logits, y, w)}, 6)
    assert result["map"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 6}


def test_one_item_has_an_interval_of_no_width():
    assert measure(mean_of(np.array([3.0])), 1)["mean"] == dict(value=3, low=3, high=3, n=1)


def test_no_items_and_no_value_are_refused():
    with pytest.raises(UserError, match="at least one item"):
        measure(mean_of(np.array([])), 0)
    with pytest.raises(UserError, match="metric mean"):
        measure(mean_of(np.array([1.0, np.nan])), 2)
