"""What was asked, what the split is worth, the schedule, the lineage."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from onecycle.learn.schedules import Schedule
from onecycle.paths import write_json
from onecycle.report import asked, provenance, schedule, split
from onecycle.report.bars import drawn
from onecycle.report.kinds import SHOWN
from onecycle.report.parts import slug

LINEAGE = {
    "data": {
        "sha256": {"file:///home/me/a.zip": "ab" * 32},
        "items": 1234,
        "items_sha256": "cd" * 32,
    },
    "split": {"by": "random", "sha256": "ef" * 32},
    "params": {
        "split": {"by": "random", "valid": 0.2, "leaks": {"near": 0.1}, "seed": 7},
        "calibrate": {"aim": "f1_macro", "per_class": True, "cost": None},
    },
    "code": {"commit": "0123456789abcdef0123", "changed": True},
    "packages": {"torch": "2.11.0", "numpy": "2.3.0"},
    "trained_on": {"device": "cpu", "precision": "fp32", "threads": 2},
    "seed": 42,
}


def test_what_was_asked_is_told_of_every_kind(written):
    made, _ = written
    facts = made.facts()
    section = asked.section(facts, SHOWN[facts.decision["kind"]])
    told = dict(section.tables[0].rows)
    assert section.says[0].endswith(("?", "none."))
    assert told["Trained"] == "1 epoch frozen, then 2 epochs unfrozen"
    assert told["Split"] == "by random"
    pictures = facts.blocks.x.kind == "image"
    assert told["Input"].startswith("pictures of 32 × 32" if pictures else "one of 24 users")
    assert told["Model"] == ("resnet18, from scratch" if pictures else "dot_bias")


def test_the_sections_of_params_are_told_where_the_lineage_has_them(problem):
    made = problem("multicategory")
    write_json(made.paths.model("lineage.json"), LINEAGE)
    told = dict(asked.section(made.facts(), SHOWN["multicategory"]).tables[0].rows)
    assert told["Split"] == "by random, valid 0.2, seed 7"
    assert told["Decision"] == "aim f1_macro, per_class yes"
    assert told["Target"].startswith("multicategory, 3 labels: car, ")


@pytest.mark.parametrize(
    ("changes", "says", "says_not"),
    [
        ({"by": "random"}, "new items from where these came from", "never seen"),
        ({"by": "group", "groups": {"test": 6}}, "groups that it has never seen, by the 6", "few"),
        ({"by": "group", "groups": {"test": 1}}, "the 1 group there: too few", "knows"),
        ({"by": "time"}, "what comes later", "never seen"),
        ({"by": "random", "shared": 3}, "new items of groups that it knows", "never seen"),
        ({"by": "column"}, "Somebody chose the parts", "at random"),
        ({"by": "own"}, "a splitter of its own", "at random"),
    ],
)
def test_what_a_split_is_worth(problem, changes, says, says_not):
    made = problem("points")
    shared = changes.pop("shared", 0)
    leaks = {"shared_groups": shared, "first": ["a"] * shared, "kinds": {}, "cut": 0, "moved": {}}
    made.change(made.paths.report("split.json"), leaks=leaks, **changes)
    said = " ".join(split.section(made.facts()).says)
    assert says in said and says_not not in said


def test_who_judges_what_is_said(problem):
    made = problem("rating")
    said = split.chosen(made.facts())
    assert "valid (24) watched it and fitted the decision; test (24) took part in nothing" in said
    counts = {"train": 50, "valid": 12, "calib": 9, "test": 24}
    made.change(made.paths.report("split.json"), counts=counts)
    fitted = {"part": "calib", "n": 9}
    made.change(made.paths.model("decision.json"), fitted_on=fitted)
    assert "calib (9), that nothing else saw, fitted the decision; test" in split.chosen(
        made.facts()
    )
    assert ["calib", "9"] in split.section(made.facts()).tables[0].rows
    made.judge("rmse", (0.8, 0.9, 1.0), 1.1, split="valid")
    assert "there is no test" in split.chosen(made.facts())


def test_pairs_are_of_users_and_items_that_the_model_knows(problem):
    assert "users and items that it mostly knows" in split.worth(problem("rating").facts())


def test_lineage_is_told_in_short_and_without_folders():
    (section,) = provenance.section(LINEAGE)
    rows = dict(section.tables[0].rows)
    assert rows["Data: a.zip"] == "sha256 abababababababab…"
    assert rows["Items table, 1,234 rows"].startswith("sha256 cd")
    assert rows["Code"] == "commit 0123456789abcdef…, with changes that are not committed"
    assert rows["Trained on"] == "device cpu, precision fp32, threads 2"
    assert section.tables[1].rows == [["numpy", "2.3.0"], ["torch", "2.11.0"]]
    unknown = LINEAGE | {"code": {"commit": None, "changed": False}}
    assert ["Code", "no git"] in provenance.section(unknown)[0].tables[0].rows
    assert provenance.section({}) == []


@pytest.mark.parametrize("name", ["one_cycle", "flat_cos", "triangular2"])
def test_the_schedule_that_is_drawn_is_the_one_that_trained(name):
    how = Schedule(schedule=name, pct_start=0.3, div=5, cycles=2)
    phase = {"name": "frozen", "epochs": 2, "rates": [1e-3], "schedule": how.model_dump()}
    shares, momentum = schedule.curves(phase, 50)
    expected = np.array([how.at(step, 50) for step in range(50)])
    assert np.array_equal(np.stack([shares, momentum], axis=1), expected)


def test_the_schedule_in_words():
    phases = [
        {"name": "frozen", "epochs": 1, "rates": [1e-4, 1e-3], "schedule": {}},
        {"name": "unfrozen", "epochs": 3, "rates": [1e-5, 1e-4], "schedule": {"schedule": "flat"}},
    ]
    phases = [it | {"schedule": Schedule(**it["schedule"]).model_dump()} for it in phases]
    found = schedule.plot(phases)
    assert found.name == "schedule"
    assert "frozen, 1 epoch of one_cycle, highest 0.001" in found.caption
    assert "unfrozen, 3 epochs of flat, highest 0.0001" in found.alt
    assert schedule.plot(phases[:1]).light != found.light


def test_bars_are_of_the_worst_and_of_tables_that_are_known():
    table = pd.DataFrame({"label": ["a", "$b$", "c"], "items": [4, 4, 0], "right": [3, 1, 0]})
    found = drawn({"labels.csv": table, "own.csv": table, "groups.csv": table.head(0)})
    assert list(found) == ["by-label"] and found["by-label"].startswith(b"\x89PNG")
    assert drawn({"own.csv": table}) == {}
    long = pd.DataFrame({"label": [f"{at:03}" for at in range(99)], "items": 9, "right": 3})
    heights = [
        Image.open(BytesIO(drawn({"labels.csv": it})["by-label"])).height for it in (table, long)
    ]
    assert heights[0] < heights[1] < 2000


def test_slugs_are_names_for_files_and_links():
    assert slug("Better than SVD?") == "better-than-svd"
    assert slug("../../Ärger & 1 %") == "rger-1"


def test_a_plot_lets_the_page_s_paper_through():
    phase = {"name": "frozen", "epochs": 1, "rates": [1e-3], "schedule": Schedule().model_dump()}
    found = schedule.plot([phase, phase])
    for uri in (found.light, found.dark):
        with Image.open(BytesIO(b64decode(uri.partition(",")[2]))) as drawn:
            alpha = np.asarray(drawn.getchannel("A"))
        assert (alpha == 0).mean() > 0.5  # all but the first phase's band, lines and words


def test_what_is_left_at_nought_is_not_told_of_a_split():
    params = {"by": "random", "valid": 0.2, "calib": 0.0, "hashed": False, "seed": 0, "leaks": {}}
    assert asked._drawn(params) == {"by": "random", "valid": 0.2, "seed": 0}
