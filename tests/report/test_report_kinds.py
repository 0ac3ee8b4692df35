"""Each kind's words and tables; the worst items are the worst."""

import numpy as np
import pandas as pd
import pytest

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
    training,
    worth,
)
from onecycle.report.kinds import SHOWN
from onecycle.report.words import percent, place


def test_every_kind_is_shown():
    assert SHOWN.keys() == KINDS.keys()


def test_worst_items_are_the_worst_and_the_rest_is_spread():
    badness = np.array([3.0, 9, 0, 7, 1, 8, 2, 5, 4, 6])
    ordinary, worst = gallery.choose(badness, half=3)
    assert worst == [1, 5, 3]
    assert ordinary == [0, 6, 9]  # first, middle and last of those left


@pytest.mark.parametrize("n", [1, 2, 3, 11, 12, 13])
def test_no_item_twice(n):
    ordinary, worst = gallery.choose(np.arange(float(n)))
    assert len(set(ordinary + worst)) == len(ordinary + worst) == min(n, 12)


def test_category_errs_most_where_it_is_wrong_and_sure():
    rows = {"y": list("aaaa"), "predicted": list("abba"), "probability": [0.9, 0.6, 0.8, 0.4]}
    badness = category.badness(pd.DataFrame(rows))
    assert np.argsort(-badness).tolist() == [2, 1, 3, 0]


def test_category_counts_confusions(problem):
    made = problem("category")
    made.predictions["y"] = ["a"] * 20 + ["b"] * 4
    made.predictions["predicted"] = ["a"] * 15 + ["b"] * 5 + ["a"] * 1 + ["b"] * 3
    frames = category.frames(made.facts())
    assert frames["confused.csv"].values.tolist() == [["a", "b", 5, 20], ["b", "a", 1, 4]]
    assert frames["labels.csv"].values.tolist() == [["a", 20, 15], ["b", 4, 3]]
    (section,) = category.details(made.facts(), frames)
    assert section.tables[0].rows[0] == ["a", "b", "5 of 20"]
    assert section.says == [
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
    assert multicategory.badness(row.to_frame().T).tolist() == [2]
    none = multicategory.answer(pd.Series({"y": [], "predicted": []}))
    assert (none.truth, none.flaw) == ("no label", "")


def test_multicategory_tells_precision_and_recall(problem):
    made = problem("multicategory")
    made.predictions["y"] = [["car"]] * 4 + [[]] * 20
    made.predictions["predicted"] = [["car"]] * 3 + [["sea"]] + [["car"]] + [[]] * 19
    frames = multicategory.frames(made.facts())
    assert frames["labels.csv"].values.tolist() == [["car", 4, 4, 3], ["sea", 0, 1, 0]]
    (section,) = multicategory.details(made.facts(), frames)
    assert section.tables[0].rows[1] == ["sea", "0", "1", "0", "0\u00a0%", "–"]


def test_points_are_measured_in_pixels():
    row = pd.Series(
        {"y": [10.0, 20.0], "predicted_x_px": 13.0, "predicted_y_px": 24.0, "radius_px": 4.9}
    )
    assert points.badness(row.to_frame().T).tolist() == [5]
    found = points.answer(row)
    assert found.flaw == "outside the radius" and "5.0" in found.predicted
    assert found.marks.target == (10, 20) and found.marks.predicted == (13, 24)
    assert points.answer(pd.Series({**row, "radius_px": 5.0})).flaw == ""


def test_points_tell_each_group_the_worst_first(problem):
    made = problem("points")
    shift = np.where(made.predictions["group"] == "person 2", 100.0, 0.0)
    made.predictions["predicted_x_px"] += shift
    frames = points.frames(made.facts())
    groups = frames["groups.csv"]
    assert groups["group"].iloc[0] == "person 2" and groups["items"].tolist() == [8, 8, 8]
    made.predictions["group"] = None
    assert points.details(made.facts(), points.frames(made.facts())) == []


def test_coverage_met_is_counted_on_the_judged_items(problem):
    made = problem("rating")
    made.change(made.paths.model("decision.json"), radius=0.5, coverage=0.9)
    made.predictions["predicted"] = made.predictions["y"] + np.repeat([0.1, 2.0], [18, 6])
    facts = made.facts()
    section = rating.decision(facts, rating.frames(facts))
    assert "should hold 90\u00a0% of the targets" in section.says[0]
    assert "on test it holds 75\u00a0% of 24 items" in section.says[0]


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
    section = worth.section(made.facts())
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
