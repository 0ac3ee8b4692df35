import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from onecycle.decide.thresholds import best_threshold, choose_labels, sweep
from onecycle.errors import UserError


def test_sweep_equals_brute_force():
    rng = np.random.default_rng(0)
    y = rng.random((80, 5)) < 0.3
    logits = rng.normal(size=(80, 5)) + 2 * y - 1
    table = sweep(logits, y.astype(np.float32))
    assert list(table) == ["threshold", "accuracy_multi", "f1_micro", "f1_macro"]
    np.testing.assert_allclose(table["threshold"], np.linspace(0.05, 0.95, 29))
    probabilities = 1 / (1 + np.exp(-logits))
    for row in table.itertuples():
        chosen = probabilities > row.threshold
        assert row.accuracy_multi == pytest.approx((chosen == y).mean())
        for average, value in (("micro", row.f1_micro), ("macro", row.f1_macro)):
            expected = sk.f1_score(y, chosen, average=average, zero_division=0)
            assert value == pytest.approx(expected)
    for aim in list(table)[1:]:
        best = table.loc[table["threshold"] == best_threshold(table, aim), aim]
        assert best.item() == pytest.approx(table[aim].max(), abs=1e-12)


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
    assert best_threshold(table, "f1_micro") == table["threshold"][index]


def test_the_named_aim_is_the_one_that_is_judged():
    table = pd.DataFrame({"threshold": [0.1, 0.9], "f1_micro": [1, 0], "accuracy_multi": [0, 1]})
    assert best_threshold(table, "f1_micro") == 0.1
    assert best_threshold(table, "accuracy_multi") == 0.9


def test_a_label_needs_more_than_the_threshold():
    assert choose_labels(np.array([[0.0, 0.1]]), 0.5).tolist() == [[False, True]]


def test_valid_without_labels_is_refused():
    with pytest.raises(UserError, match="at least one label"):
        sweep(np.zeros((3, 2)), np.zeros((3, 2)))
