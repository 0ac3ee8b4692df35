"""Schedules against their formulae, at points that can be worked out by hand."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from onecycle.learn import schedules
from onecycle.learn.schedules import Schedule


@pytest.mark.parametrize(
    ("step", "rate", "momentum"),
    [
        (0, 1 / 25, 0.95),
        (125, (1 / 25 + 1) / 2, 0.90),  # half-way up: a cosine's middle
        (250, 1.0, 0.85),
        (625, (1 + 1e-5) / 2, 0.90),
        (1000, 1e-5, 0.95),
    ],
)
def test_one_cycle_at_its_turning_points(step, rate, momentum):
    assert Schedule().at(step, 1000) == pytest.approx((rate, momentum), rel=1e-9)


@given(st.integers(0, 999), st.floats(0.05, 0.95))
def test_rate_and_momentum_mirror_each_other(step, pct_start):
    rate, momentum = Schedule(pct_start=pct_start).at(step, 1000)
    assert 0 < rate <= 1 and 0.85 <= momentum <= 0.95
    low = 1 / 25 if step / 1000 < pct_start else 1e-5
    assert (rate - low) / (1 - low) == pytest.approx((0.95 - momentum) / 0.1, abs=1e-6)


@pytest.mark.parametrize("name", ["triangular", "triangular2", "exp_range"])
@pytest.mark.parametrize(("cycles", "steps"), [(1, 40), (3, 120), (4, 40)])
def test_the_cyclical_ones_are_torch_s(name, cycles, steps):
    it = Schedule(schedule=name, cycles=cycles, div=20, gamma=0.97)
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    torchs = torch.optim.lr_scheduler.CyclicLR(
        optimiser, 1 / 20, 1.0, steps // cycles // 2, mode=name, gamma=0.97,
        base_momentum=0.85, max_momentum=0.95,
    )  # fmt: skip
    for step in range(steps):
        (group,) = optimiser.param_groups
        assert it.at(step, steps) == pytest.approx((group["lr"], group["momentum"]), rel=1e-6)
        optimiser.step()
        torchs.step()


def test_flat_stays_and_flat_cos_falls_at_last():
    assert {Schedule(schedule="flat").at(step, 10) for step in range(10)} == {(1.0, 0.9)}
    rates = [Schedule(schedule="flat_cos").at(step, 100)[0] for step in range(101)]
    assert rates[:76] == [1.0] * 76 and rates[-1] == pytest.approx(1e-5)
    assert rates[75:] == sorted(rates[75:], reverse=True)


@given(st.sampled_from(list(schedules.SCHEDULES)), st.integers(1, 300), st.integers(1, 9))
def test_every_schedule_keeps_to_its_ends(name, total, cycles):
    it = Schedule(schedule=name, cycles=cycles)
    for step in range(total):
        rate, momentum = it.at(step, total)
        assert 0 < rate <= 1 and 0.85 - 1e-9 <= momentum <= 0.95 + 1e-9


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
