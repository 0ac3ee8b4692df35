import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecycle.decide.radius import conformal_radius, coverage_curve
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
    with pytest.raises(UserError, match=r"calibrate\.coverage.* 19 items in valid, found 18"):
        conformal_radius(np.ones(18), 0.95)


def test_curve_holds_its_shares():
    errors = np.random.default_rng(0).random(37)
    curve = coverage_curve(errors, "radius_px")
    assert list(curve) == ["coverage", "radius_px"] and len(curve) == 20
    for row in curve.itertuples():
        assert (errors <= row.radius_px).mean() >= row.coverage - 1e-12
        assert (errors < row.radius_px).mean() < row.coverage
