"""The lesson's page: what bears a claim out, and the short form on the samples."""

import re
from pathlib import Path

import pytest
from PIL import Image

from docs.lesson import __main__ as lesson
from docs.lesson import evidence
from docs.lesson.claims import CLAIMS
from docs.lesson.evidence import Evidence, figure, gain, less, reading, verdict
from docs.lesson.plans import PLANS
from onecycle.paths import read_json

ROOT = Path(__file__).parents[1]


def estimate(value, low, high):
    return {"value": value, "low": low, "high": high}


def told(figures=None, arms=()):
    return {"figures": figures or {}, "arms": list(arms)}


def read(estimate, bar=0.0):
    one = Evidence("any", "pets", figure("it"), "it is", bar)
    return reading(one, {("any", "pets"): told({"it": estimate})})


@pytest.mark.parametrize(
    ("number", "bar", "true"),
    [
        (estimate(0.1, 0.05, 0.15), 0.0, True),
        (estimate(-0.1, -0.15, -0.05), 0.0, False),
        (estimate(0.1, -0.05, 0.25), 0.0, None),
        (estimate(-0.002, -0.006, 0.002), -0.01, True),
        (estimate(-0.03, -0.04, -0.02), -0.01, False),
        (0.1, 0.0, None),
        (None, 0.0, None),
    ],
)
def test_a_number_is_held_against_its_bar_by_its_interval(number, bar, true):
    assert read(number, bar).true is true


def test_a_study_that_was_not_made_says_nothing():
    assert reading(Evidence("any", "pets", figure("it"), "it is"), {}).true is None


def test_an_arm_s_gain_is_of_the_part_that_tells_and_turns_with_its_bounds():
    arms = [
        {"name": "flat", "gain": {"test": estimate(-0.2, -0.3, -0.1), "valid": estimate(0, 0, 0)}}
    ]
    assert gain("flat")(told(arms=arms)) == estimate(-0.2, -0.3, -0.1)
    assert less(gain("flat"))(told(arms=arms)) == estimate(0.2, 0.1, 0.3)
    assert gain("another")(told(arms=arms)) is None
    saved = less(figure("time"), 1.0)(told({"time": estimate(0.25, 0.125, 0.5)}))
    assert saved == estimate(0.75, 0.5, 0.875)


def test_verdicts_hold_on_several_data_sets_or_here_or_not():
    yes, no, luck = (read(estimate(*each)) for each in ((2, 1, 3), (-2, -3, -1), (0, -1, 1)))
    other = evidence.Read(True, "", "movielens")
    assert verdict([yes, other]) == evidence.HOLDS
    assert verdict([yes, yes]) == verdict([yes]) == evidence.HERE
    assert verdict([yes, luck]) == f"{evidence.HERE}, in part"  # one number of two told nothing
    assert verdict([no, no]) == evidence.NOT
    assert verdict([no, luck]) == verdict([no, yes]) == f"{evidence.NOT} everywhere"
    assert verdict([luck, luck]) == evidence.UNTOLD
    assert verdict([yes, no]).startswith(evidence.NOT)


def test_every_claim_stands_on_studies_that_are_planned():
    planned = {(each.study, each.problem) for each in PLANS["mirror"].studies}
    used = {(each.study, each.problem) for claim in CLAIMS for each in claim.evidence}
    assert used <= planned


def test_what_is_planned_on_real_data_is_in_the_short_form_too():
    """A new study need not be planned: it touches its module and the registry."""
    from onecycle.studies.registry import STUDIES

    real, short = ({each.study for each in PLANS[name].studies} for name in ("mirror", "samples"))
    assert real == short <= set(STUDIES)


@pytest.mark.slow
def test_the_short_form_tries_every_study_on_the_samples(tree):
    assert lesson.main(["--plan", "samples", "--out", "reports"]) == 0
    page = Path("reports/lesson.md").read_text()
    studies = PLANS["samples"].studies
    for each in studies:
        place = page[page.index(f"### {each.study}, {each.problem}\n") :].split("\n### ")[0]
        if each.study == "transfer":
            assert "Not measurable here: study transfer: sample_pets trains from scratch" in place
            continue
        (name,) = re.findall(r"\]\(lesson/(pictures/\S+)\)", place)
        with Image.open(Path("reports/lesson", name)) as picture:
            assert picture.width > 400
        told = read_json(Path("reports", each.problem, "studies", f"{each.study}.json"))
        assert told["says"][0] in place
    rows = [line for line in page.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(rows) == len(CLAIMS)
    assert all(re.search(r"\*\*(holds|does not hold|not measurable here)", row) for row in rows)
    kept = {each: each.stat().st_mtime_ns for each in Path(".onecycle/studies").rglob("run.json")}
    assert lesson.main(["--plan", "samples", "--out", "reports"]) == 0
    assert Path("reports/lesson.md").read_text() == page
    again = {each: each.stat().st_mtime_ns for each in Path(".onecycle/studies").rglob("run.json")}
    assert again == kept


def test_the_page_in_the_repository_is_of_the_claims_and_studies_there_are():
    """It takes hours to make, so it is not made anew here; what it was made of must not change."""
    page = (ROOT / "docs" / "lesson.md").read_text()
    for claim in CLAIMS:
        assert f"| {claim.says} |" in page
        assert f"| {claim.advice} |" in page
    for each in PLANS["mirror"].studies:
        assert f"### {each.study}, {each.problem}\n" in page
    for name in re.findall(r"\]\((lesson/pictures/\S+)\)", page):
        assert (ROOT / "docs" / name).is_file()
