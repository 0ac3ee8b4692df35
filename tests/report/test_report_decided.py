"""What the decision sections say: of gaps, of choices, of promises."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from onecycle.decide.kinds import KINDS
from onecycle.decide.radius import conformal_radius
from onecycle.decide.sample import Sample
from onecycle.decide.worth import Worth
from onecycle.report import category, coverage, decided, multicategory, points, rating

VALUES = ["value", "more", "fit", "gap", "choosing"]


def row(decision, metric, used=False, **values) -> dict:
    """A row of decisions.csv: each value with its bounds, in that order low, value, high."""
    cells = {"decision": decision, "used": used, "metric": metric}
    for name in VALUES:
        low, middle, high = values.get(name, (np.nan,) * 3)
        cells |= {name: middle, f"{name}_low": low, f"{name}_high": high}
    return cells


def with_rows(made, *rows):
    made.worth = Worth(pd.DataFrame(rows), made.worth.curves)
    return made.facts()


@pytest.mark.parametrize(
    ("metric", "more", "choosing", "says", "flattered"),
    [
        ("f1_micro", (0.01, 0.02, 0.03), (0.01, 0.02, 0.03), "better beyond", "flattered, beyond"),
        ("f1_micro", (-0.03, -0.02, -0.01), (-0.1, 0.02, 0.1), "worse beyond", "not shown to have"),
        (
            "f1_micro",
            (-0.01, 0.02, 0.03),
            (-0.3, -0.2, -0.1),
            "neither is shown",
            "did not flatter",
        ),
        ("cost", (-0.03, -0.02, -0.01), (-0.3, -0.2, -0.1), "better beyond", "flattered, beyond"),
        ("cost", (0.01, 0.02, 0.03), (0.1, 0.2, 0.3), "worse beyond", "did not flatter"),
    ],
)
def test_verdicts_follow_the_intervals_and_the_metric_s_way(
    problem, metric, more, choosing, says, flattered
):
    given = {"value": (0.4, 0.5, 0.6), "fit": (0.5, 0.6, 0.7), "gap": (0.0, 0.1, 0.2)}
    it = row("sweep", metric, used=True, more=more, choosing=choosing, **given)
    facts = with_rows(problem("multicategory"), row("0.5", metric, **given), it)
    told = decided.told(facts, metric)
    assert told["decision"] == "sweep"
    assert says in decided.against(facts, told, "a threshold of .5")
    (said,) = decided.gap(facts, told)
    assert flattered in said and "On valid it reaches 0.60, a gap of +0.10 [+0.00, +0.20]" in said


def test_a_gap_to_few_groups_is_said_to_leave_them_out(problem):
    made = problem("multicategory")
    split = made.paths.report("split.json")
    given = {"value": (0.4, 0.5, 0.6), "fit": (0.5, 0.6, 0.7), "gap": (0.0, 0.1, 0.2)}
    for groups, said in ((0, False), (3, True), (5, False)):
        made.change(split, groups={"valid": groups})
        (told,) = decided.gap(made.facts(), row("0.5", "f1_micro", **given))
        assert ("leaves out that valid is of 3 groups only" in told) == said


def test_the_same_answers_are_said_to_be_the_same_and_no_gap_without_other_items(problem):
    it = row("sweep", "f1_micro", used=True, value=(0.4, 0.5, 0.6), more=(0.0, 0.0, 0.0))
    facts = with_rows(problem("multicategory"), it)
    assert "just as .5 does" in decided.against(facts, it, ".5")
    assert decided.gap(facts, it) == [
        "It is judged by the items that it was chosen on, valid: it looks too good here."
    ]


def test_labels_tell_the_aim_the_choice_and_the_rivals(problem):
    made = problem("multicategory")
    section = multicategory.decision(made.facts(), {})
    assert (
        "of the sweep's 29 the one with the highest accuracy over all labels on valid"
        in (section.says[0])
    )
    table, others = section.tables
    assert [cells[0].removesuffix("\u00a0←") for cells in table.rows] == [
        ".5",
        "Sweep",
        "Exact",
        "Per label",
    ]
    assert table.rows[1][0] == "Sweep\u00a0←" and table.columns[0] == "Accuracy over all labels"
    assert others.columns == ["On test", "Recall", "F1, micro", "F1, macro"]
    decision = made.paths.model("decision.json")
    made.change(decision, per_class=True, thresholds=[0.2, 0.3, 0.4])
    assert "of its own, 0.20 to 0.40" in multicategory.decision(made.facts(), {}).says[0]
    made.change(decision, per_class=False, aim="precision", precision=0.8, threshold=0.51)
    said = multicategory.decision(made.facts(), {}).says[0]
    assert "of all thresholds the one with the most recall" in said and "of 0.8 or more" in said
    short = {"value": (0.6, 0.7, 0.75), "more": (0.0, 0.1, 0.2)}
    cells = [row("sweep", each, True, **short) for each in ("precision", *multicategory.OTHERS)]
    said = " ".join(multicategory.decision(with_rows(made, *cells), {}).says)
    assert "reaches a precision of 0.70 [0.60, 0.75]: less than asked, beyond" in said
    perfect = row("sweep", "precision", True, value=(1.0, 1.0, 1.0), more=(0.0, 0.1, 0.2))
    whole = " ".join(multicategory.decision(with_rows(made, perfect, *cells[1:]), {}).says)
    assert "no resample differs" in whole and "beyond" not in whole
    assert "Recall is 0.70" in said and "better" not in said and "worse" not in said


def test_an_exact_threshold_is_told_with_what_it_reaches_itself(problem):
    made = problem("multicategory")
    decision = made.paths.model("decision.json")
    made.change(decision, threshold=0.51, threshold_low=None, threshold_high=None)
    assert "resamples" not in multicategory.decision(made.facts(), {}).says[0]
    made.change(decision, threshold_low=0.4, threshold_high=0.5)
    it = row("exact", "accuracy_multi", True, value=(0.4, 0.5, 0.6), fit=(0.7, 0.8125, 0.9))
    said = multicategory._chosen(with_rows(made, it), "accuracy_multi")
    assert "on valid, 0.8125. 95\u00a0% of resamples put the best of the sweep between" in said


def test_abstaining_is_told_with_what_it_brings(problem):
    made = problem("category")
    made.change(made.paths.model("decision.json"), abstain={"below": 0.7, "max_error": 0.1})
    answered = row("abstaining", "answered", True, value=(0.4, 0.5, 0.6), fit=(0.5, 0.6, 0.7))
    error = {"value": (0.12, 0.2, 0.3), "fit": (0.0, 0.05, 0.1)}
    facts = with_rows(made, answered, row("abstaining", "error_rate_answered", True, **error))
    said = " ".join(category.decision(facts, {}).says).replace("\u00a0", " ")
    assert "No answer is given below a probability of 0.7, so that at most 10 % of" in said
    assert "On test 50 % [40 %, 60 %] are answered; of these 20 % [12 %, 30 %] are wrong" in said
    assert "(5 % of 60 % where fitted): more than asked, beyond the interval" in said
    facts = with_rows(made, answered)
    assert "none is so sure" in category.decision(facts, {}).says[-1]
    made.predictions.loc[0, "answer"] = None
    given, silent = (category.answer(made.predictions.iloc[at]) for at in (1, 0))
    assert silent.predicted.endswith("too unsure to be given") and "unsure" not in given.predicted
    assert category.decision(made.facts(), {}).plots[1].alt.startswith("Error against the share")


def test_a_promise_is_for_whom_it_was_fitted_on(problem):
    made = problem("points")
    decision, split = made.paths.model("decision.json"), made.paths.report("split.json")
    fitted = {"part": "calib", "n": 40}

    def says():
        facts = made.facts()
        return points.decision(facts, points.frames(facts)).says

    made.change(split, groups={"valid": 3, "calib": 4})
    made.change(decision, coverage=0.9, fitted_on=fitted)
    assert "items of the 4 groups" in says()[1] and "9 groups or more are needed" in says()[1]
    assert "Nothing else looked at them" in says()[2]
    made.change(split, groups={"calib": 12})
    assert "a group for every item is needed" in says()[1]
    made.change(split, groups={"calib": 4})
    made.change(decision, over="groups")
    assert "an item of a new group: each of the 4 groups" in says()[1]
    assert "; of a group's on average" in says()[0]
    made.change(split, groups={})
    made.change(decision, over="items", fitted_on=fitted | {"part": "valid"})
    assert "a new item like the 40" in says()[1] and "split.calib sets items aside" in says()[2]


def test_more_than_promised_is_said_too(problem):
    made = problem("rating")
    made.change(made.paths.model("decision.json"), coverage=0.9)
    for low, high, said in ((0.91, 0.99, "more than promised"), (0.8, 0.95, "as promised")):
        made.judge("coverage", (low, 0.93, high), None)
        facts = made.facts()
        assert said in rating.decision(facts, rating.frames(facts)).says[0]


@pytest.mark.parametrize(("n", "share"), [(30, 0.9), (200, 0.8)])
def test_luck_is_what_single_fits_come_to(n, share):
    """2,000 fits of errors that are uniform: the radius is the share that it holds."""
    errors = np.random.default_rng(0).random((2000, n))
    held = np.array([conformal_radius(each, share) for each in errors])
    low, high = coverage.luck(n, share)
    assert ((low <= held) & (held <= high)).mean() == pytest.approx(0.95, abs=0.015)


def test_a_promise_to_new_groups_is_judged_by_the_groups_means():
    """60 fits; hard groups are large, so that of all items fewer are held than of a group's."""
    rng, short = np.random.default_rng(0), {"items": 0, "groups": 0}

    def part(count):
        scale = np.exp(rng.normal(size=count))
        code = np.repeat(np.arange(count), np.where(scale > 1, 30, 4))
        return (scale[code] * rng.exponential(size=len(code)))[:, None], code.astype(str)

    kind = KINDS["rating"]
    for _ in range(60):
        errors, groups = part(30)
        decision, _ = kind.fit(errors, np.zeros_like(errors), kind.Params(), None, groups)
        errors, groups = part(60)
        sample = Sample(errors, np.zeros_like(errors), decision, groups, draws=100)
        given = (sample.scores, sample.y, decision)
        items = sample.measure(partial(kind.metrics, *given))["coverage"]
        short["items"] += items["high"] < 0.9
        short["groups"] += coverage.of_a_group(sample, "radius")["high"] < 0.9
    assert short["groups"] <= 6 < 12 < short["items"]
    means = pd.Series(errors[:, 0] <= decision["radius"]).groupby(groups).mean()
    assert coverage.of_a_group(sample, "radius")["value"] == pytest.approx(means.mean())
