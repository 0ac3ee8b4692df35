"""Schedules against their formulae, at points that can be worked out by hand."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecycle.learn import schedules


@pytest.mark.parametrize(
    ("share", "rate", "momentum"),
    [
        (0.0, 1 / 25, 0.95),
        (0.125, (1 / 25 + 1) / 2, 0.90),  # half-way up: a cosine's middle
        (0.25, 1.0, 0.85),
        (0.625, (1 + 1e-5) / 2, 0.90),
        (1.0, 1e-5, 0.95),
    ],
)
def test_one_cycle_at_its_turning_points(share, rate, momentum):
    found = schedules.one_cycle(share)
    assert found == pytest.approx((rate, momentum), rel=1e-9)


@given(st.floats(0, 1), st.floats(0.05, 0.95))
def test_rate_and_momentum_mirror_each_other(share, pct_start):
    rate, momentum = schedules.one_cycle(share, pct_start)
    assert 0 < rate <= 1 and 0.85 <= momentum <= 0.95
    low = 1 / 25 if share < pct_start else 1e-5
    assert (rate - low) / (1 - low) == pytest.approx((0.95 - momentum) / 0.1, abs=1e-6)


@given(st.floats(1e-8, 1), st.floats(1, 1e4), st.integers(2, 6))
def test_spread_rises_by_equal_factors(low, factor, groups):
    rates = schedules.spread(low, low * factor, groups)
    steps = [math.log(b / a) for a, b in itertools.pairwise(rates)]
    assert rates[0] == pytest.approx(low) and rates[-1] == pytest.approx(low * factor)
    assert steps == pytest.approx([math.log(factor) / (groups - 1)] * (groups - 1), abs=1e-6)


def test_one_group_gets_the_highest_rate():
    assert schedules.spread(1e-6, 1e-4, 1) == [1e-4]
    assert schedules.head_first(1e-3, 1) == [1e-3]


def test_head_first_gives_a_tenth_to_the_body():
    assert schedules.head_first(1e-3, 3) == pytest.approx([1e-4, 1e-4, 1e-3])
