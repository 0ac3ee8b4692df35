"""The verdict and what it leaves out."""

import pytest

from onecycle.paths import read_json, write_json
from onecycle.report import results

JUDGED = [
    ("category", "accuracy", 0.5, "better"),
    ("category", "accuracy", 0.75, "unclear"),
    ("category", "accuracy", 0.95, "worse"),
    ("rating", "rmse", 0.95, "better"),
    ("rating", "rmse", 0.9, "unclear"),
    ("rating", "rmse", 0.5, "worse"),
]


@pytest.mark.parametrize(("kind", "metric", "baseline", "verdict"), JUDGED)
def test_verdict(problem, kind, metric, baseline, verdict):
    made = problem(kind)
    made.judge(metric, (0.7, 0.8, 0.9), baseline)
    found = results.headline(made.facts(), "A guess")
    assert found.verdict == verdict
    assert found.says == results.VERDICTS[verdict]
    assert (found.value, found.rest) == ("0.80", "95 % interval 0.70 to 0.90, on 24 test items")
    assert found.trivial == f"A guess gets {baseline:.2f}."
    row = next(row for row in results.rows(made.facts()) if row.interval == "0.70 – 0.90")
    assert row.verdict == verdict


def test_a_plain_test_needs_no_caveat(problem):
    assert results.caveats(problem("category").facts()) == []


def test_valid_in_place_of_test_is_said(problem):
    made = problem("category")
    made.judge("accuracy", (0.7, 0.8, 0.9), 0.5, split="valid")
    assert "24 valid items" in results.headline(made.facts(), "").rest
    assert any("There is no test part" in said for said in results.caveats(made.facts()))
    assert made.facts().fitted_on.endswith("watched on too and which judge it here.")
    assert "and the decision was fitted" in results.caveats(made.facts())[0]
    calib = {"fitted_on": {"part": "calib", "n": 9}}
    made.change(made.paths.model("decision.json"), **calib)
    assert made.facts().fitted_on == "Fitted on the 9 items of calib."
    assert "and the decision was fitted" not in results.caveats(made.facts())[0]


def test_few_groups_are_said(problem):
    made = problem("points")
    assert "over the 3 groups: what" in results.method(made.facts())
    made.judge("mse", (0.1, 0.2, 0.3), 0.5, within_groups=True)
    (said,) = results.caveats(made.facts())
    assert "3 groups only" in said and "leaves out the differences between groups" in said
    assert "over items: what" in results.method(made.facts())


def test_an_interval_without_width_is_no_certainty(problem):
    made = problem("category")
    made.judge("accuracy", (1.0, 1.0, 1.0), 0.5)
    (said,) = results.caveats(made.facts())
    assert "no width" in said and "0.12" in said  # 3 / 24
    assert results.headline(made.facts(), "").value == "1.000"


def test_the_strip_keeps_the_order(problem):
    made = problem("category")
    made.judge("accuracy", (0.7, 0.8, 0.9), 0.1)
    strip = results.rows(made.facts())[0].strip
    assert strip["baseline"] == 4 and strip["high"] == 96
    assert strip["baseline"] < strip["low"] < strip["value"] < strip["high"]


@pytest.mark.parametrize(("width", "digits"), [(0.02, 3), (0.1, 2), (0.5, 2), (3, 1), (40, 0)])
def test_decimals_follow_the_width(width, digits):
    assert results.decimals({"value": 1.0, "low": 1.0, "high": 1.0 + width}) == digits


def test_a_metric_that_no_trivial_predictor_has_stands_alone(problem):
    made = problem("rating")
    made.judge("mae", (0.4, 0.5, 0.6), baseline=0.9)
    found = read_json(made.paths.report("intervals.json"))
    del found["baseline_mae"]
    write_json(made.paths.report("intervals.json"), found)
    row = results.row(found, "rating", "mae")
    assert (row.baseline, row.mark, row.verdict) == ("", "", "alone")
    assert row.strip == {"low": 4, "value": 50, "high": 96}
    assert (
        made.write().count('class="trivial"') == (len(found) - 2) // 2
    )  # one a pair, none for mae and coverage
