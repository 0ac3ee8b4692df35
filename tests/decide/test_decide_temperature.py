import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from onecycle.decide.metrics import nll
from onecycle.decide.temperature import LIMIT, fit_temperature


def calibrated(n, seed):
    """Logits, and classes drawn with their very probabilities."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 4)) * 2
    odds = np.exp(logits).cumsum(axis=1)
    return logits, (rng.random((n, 1)) * odds[:, -1:] > odds).sum(axis=1)


def loss(logits, y):
    return nll(logits, y, np.ones((1, len(y))))[0]


def test_calibrated_logits_keep_theirs():
    assert fit_temperature(*calibrated(20_000, 0)) == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_the_factor_that_spoiled_the_logits_is_found(factor):
    logits, y = calibrated(20_000, 1)
    fitted = fit_temperature(logits * factor, y)
    assert fitted == pytest.approx(factor, rel=0.04)
    assert loss(logits * factor / fitted, y) < loss(logits * factor, y) - 0.05


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 10**6), st.floats(0.01, 50))
def test_no_temperature_on_a_grid_is_better(n, seed, factor):
    rng = np.random.default_rng(seed)
    logits, y = rng.normal(size=(n, 3)) * factor, rng.integers(3, size=n)
    assume((logits.argmax(axis=1) != y).any())
    least = loss(logits / fit_temperature(logits, y), y)
    assert least <= loss(logits, y)
    assert least <= min(loss(logits / t, y) for t in np.geomspace(1 / LIMIT, LIMIT, 41)) + 1e-9


def test_all_right_keeps_one_and_all_wrong_stays_within_the_limit():
    logits = np.array([[2.0, 0.0], [0.0, 1.0]])
    assert fit_temperature(logits, np.array([0, 1])) == 1
    assert fit_temperature(logits, np.array([1, 0])) == pytest.approx(LIMIT)


def test_logits_that_say_nothing_keep_one():
    assert fit_temperature(np.zeros((3, 2)), np.array([0, 1, 1])) == 1


@pytest.mark.parametrize("factor", [0.4, 2.5])
def test_on_fresh_items_it_lowers_the_loss_of_miscalibrated_scores(factor):
    """200 fits on 150 items each, judged by 300 others."""
    gains = []
    for seed in range(200):
        logits, y = calibrated(450, seed)
        logits *= factor
        fitted = fit_temperature(logits[:150], y[:150])
        assert loss(logits[:150] / fitted, y[:150]) <= loss(logits[:150], y[:150])
        gains.append(loss(logits[150:], y[150:]) - loss(logits[150:] / fitted, y[150:]))
    assert np.mean(np.array(gains) > 0) > 0.95 and np.mean(gains) > 0.05


def test_few_items_that_are_all_right_do_no_harm_to_others():
    """200 fits on 20 items of which 97 % are right: half of them see no error."""
    rng, losses = np.random.default_rng(0), []

    def draw(n):
        y = rng.integers(3, size=n)
        return 2 * (rng.normal(size=(n, 3)) + 3 * np.eye(3)[y]), y

    fresh, truth = draw(5000)
    for _ in range(200):
        logits, y = draw(20)
        if (logits.argmax(axis=1) == y).all():
            losses.append(loss(fresh / fit_temperature(logits, y), truth))
    assert len(losses) > 50 and np.mean(losses) <= 1.05 * loss(fresh, truth)
