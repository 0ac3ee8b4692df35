"""Two models on the same items: the gain, its interval, and how often one is told that is none."""

import numpy as np
import pytest
from scipy.stats import binomtest

from onecycle.decide import category, intervals
from onecycle.decide.intervals import Resampled
from onecycle.decide.kinds import KINDS
from onecycle.decide.paired import bounds, compare
from onecycle.decide.sample import Sample

DRAW = np.random.default_rng


def sample(right, width=3, groups=None, order=None):
    """Items that are right or wrong as told, bool [N]; classes in an order of the model's own."""
    n = len(right)
    order = np.arange(width) if order is None else np.asarray(order)
    y = order[np.arange(n) % width]
    scores = np.eye(width)[np.where(right, y, order[(np.arange(n) + 1) % width])]
    return Sample(scores, y, category.default(), groups)


def row(table, metric):
    return table.set_index("metric").loc[metric]


def test_values_are_the_metrics_and_the_gain_is_their_difference():
    old, new = DRAW(0).random((2, 80)) < [[0.5], [0.8]]
    table = compare(sample(old), sample(new))
    accuracy, error = row(table, "accuracy"), row(table, "error_rate")
    assert accuracy["old"] == pytest.approx(old.mean())
    assert accuracy["new"] == pytest.approx(new.mean())
    assert accuracy["gain"] == pytest.approx(new.mean() - old.mean())
    assert (error["gain"], error["low"]) == pytest.approx((accuracy["gain"], accuracy["low"]))
    turned = row(compare(sample(new), sample(old)), "accuracy")
    assert -turned["high"] == pytest.approx(accuracy["low"], abs=0.01)


def test_what_makes_an_item_hard_for_both_cancels():
    old = DRAW(0).random(300) < 0.6
    new = old.copy()
    new[np.flatnonzero(~old)[:12]] = True
    gain = row(compare(sample(old), sample(new)), "accuracy")
    assert gain["low"] > 0
    wide = [
        intervals.measure(lambda w, r=r: {"accuracy": w @ r / w.sum(1)}, 300) for r in (old, new)
    ]
    assert wide[0]["accuracy"]["high"] > wide[1]["accuracy"]["low"]  # unpaired, nothing is told


def test_the_order_of_the_labels_is_each_model_s_own():
    right = DRAW(1).random(60) < 0.7
    table = compare(sample(right), sample(right, order=[2, 0, 1]))
    assert table["gain"].to_numpy() == pytest.approx(0)


@pytest.mark.parametrize("n", [20, 50, 200])
def test_equal_answers_leave_room_for_what_few_items_do_not_show(n):
    """Of items on which two models never differed, up to 3 / n of others may: the rule of three."""
    right = np.arange(n) % 4 > 0
    gain = row(compare(sample(right), sample(right)), "accuracy")
    assert gain["gain"] == 0
    assert 2 / n < gain["high"] == -gain["low"] < 4 / n


def test_few_items_that_differ_are_told_as_the_exact_test_tells_them():
    """McNemar's, of items that only the new model has right."""
    for differ in range(1, 12):
        old = np.arange(100) >= 40
        new = np.arange(100) >= 40 - differ
        shown = row(compare(sample(old), sample(new)), "accuracy")["low"] > 0
        assert shown == (binomtest(differ, differ, 0.5).pvalue < 0.05), differ


def told(gaps, of_items, groups=None):
    """The share of trials, of differences [N, T], in which a gain is told."""
    n = len(gaps)
    found = Resampled.of(lambda w: w @ gaps / w.sum(axis=1, keepdims=True), n, groups, draws=400)
    low, _ = bounds(found, np.full(gaps.shape[1], of_items))
    return (low > 0).mean()


@pytest.mark.parametrize("n", [30, 100, 500])
def test_a_gain_that_is_none_is_told_as_seldom_as_it_should_be(n):
    """2.5 % of trials, and 1 % for the luck of 2,000 of them."""
    draw, trials = DRAW(n), 2000
    for differ in (0.02, 0.1, 0.3):
        chances = [differ / 2, 1 - differ, differ / 2]
        assert told(draw.choice([-1.0, 0, 1], (n, trials), p=chances), True) < 0.035
    heavy = draw.standard_t(5, (2, n, trials)) ** 2
    assert told(heavy[0] - heavy[1], False) < 0.035
    shared = draw.standard_t(4, (n, trials))
    near = (shared + 0.3 * draw.normal(size=(2, n, trials))) ** 2
    assert told(near[0] - near[1], False) < 0.035


@pytest.mark.parametrize("count", [5, 12])
def test_groups_are_what_luck_is_of(count):
    draw, trials = DRAW(count), 2000
    groups = np.repeat(np.arange(count), 10)
    gaps = draw.normal(size=(count, trials))[groups] + draw.normal(size=(count * 10, trials))
    assert told(gaps, False, groups) < 0.035
    assert told(gaps, True) > 0.1  # as if the items were strangers to each other


def test_a_gain_that_is_there_is_told():
    draw = DRAW(3)
    gaps = draw.choice([-1.0, 0, 1], (400, 500), p=[0.03, 0.86, 0.11])  # .08 better
    assert told(gaps, True) > 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_compared_by_all_its_metrics(kind):
    draw, n = DRAW(0), 60
    y = {
        "category": draw.integers(4, size=n),
        "multicategory": (draw.random((n, 4)) < 0.4).astype(float),
        "points": draw.normal(size=(n, 2)) / 3,
        "rating": draw.integers(1, 6, size=(n, 1)).astype(float),
    }[kind]
    hot = np.eye(4)[y] if kind == "category" else y
    sizes = np.tile([200.0, 100.0], (n, 1)) if kind == "points" else None
    samples = [
        Sample(hot + noise * draw.normal(size=hot.shape), y, KINDS[kind].default(), None, sizes)
        for noise in (2.0, 0.1)
    ]
    table = compare(*samples)
    assert row(table, KINDS[kind].headline)["low"] > 0
    assert (table["low"] <= table["gain"]).all() and (table["gain"] <= table["high"]).all()
    plain = KINDS[kind].metrics(samples[1].scores, y, KINDS[kind].default(), np.ones((1, n)), sizes)
    assert dict(zip(table["metric"], table["new"], strict=True)) == {
        name: pytest.approx(float(value[0])) for name, value in plain.items()
    }
