from dataclasses import replace

import numpy as np
import pytest

from onecycle.decide import intervals
from onecycle.decide.kinds import KINDS
from onecycle.decide.labelling import Goal
from onecycle.decide.optimum import best_for_all
from onecycle.decide.sample import Sample
from onecycle.decide.scores import sigmoid
from onecycle.decide.worth import compare, weigh

PARTS = ("test", "valid")


def labels(rng, n, k=4, **more):
    logits = rng.normal(-1, 2, size=(n, k))
    return Sample(logits, rng.random((n, k)) < sigmoid(logits), {}, **more)


def row(table, decision, metric):
    (found,) = table[(table["decision"] == decision) & (table["metric"] == metric)].to_dict(
        "records"
    )
    return found


def test_values_and_paired_differences_are_those_of_intervals():
    rng, kind = np.random.default_rng(0), KINDS["multicategory"]
    fitted, judged = (labels(rng, n, draws=300, seed=3) for n in (80, 60))
    decision, _ = kind.fit(fitted.scores, fitted.y, kind.Params(aim="f1_micro"))
    table = compare(kind, replace(judged, decision=decision), fitted)
    assert table["decision"].unique().tolist() == ["0.5", "sweep", "exact", "per class"]
    assert set(table[table["used"]]["decision"]) == {"sweep"}

    def measured(weights):
        own, half = (
            kind.decided(judged.scores, judged.y, kind.rivals(decision)[name], weights)["f1_micro"]
            for name in ("sweep", "0.5")
        )
        return {"own": own, "more": own - half}

    found = intervals.measure(measured, 60, draws=300, seed=3)
    mine = row(table, "sweep", "f1_micro")
    for name, ours in (("own", "value"), ("more", "more")):
        told = (mine[ours], mine[f"{ours}_low"], mine[f"{ours}_high"])
        assert told == pytest.approx(tuple(found[name][k] for k in ("value", "low", "high")))
    half = row(table, "0.5", "f1_micro")
    assert np.isnan(half["more"]) and np.isnan(half["choosing"])
    assert mine["gap"] == pytest.approx(mine["fit"] - mine["value"])
    assert mine["choosing"] == pytest.approx(mine["gap"] - half["gap"])
    assert mine["gap_low"] < mine["gap"] < mine["gap_high"]
    assert mine["choosing_low"] < mine["choosing"] < mine["choosing_high"]


def test_without_other_items_there_is_no_gap():
    rng, kind = np.random.default_rng(0), KINDS["multicategory"]
    items = labels(rng, 50, draws=100)
    decision, _ = kind.fit(items.scores, items.y, kind.Params())
    found = weigh(kind, replace(items, decision=decision), None, ["valid"])
    assert found.decisions[["fit", "gap", "choosing"]].isna().all(axis=None)
    assert set(found.curves["part"]) == {"valid"} and len(found.curves) == 29


def test_the_gap_s_interval_holds_the_truth_and_choosing_flatters():
    """150 fits: of calibrated scores all gaps are 0 on average but for what choosing adds."""
    rng, kind = np.random.default_rng(0), KINDS["multicategory"]
    held, choosing = [], []
    for seed in range(150):
        fitted, judged = (labels(rng, 200, draws=150, seed=seed) for _ in PARTS)
        table = compare(kind, replace(judged, decision=quick(fitted)), fitted)
        half, own = (row(table, name, "f1_macro") for name in ("0.5", "exact"))
        held.append(half["gap_low"] <= 0 <= half["gap_high"])
        choosing.append(own["choosing"])
    assert 0.9 <= np.mean(held) <= 0.99
    assert np.mean(choosing) > 3 * np.std(choosing) / 150**0.5


def quick(fitted):
    """The best threshold of all, without the sweep and its resamples."""
    exact = best_for_all(fitted.scores, fitted.y, Goal("f1_macro"))
    own = {"aim": "f1_macro", "threshold": exact, "exact": exact, "sweep": None}
    return {"kind": "multicategory", "per_class": False, "thresholds": [exact] * 4} | own


@pytest.mark.parametrize("name", ["points", "rating"])
def test_the_coverage_met_is_told_beside_the_coverage_fitted(name):
    rng, kind = np.random.default_rng(0), KINDS[name]
    width = 2 if name == "points" else 1

    def part(n, spread):
        size, y = np.tile([200.0, 200.0], (n, 1)), np.zeros((n, width))
        return Sample(rng.normal(size=(n, width)) * spread, y, {}, size_px=size, draws=200)

    fitted, judged = part(100, 1.0), part(200, 1.3)
    decision, _ = kind.fit(fitted.scores, fitted.y, kind.Params(), fitted.size_px)
    found = weigh(kind, replace(judged, decision=decision), fitted, ["test", "calib"])
    (told,) = found.decisions.to_dict("records")
    assert (told["decision"], told["metric"], told["used"]) == ("radius", "coverage", True)
    assert told["fit"] >= 0.9 > told["value"] and told["gap_low"] > 0
    assert np.isnan(told["more"])
    assert found.curves["part"].value_counts().to_dict() == {"calib": 20, "test": 20}


def test_category_tells_of_the_temperature_and_of_abstaining():
    rng, kind = np.random.default_rng(0), KINDS["category"]

    def part():
        y = rng.integers(3, size=300)
        return Sample(4 * (rng.normal(size=(300, 3)) + 2 * np.eye(3)[y]), y, {}, draws=200)

    fitted, judged = part(), part()
    decision, _ = kind.fit(fitted.scores, fitted.y, kind.Params(max_error=0.1))
    table = weigh(kind, replace(judged, decision=decision), fitted, PARTS).decisions
    assert row(table, "tempered", "nll")["more_high"] < 0
    assert row(table, "tempered", "error_rate")["more"] == 0
    told = row(table, "abstaining", "error_rate_answered")
    assert told["used"] and told["value"] < row(table, "own", "error_rate")["value"]
    assert np.isnan(told["more"]) and np.isfinite(told["gap"])
