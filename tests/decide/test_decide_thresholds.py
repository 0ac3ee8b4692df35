import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from onecycle.decide import intervals
from onecycle.decide.labelling import Counts, Goal
from onecycle.decide.thresholds import best_threshold, choose_labels, sweep, sweep_in_bands
from onecycle.errors import UserError


def test_sweep_equals_brute_force():
    rng = np.random.default_rng(0)
    y = rng.random((80, 5)) < 0.3
    logits = rng.normal(size=(80, 5)) + 2 * y - 1
    table = sweep(logits, y.astype(np.float32), Goal("cost", cost=3.0))
    aims = ["accuracy_multi", "f1_micro", "f1_macro", "precision", "recall", "cost"]
    assert list(table) == ["threshold", *aims]
    np.testing.assert_allclose(table["threshold"], np.linspace(0.05, 0.95, 29))
    probabilities = 1 / (1 + np.exp(-logits))
    for row in table.itertuples():
        chosen = probabilities > row.threshold
        assert row.accuracy_multi == pytest.approx((chosen == y).mean())
        for average, value in (("micro", row.f1_micro), ("macro", row.f1_macro)):
            expected = sk.f1_score(y, chosen, average=average, zero_division=0)
            assert value == pytest.approx(expected)
        precision = sk.precision_score(y, chosen, average="micro", zero_division=0)
        assert row.precision == pytest.approx(precision)
        assert row.recall == pytest.approx(sk.recall_score(y, chosen, average="micro"))
        assert row.cost == pytest.approx((3 * (y & ~chosen) + (chosen & ~y)).mean())
    for aim in aims[:3]:
        best = table.loc[table["threshold"] == best_threshold(table, Goal(aim)), aim]
        assert best.item() == pytest.approx(table[aim].max(), abs=1e-12)
    least = table.loc[table["threshold"] == best_threshold(table, Goal("cost")), "cost"]
    assert least.item() == pytest.approx(table["cost"].min(), abs=1e-12)
    at = table["threshold"] == best_threshold(table, Goal("precision", precision=0.7))
    allowed = table[table["precision"] >= 0.7]
    assert table.loc[at, "precision"].item() >= 0.7
    assert table.loc[at, "recall"].item() == allowed["recall"].max()
    table["precision"] -= 0.5
    assert best_threshold(table, Goal("precision", precision=0.7)) is None


@pytest.mark.parametrize(
    ("values", "index"),
    [
        ([1, 2, 2, 2, 1], 2),  # the middle
        ([1, 2, 2, 1, 0], 1),  # the lower of two
        ([2, 0, 2, 2, 2], 3),  # the longest run
        ([2, 0, 2, 0, 2], 0),  # the first of equal runs
        ([0, 1, 2, 3, 4], 4),
        ([1, 1, 1, 1, 1], 2),
        ([0.1 + 0.2, 0.3, 0.3, 0, 0], 1),  # equal but for rounding
    ],
)
def test_ties_take_the_middle_of_the_plateau(values, index):
    table = pd.DataFrame({"threshold": [0.1, 0.2, 0.3, 0.4, 0.5], "f1_micro": values})
    assert best_threshold(table, Goal("f1_micro")) == table["threshold"][index]


def test_the_named_aim_is_the_one_that_is_judged():
    table = pd.DataFrame({"threshold": [0.1, 0.9], "f1_micro": [1, 0], "accuracy_multi": [0, 1]})
    assert best_threshold(table, Goal("f1_micro")) == 0.1
    assert best_threshold(table, Goal("accuracy_multi")) == 0.9


def test_a_label_needs_more_than_the_threshold():
    assert choose_labels(np.array([[0.0, 0.1]]), 0.5).tolist() == [[False, True]]


def test_valid_without_labels_is_refused():
    with pytest.raises(UserError, match="at least one item with a label"):
        sweep(np.zeros((3, 2)), np.zeros((3, 2)), Goal())


def test_bands_are_the_bootstrap_s_and_the_threshold_s_interval_holds_the_threshold():
    rng = np.random.default_rng(0)
    y = rng.random((60, 4)) < 0.4
    logits = rng.normal(size=(60, 4)) + 2 * y - 1
    goal = Goal("f1_micro")
    table, (low, high) = sweep_in_bands(logits, y, goal)
    assert low <= best_threshold(table, goal) <= high and low < high
    plain = sweep(logits, y, goal)
    pd.testing.assert_frame_equal(table[list(plain)], plain)
    at = table.iloc[14]

    def measured(weights):
        chosen = choose_labels(logits, float(at["threshold"]))
        return {"f1_micro": Counts.of(chosen, y, weights).measures()["f1_micro"]}

    found = intervals.measure(measured, 60)["f1_micro"]
    assert (at["f1_micro_low"], at["f1_micro_high"]) == pytest.approx((found["low"], found["high"]))
    # Over groups of items that are alike the bands are wider.
    double = np.repeat(np.arange(60), 4).astype(str)
    wide, _ = sweep_in_bands(logits.repeat(4, 0), y.repeat(4, 0), goal, double)
    alone, _ = sweep_in_bands(logits.repeat(4, 0), y.repeat(4, 0), goal)
    width = [(each["f1_micro_high"] - each["f1_micro_low"]).mean() for each in (wide, alone)]
    assert width[0] > 1.5 * width[1]
