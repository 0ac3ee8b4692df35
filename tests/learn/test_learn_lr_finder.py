"""The range test: its rates, its stop, its suggestions, its refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from onecycle.errors import UserError
from onecycle.learn import lr_finder
from onecycle.learn.lr_finder import Curve, RangeTest

RATES = np.array([RangeTest().rate(step) for step in range(100)])


def curve_of(losses: np.ndarray) -> Curve:
    """A curve without noise."""
    return Curve(RATES[: len(losses)], losses, losses)


def bowl(rates: np.ndarray, best: float = 1e-2) -> np.ndarray:
    """A loss that is flat, falls, and rises again, least at `best`."""
    fall = 1 / (1 + (rates / (best / 10)))
    return 0.5 + 2 * fall + (rates / best / 3) ** 2 * 0.1


def test_rates_rise_by_equal_factors_from_start_towards_end():
    assert RATES[0] == pytest.approx(1e-7)
    assert np.allclose(RATES[1:] / RATES[:-1], (10 / 1e-7) ** (1 / 100))


def test_smoothing_is_debiased():
    curve = lr_finder.run(RangeTest(steps=40), lambda step, rate: 3.0)
    assert np.allclose(curve.smooth, 3.0) and np.array_equal(curve.losses, np.full(40, 3.0))


def test_smoothing_is_the_weighted_mean_of_the_past():
    given_losses = np.linspace(2, 1, 40)
    losses = lr_finder.run(RangeTest(steps=40), lambda step, rate: given_losses[step]).smooth
    weights = 0.98 ** np.arange(40)[::-1]
    assert losses[-1] == pytest.approx((weights * given_losses).sum() / weights.sum())


@pytest.mark.parametrize("bad", [1e9, float("nan"), float("inf")])
def test_it_stops_when_the_loss_diverges(bad):
    seen = []

    def step(number: int, rate: float) -> float:
        seen.append(number)
        return bad if number >= 50 else 1.0

    curve = lr_finder.run(RangeTest(), step)
    assert len(seen) == len(curve.rates) == len(curve.losses) == len(curve.smooth) == 51


def brute_force_valley(rates: np.ndarray, losses: np.ndarray) -> float:
    """fast.ai's loop, written as its source describes it, for losses that fall somewhere."""
    n = len(losses)
    longest = [1] * n
    end, most = 0, 0
    for i in range(1, n):
        for j in range(i):
            if losses[i] < losses[j] and longest[i] < longest[j] + 1:
                longest[i] = longest[j] + 1
            if most < longest[i]:
                end, most = i, longest[i]
    sections = (end - max(0, end - most)) / 3
    return rates[max(0, end - most) + int(sections) + int(sections / 2)]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000))
def test_valley_equals_the_definition(seed):
    noise = np.random.default_rng(seed).normal(0, 0.05, 80)
    losses = bowl(RATES[10:90]) + noise
    assert lr_finder.valley(RATES[10:90], losses) == brute_force_valley(RATES[10:90], losses)


def test_minimum_and_steep_by_hand():
    rates = np.geomspace(1e-5, 1, 6)
    losses = np.array([2.0, 1.9, 1.0, 0.8, 0.9, 3.0])
    assert lr_finder.minimum(rates, losses) == pytest.approx(rates[3] / 10)
    assert lr_finder.steep(rates, losses) == pytest.approx(rates[1])


def test_the_suggestions_lie_before_the_least_loss():
    losses = bowl(RATES)
    found, _ = lr_finder.suggest(RangeTest(), curve_of(losses))
    best = RATES[losses.argmin()]
    assert set(found) == {"valley", "slide", "minimum", "steep"}
    assert all(RATES[0] < found[name] < best for name in ("valley", "minimum", "steep"))


@pytest.mark.parametrize(
    ("losses", "said"),
    [
        (bowl(RATES)[:20], "diverged after 20 steps"),
        (np.full(100, 2.0), "no more than chance would give"),
        (np.linspace(2, 3, 100), "no more than chance would give"),
        (np.where(np.arange(100) > 25, np.nan, bowl(RATES)), "diverged after 100 steps"),
    ],
)
def test_a_curve_that_says_nothing_is_refused(losses, said):
    with pytest.raises(UserError, match=said):
        lr_finder.suggest(RangeTest(), curve_of(losses))


def test_a_curve_that_says_nothing_is_recorded_as_such():
    chosen = lr_finder.choose(RangeTest(), curve_of(np.full(100, 2.0)))
    assert list(chosen) == ["valley", "slide", "minimum", "steep", "used", "reason"]
    assert chosen["used"] is None and "no more than chance would give" in str(chosen["reason"])


def test_lr_json_holds_what_was_used_and_why():
    chosen = lr_finder.choose(RangeTest(suggestion="minimum"), curve_of(bowl(RATES)))
    assert list(chosen) == ["valley", "slide", "minimum", "steep", "used", "reason"]
    assert chosen["used"] == chosen["minimum"] and str(chosen["reason"]).startswith("minimum: ")


def noisy(seed: int, fall: float, steps: int = 100) -> Curve:
    """A range test of batch losses that scatter by .3 around 2, and fall after two fifths."""
    noise = np.random.default_rng(seed).normal(2, 0.3, steps)
    way = np.clip((np.arange(steps) / steps - 0.4) / 0.4, 0, 1)
    test = RangeTest(steps=steps)
    return lr_finder.run(test, lambda step, rate: float(noise[step] - fall * way[step]))


def readable(curve: Curve) -> bool:
    return lr_finder.choose(RangeTest(steps=len(curve.rates)), curve)["used"] is not None


@pytest.mark.parametrize("steps", [40, 100])
def test_noise_is_hardly_ever_taken_for_a_fall(steps):
    assert sum(readable(noisy(seed, 0.0, steps)) for seed in range(200)) <= 6


@pytest.mark.parametrize("steps", [40, 100])
def test_a_fall_is_seen_through_noise(steps):
    assert sum(readable(noisy(seed, 1.0, steps)) for seed in range(100)) >= 95


@given(st.integers(0, 99), st.integers(5, 90), st.booleans(), st.floats(0, 0.1))
def test_chance_is_told_as_by_spearman(seed, n, tied, slope):
    losses = np.random.default_rng(seed).normal(size=n) - slope * np.arange(n)
    losses = losses.round(1) if tied else losses
    falls = spearmanr(np.arange(n), losses, alternative="less").pvalue
    assert lr_finder.by_chance(losses) == (not falls < lr_finder.LIKELY)


def test_a_level_line_is_by_chance_and_one_that_only_falls_is_not():
    assert lr_finder.by_chance(np.ones(30))
    assert not lr_finder.by_chance(-np.arange(30.0))
