import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtrit

from onecycle.decide.abstention import below, risk_curve
from onecycle.decide.kinds import KINDS
from onecycle.decide.sample import Sample
from onecycle.decide.worth import compare
from onecycle.errors import UserError

KIND = KINDS["category"]


def test_by_hand():
    """Errors at the 2nd and 5th of ten: (1 + wrong) / answered is 3 / 10 at the end."""
    confidence = np.arange(10, 0, -1) / 10
    right = np.ones(10, dtype=bool)
    right[[1, 4]] = False
    assert below(confidence, right, 0.3) == 0
    assert below(confidence, right, 0.5) == 0
    right[9] = False
    assert below(confidence, right, 0.35) == pytest.approx(0.15)  # 3 / 9, but 4 / 10
    with pytest.raises(
        UserError, match=r"max_error: 0\.2 can't be promised.*10 items.*least 5.*0\.334"
    ):
        below(confidence, right, 0.2)


def test_what_is_advised_will_do():
    for n in range(2, 60):
        right, confidence = np.ones(n, dtype=bool), np.arange(n, 0, -1) / n
        with pytest.raises(UserError) as error:
            below(confidence, right, 0.01)
        advised = re.search(r"Raise max_error to ([\d.]+),", str(error.value))
        assert below(confidence, right, float(advised[1])) == 0
    with pytest.raises(UserError) as error:
        below(confidence, ~right, 0.5)
    assert "Raise" not in str(error.value)  # nothing below 1 would do


@given(st.integers(1, 40), st.integers(0, 10**6), st.floats(0.02, 0.9))
def test_it_is_the_lowest_confidence_that_will_do(n, seed, asked):
    rng = np.random.default_rng(seed)
    confidence = np.round(rng.random(n), 1)
    right = rng.random(n) < confidence
    bounds = {}
    for limit in np.unique(confidence):
        given_ = confidence >= limit
        bounds[limit] = (1 + (~right & given_).sum()) / given_.sum()
    fine = [limit for limit, bound in bounds.items() if bound <= asked]
    if not fine:
        with pytest.raises(UserError, match="can't be promised"):
            below(confidence, right, asked)
        return
    found = below(confidence, right, asked)
    assert ((confidence >= found) == (confidence >= min(fine))).all()


@pytest.mark.parametrize("asked", [0.02, 0.1])
def test_fresh_answers_err_at_most_as_often_as_asked_on_average(asked):
    """2,000 fits on 150 items each; the error is known, for confidence is the chance of right.

    Of confidence 1 - .6 u^2 with u uniform, the share s that is most confident errs .2 s^2 on
    average. An error of .02 is that of 32 % of the items, 47 of 150, where 50 without an error are
    needed: most fits are refused, and those that are not were lucky.
    """
    rng, n = np.random.default_rng(0), 150
    u = np.sort(rng.random((2000, n)), axis=1)
    confidence, right = 1 - 0.6 * u**2, rng.random((2000, n)) < 1 - 0.6 * u**2
    shares = np.zeros(2000)
    for fit in range(2000):
        try:
            limit = below(confidence[fit], right[fit], asked)
        except UserError:
            continue
        shares[fit] = min(1.0, ((1 - limit) / 0.6) ** 0.5)
    errors = 0.2 * shares**2
    assert errors.mean() <= asked  # a refused fit gives no wrong answer
    plain = (~right).cumsum(axis=1) / np.arange(1, n + 1) <= asked
    last = np.where(plain.any(axis=1), n - 1 - plain[:, ::-1].argmax(axis=1), 0)
    careless = np.where(plain.any(axis=1), 0.2 * u[np.arange(2000), last] ** 2, 0)
    assert careless.mean() > asked  # without the 1 more would err than asked
    if asked == 0.1:
        assert (shares > 0).mean() > 0.98
        assert errors.mean() > 0.7 * asked  # nor is it bought with silence
        assert (shares * errors).sum() <= asked * shares.sum()


def test_an_item_below_the_limit_gets_no_answer():
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.55, 0.45]])
    decision = KIND.default() | {"abstain": {"below": 0.6 - 1e-9, "max_error": 0.1}}
    frame = KIND.answers(np.log(p), decision, ["a", "b"])
    assert frame["predicted"].tolist() == ["a", "b", "a"]
    assert frame["answer"].tolist() == ["a", "b", None]
    own = KIND.answers(np.log(p), KIND.default(), ["a", "b"])
    assert own["answer"].tolist() == own["predicted"].tolist()
    weights = np.array([[1.0, 1, 1], [0, 0, 1], [0, 2, 1]])
    values = KIND.metrics(np.log(p), np.array([0, 0, 0]), decision, weights)
    assert values["answered"].tolist() == pytest.approx([2 / 3, 0, 2 / 3])
    assert values["error_rate_answered"][[0, 2]].tolist() == [0.5, 1.0]
    assert np.isnan(values["error_rate_answered"][1])
    silent = KIND.default() | {"abstain": {"below": 0.95, "max_error": 0.1}}
    values = KIND.metrics(np.log(p), np.array([0, 0, 0]), silent, weights)
    assert values["answered"][0] == 0 and "error_rate_answered" not in values


def test_the_limit_that_is_fitted_is_of_the_tempered_probabilities():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=400)
    scores = 4 * (rng.normal(size=(400, 3)) + 2 * np.eye(3)[y])
    decision, _ = KIND.fit(scores, y, KIND.Params(max_error=0.05))
    values = KIND.metrics(scores, y, decision, np.ones((1, 400)))
    answered, error = values["answered"][0], values["error_rate_answered"][0]
    assert 0 < answered < 1 and error * answered * 400 + 1 <= 0.05 * answered * 400 + 1e-9
    assert decision["temperature"] > 1.5 and decision["abstain"]["max_error"] == 0.05


def test_the_risk_curve_counts():
    curve = risk_curve(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, False, True, False]))
    pd.testing.assert_frame_equal(
        curve,
        pd.DataFrame(
            {"answered": [0.25, 0.75, 1], "error": [0, 1 / 3, 0.5], "confidence": [0.9, 0.5, 0.1]}
        ),
    )
    assert len(risk_curve(np.random.default_rng(0).random(5000), np.ones(5000, bool))) == 200


def test_few_answers_without_an_error_say_no_more_than_their_number():
    """Wilson's interval of 6 answers, not of all 200 items; over 50 groups of 4, of two."""
    p = np.repeat([0.99, 0.6], [6, 194])
    scores, y = (
        np.log(np.stack([p, 1 - p], axis=1)),
        (np.arange(200) % 5 > 2).astype(int) * (p < 0.9),
    )
    decision = KIND.default() | {"abstain": {"below": 0.9, "max_error": 0.1}}
    for groups, answers in ((None, 6), (np.repeat(np.arange(50), 4).astype(str), 2)):
        sample = Sample(scores, y, decision, groups, draws=200)
        t = 1.96 if groups is None else stdtrit(max(answers - 1, 1), 0.975)
        found = sample.measure(lambda w: KIND.metrics(scores, y, decision, w))
        assert (found["answered"]["n"], found["error_rate_answered"]["n"]) == (200, 6)
        told = compare(KIND, sample, None).set_index(["decision", "metric"])
        for high in (
            found["error_rate_answered"]["high"],
            told.loc[("abstaining", "error_rate_answered"), "value_high"],
        ):
            assert high == pytest.approx(t**2 / (answers + t**2), rel=1e-3)
