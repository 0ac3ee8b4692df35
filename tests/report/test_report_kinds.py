"""Each kind's words and tables; the worst items are the worst."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from onecycle.decide.kinds import KINDS
from onecycle.learn.schedules import Schedule
from onecycle.paths import read_json
from onecycle.report import (
    category,
    data,
    gallery,
    multicategory,
    points,
    rating,
    results,
    split,
    training,
)
from onecycle.report.kinds import SHOWN
from onecycle.report.words import percent, place


def test_every_kind_is_shown():
    assert SHOWN.keys() == KINDS.keys()


def test_worst_items_are_the_worst_and_the_rest_is_spread():
    losses = np.array([3.0, 9, 0, 7, 1, 8, 2, 5, 4, 6])
    ordinary, worst = gallery.choose(losses, half=3)
    assert worst == [1, 5, 3]
    assert ordinary == [0, 6, 9]  # first, middle and last of those left


@pytest.mark.parametrize("n", [1, 2, 3, 11, 12, 13])
def test_no_item_twice(n):
    ordinary, worst = gallery.choose(np.arange(float(n)))
    assert len(set(ordinary + worst)) == len(ordinary + worst) == min(n, 12)


def test_items_are_the_worse_the_higher_their_loss(problem):
    made = problem("points")
    made.predictions["loss"] = np.arange(24.0)
    _, worst = gallery.section(made.facts(), points).galleries
    assert [card.names[0] for card in worst.cards] == made.predictions["id"][:-7:-1].tolist()


def test_category_counts_confusions(problem):
    made = problem("category")
    made.predictions["y"] = ["a"] * 20 + ["b"] * 4
    made.predictions["predicted"] = ["a"] * 15 + ["b"] * 5 + ["a"] * 1 + ["b"] * 3
    frames = category.frames(made.facts())
    pairs, labels = frames["confused.csv"], frames["labels.csv"]
    names = ["label", "predicted", "times", "items"]
    assert pairs[names].values.tolist() == [["a", "b", 5, 20], ["b", "a", 1, 4]]
    assert labels[["label", "items", "right"]].values.tolist() == [["a", 20, 15], ["b", 4, 3]]
    for table, share in ((pairs, "share"), (labels, "recall")):
        assert (table["low"] < table[share]).all() and (table[share] < table["high"]).all()
    losses = frames["losses.csv"]["loss"]
    assert losses.is_monotonic_decreasing and len(losses) == 24
    (section,) = category.details(made.facts(), frames)
    assert section.tables[0].rows[0][:3] == ["a", "b", "5 of 20"]
    assert section.says[1:] == [
        "No item of test has 3 of the 3 labels: the score says nothing of those."
    ]
    made.predictions["predicted"] = made.predictions["y"]
    (section,) = category.details(made.facts(), category.frames(made.facts()))
    assert section.says[0] == "No item was given a wrong label."


def test_multicategory_counts_labels():
    row = pd.Series({"y": ["sky", "car"], "predicted": ["car", "sea"]})
    found = multicategory.answer(row)
    assert (found.truth, found.predicted) == ("car, sky", "car, sea")
    assert found.flaw == "missed sky; not there: sea"
    none = multicategory.answer(pd.Series({"y": [], "predicted": []}))
    assert (none.truth, none.flaw) == ("no label", "")


def test_multicategory_tells_precision_and_recall(problem):
    made = problem("multicategory")
    car = made.blocks.y.vocab.index("car")
    y = np.zeros((24, 3))
    y[:4, car] = 1
    made.predictions["predicted"] = [["car"]] * 3 + [["sky"]] + [["car"]] + [[]] * 19
    made.sample = dataclasses.replace(made.sample, y=y)
    frames = multicategory.frames(made.facts())
    table = frames["labels.csv"]
    counted = table[["label", "items", "given", "right"]].values.tolist()
    assert counted == [["car", 4, 4, 3], ["sky", 0, 1, 0]]
    ap = average_precision_score(y[:, car], made.sample.scores[:, car])
    assert table["ap"][0] == pytest.approx(ap) and np.isnan(table["ap"][1])
    assert np.isnan(table["ap_low"][0]) and table["recall_low"][0] < 0.75  # too few positives
    (section,) = multicategory.details(made.facts(), frames)
    assert section.tables[0].rows[1] == ["sky", "0", "–", "–", "1", "0\u00a0%", "–"]


def test_accuracy_over_labels_is_told_beside_no_label_at_all(problem):
    """Ten of 72 decisions are a yes: the model finds all, or one, or gives a wrong one to all."""
    made = problem("multicategory")
    y = np.zeros((24, 3))
    y[:10, 0] = 1
    made.sample = dataclasses.replace(made.sample, y=y)
    label, other = made.blocks.y.vocab[:2]
    for given, said in (
        ([[label]] * 10 + [[]] * 14, "it mends 100\u00a0% of what saying nothing misses"),
        ([[label]] + [[]] * 23, "saying nothing is not shown to be worse"),
        ([[other]] * 24, "saying nothing is better"),
    ):
        made.predictions["predicted"] = given
        facts = made.facts()
        frames = multicategory.frames(facts)
        table = frames["accuracy_multi.csv"].set_index("who")["value"]
        assert table["no label"] == pytest.approx(62 / 72)
        assert table["added"] == pytest.approx(table["model"] - 62 / 72)
        words = multicategory.details(facts, frames)[0].says[0]
        assert "86.1\u00a0% of the yes-or-no decisions are right where no item" in words
        assert said in words


def test_points_are_measured_in_pixels():
    row = pd.Series(
        {"y": [10.0, 20.0], "predicted_x_px": 13.0, "predicted_y_px": 24.0, "radius_px": 4.9}
    )
    found = points.answer(row)
    assert found.flaw == "outside the radius" and "5.0" in found.predicted
    assert found.marks.target == (10, 20) and found.marks.predicted == (13, 24)
    assert points.answer(pd.Series({**row, "radius_px": 5.0})).flaw == ""


def test_points_tell_each_group_the_worst_first(problem):
    made = problem("points")
    shift = np.where(made.predictions["group"] == "person 2", 100.0, 0.0)
    made.predictions["predicted_x_px"] += shift
    made.predictions["loss"] = np.linalg.norm(points._gap(made.predictions), axis=1)
    frames = points.frames(made.facts())
    groups = frames["groups.csv"]
    assert groups["group"].iloc[0] == "person 2" and groups["items"].tolist() == [8, 8, 8]
    far = made.predictions["loss"][made.predictions["group"] == "person 2"]
    assert groups["error_px_mean"][0] == pytest.approx(far.mean())
    assert groups["error_px_mean_low"][0] < far.mean() < groups["error_px_mean_high"][0]
    ways, section = frames["ways.csv"], points.details(made.facts(), frames)[0]
    assert ways["items"].sum() == 24 and ways["way"][ways["error_px_mean"].idxmax()] == "right"
    assert frames["residuals.csv"]["error_px"].is_monotonic_decreasing
    assert "to the right of and" in section.says[0] and "may be chance" in section.says[0]
    made.predictions["group"] = None
    (section,) = points.details(made.facts(), points.frames(made.facts()))
    assert section.title == "Residuals"


def test_coverage_met_is_that_of_the_metrics(problem):
    """Points in pixels are those of the metrics but for rounding: one at the radius may be out."""
    made = problem("rating")
    made.change(made.paths.model("decision.json"), radius=0.5, coverage=0.9)
    made.judge("coverage", (0.6, 0.75, 0.85), None)
    facts = made.facts()
    section = rating.decision(facts, rating.frames(facts))
    assert "should hold 90\u00a0% of the targets" in section.says[0]
    said = "on test it holds 75\u00a0% [60\u00a0%, 85\u00a0%] of 24 items: fewer than promised"
    assert said in section.says[0]


def test_many_targets_are_banded(problem):
    made = problem("rating")
    made.predictions["y"] = np.linspace(0, 1, 24)
    values = rating.frames(made.facts())["values.csv"]
    assert len(values) == rating.BANDS and values["items"].sum() == 24
    assert values["target"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"sample": "pets", "seed": 3}, "sample pets, seed 3"),
        ({"folder": "/home/me/mine"}, "folder mine:"),
        ({"archives": [{"url": "https://a.org/b.zip", "sha256": "0" * 64}]}, "https://a.org/b.zip"),
    ],
)
def test_sources_in_words(problem, source, said):
    made = problem("rating")
    path = made.paths.data("source.json")
    path.unlink()
    path.write_text("{}")
    made.change(path, **source, files=1, bytes=1_500_000)
    assert said in data.section(made.facts()).says[0]


def test_leaks_are_warned_of(problem):
    made = problem("points")
    leaks = {"shared_groups": 2, "first": ["person 1", "person 2"]}
    made.change(made.paths.report("split.json"), leaks=leaks, groups={"train": 2, "test": 3})
    section = split.section(made.facts())
    assert "Leak: 2 groups in more than one part (person 1, person 2" in section.warnings[0]
    assert section.tables[0].rows[2] == ["test", "24", "3"]
    assert any("the score flatters" in said for said in results.caveats(made.facts()))


def trained(made, phase):
    """Sets how the model was trained: in one phase."""
    schedule = Schedule().model_dump()
    training = {"phases": [phase | {"schedule": schedule}], "metric": "rmse", "chance": 2.0}
    made.change(made.paths.model("model.json"), training=training)
    history = made.paths.report("history.csv")
    pd.read_csv(history).assign(phase=phase["name"]).to_csv(history, index=False)


def test_rates_from_elsewhere_are_said(problem):
    made = problem("rating")
    phase = {"name": "unfrozen", "epochs": 3, "rates": [0.1], "why": "params.yaml"}
    trained(made, phase)
    curves, recipe = training.training(made.facts().trained), training.recipe(made.facts().trained)
    assert "No phase took its rate from this test" in curves.plots[0].caption
    assert recipe.tables[0].rows == [["unfrozen", "3", "0.1", "params.yaml"]]
    assert ["factors", "4"] in recipe.tables[1].rows


def test_a_phase_s_own_range_test_has_its_picture(problem):
    made = problem("rating")
    lr = read_json(made.paths.model("lr.json"))
    own = lr | {"used": 7e-3, "lr": [1e-4, 1e-3, 1e-2, 1e-1], "loss": [2.0, 1.9, 1.0, 1.5]}
    phase = {"name": "unfrozen", "epochs": 3, "rates": [0.1], "why": "second", "range_test": own}
    trained(made, phase)
    first, second, _, history = training.plots(made.facts().trained)
    assert second.caption.startswith("Range test before the unfrozen phase: 0.007 by valley")
    assert first.light != second.light and "epochs" in history.caption


def test_numbers_in_words():
    assert [percent(share) for share in (0.5, 0.9999, 1.0)] == [
        "50\u00a0%",
        "99.9\u00a0%",
        "100\u00a0%",
    ]
    assert percent(0.996, 0) == "99\u00a0%"
    assert place("file:///home/me/my%20data.zip") == "my data.zip"
