import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecycle.decide.radius import (
    conformal_radius,
    conformal_radius_of_groups,
    coverage_curve,
    fit_radius,
    needed,
)
from onecycle.errors import UserError


@pytest.mark.parametrize(
    ("n", "coverage", "rank"),
    [
        (9, 0.9, 9),
        (10, 0.9, 10),
        (19, 0.9, 18),
        (100, 0.9, 91),
        (99, 0.07, 7),
        (5, 0.01, 1),
        (5, 1e-12, 1),
    ],
)
def test_rank_by_hand(n, coverage, rank):
    errors = np.random.default_rng(0).permutation(n) + 1.0
    assert conformal_radius(errors, coverage) == rank


def test_new_items_are_covered_as_often_as_promised():
    """The mean coverage over calibrations is rank / (n + 1): 19 / 21 for n = 20, c = 0.9."""
    errors = np.random.default_rng(0).exponential(size=(4000, 20))
    coverage = [1 - np.exp(-conformal_radius(row, 0.9)) for row in errors]
    assert np.mean(coverage) == pytest.approx(19 / 21, abs=0.005)


@given(st.integers(1, 99))
def test_the_n_that_is_asked_for_is_the_least_that_will_do(percent):
    coverage, needed = percent / 100, 0
    try:
        conformal_radius(np.ones(0), coverage)
    except UserError as error:
        needed = int(str(error).split("at least ")[1].split()[0])
    assert conformal_radius(np.ones(needed), coverage) == 1
    with pytest.raises(UserError):
        conformal_radius(np.ones(needed - 1), coverage)


def test_too_few_items_are_told_how_many_are_needed():
    with pytest.raises(UserError, match=r"calibrate\.coverage.* 19 items to fit on, found 18"):
        conformal_radius(np.ones(18), 0.95)


def test_curve_holds_its_shares():
    errors = np.random.default_rng(0).random(37)
    curve = coverage_curve(errors, "radius_px")
    assert list(curve) == ["coverage", "radius_px"] and len(curve) == 20
    for row in curve.itertuples():
        assert (errors <= row.radius_px).mean() >= row.coverage - 1e-12
        assert (errors < row.radius_px).mean() < row.coverage


def test_groups_of_one_item_are_items():
    errors = np.random.default_rng(0).random(19)
    names = np.array([f"g{at}" for at in range(19)])
    for coverage in (0.5, 0.8, 0.9, 0.95):
        radius = conformal_radius(errors, coverage)
        assert conformal_radius_of_groups(errors, coverage, names) == radius


def test_each_group_weighs_the_same_by_hand():
    """Nine groups: 8 items of the first weigh as much as 1 of each other; 9 / 10 is all of them."""
    errors = np.concatenate([np.full(8, 5.0), np.arange(1.0, 9)])
    groups = np.array(["a"] * 8 + list("bcdefghi"))
    assert conformal_radius_of_groups(errors, 0.9, groups) == 8
    assert conformal_radius_of_groups(errors, 0.8, groups) == 7
    assert conformal_radius_of_groups(errors, 0.55, groups) == 5  # 1 to 4, and half of the first
    assert conformal_radius(errors, 0.55) == 5 and conformal_radius(errors, 0.65) == 5


def test_over_groups_where_there_are_enough_of_them():
    errors, names = np.arange(1.0, 41), np.array([f"g{at % 9}" for at in range(40)])
    assert needed(0.9) == 9
    assert fit_radius(errors, 0.9, names)[1] == "groups"
    few = np.where(names == "g8", "g0", names)
    assert fit_radius(errors, 0.9, few) == (conformal_radius(errors, 0.9), "items")
    assert fit_radius(errors, 0.9, None) == (conformal_radius(errors, 0.9), "items")


@pytest.mark.parametrize(("count", "coverage"), [(9, 0.9), (20, 0.8)])
def test_an_item_of_a_new_group_is_covered_as_often_as_promised(count, coverage):
    """2,000 fits. Groups differ in difficulty, and those that are hard are small."""
    rng = np.random.default_rng(0)
    fresh = np.exp(rng.normal(size=2000))
    held, by_items = [], []
    for _ in range(2000):
        scale = np.exp(rng.normal(size=count))
        sizes = np.where(scale > 1, 4, 30)
        code = np.repeat(np.arange(count), sizes)
        errors = scale[code] * rng.exponential(size=len(code))
        radius, over = fit_radius(errors, coverage, code.astype(str))
        assert over == "groups"
        held.append((1 - np.exp(-radius / fresh)).mean())
        by_items.append((1 - np.exp(-conformal_radius(errors, coverage) / fresh)).mean())
    assert coverage <= np.mean(held) <= coverage + 1.2 / (count + 1)
    assert np.mean(by_items) < coverage - 0.05  # as one can't know from items
