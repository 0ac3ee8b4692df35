"""The model card: Hugging Face reads it, and it says what the files say."""

import re

import pandas as pd
import pytest
from huggingface_hub import ModelCard

from onecycle.paths import write_json
from onecycle.report import card

LINEAGE = {
    "model": {"sha256": "ab" * 32},
    "data": {"sha256": {"a_file.zip": "cd" * 32}, "items": 88, "items_sha256": "ef" * 32},
    "split": {"by": "random", "sha256": "01" * 32},
    "code": {"commit": None, "changed": None},
    "packages": {"torch": "2.15"},
    "trained_on": {"device": "cpu", "kind": "x86", "precision": "fp32", "threads": 1},
    "seed": 42,
}
OWN = {"license": None, "intended_use": None, "not_for": None}


def written(made, **own):
    write_json(made.paths.model("lineage.json"), LINEAGE)
    file = made.paths.model("README.md")
    card.write(made.facts(), OWN | own, file)
    return file.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", card.WORDS)
def test_hugging_face_reads_names_values_and_split(problem, kind):
    made = problem(kind)
    found = ModelCard(written(made)).data
    intervals = made.facts().intervals
    assert found.model_name == made.paths.problem and found.license is None
    expected = {k: it["value"] for k, it in intervals.items() if not k.startswith("baseline_")}
    read = {each.metric_type: each.metric_value for each in found.eval_results}
    assert read == {name: pytest.approx(value, abs=1e-6) for name, value in expected.items()}
    assert all(isinstance(value, float) for value in read.values())
    assert {each.dataset_split for each in found.eval_results} == {"test"}
    assert found.library_name == "onecycle"


def test_tiny_values_stay_numbers_and_a_license_is_told(problem):
    made = problem("points")
    made.judge("mse", (1e-5, 2e-5, 3e-5), 0.1)
    found = ModelCard(written(made, license="cc-by-4.0")).data
    assert found.license == "cc-by-4.0"
    assert {each.metric_type: each.metric_value for each in found.eval_results}["mse"] == 2e-5


def test_it_tells_slices_decision_uses_and_what_the_score_leaves_out(problem):
    made = problem("category")
    table = pd.DataFrame({
        "column": ["<b>where</b>"] * 45, "value": ["a|b"] * 45, "n": range(45),
        "metric": ["accuracy"] * 45, "score": [0.5] * 45,
        "low": [0.25] + [None] * 44, "high": [0.75] + [None] * 44,
    })  # fmt: skip
    made.slices = table
    decision = {"temperature": 2.0, "abstain": {"below": 0.6, "max_error": 0.05}}
    made.change(made.paths.model("decision.json"), **decision,
                fitted_on={"part": "calib", "n": 1})  # fmt: skip
    made.judge("accuracy", (0.1, 0.2, 0.3), 0.2, split="valid", within_groups=True)
    page = written(made, intended_use="For vets.")
    assert "For vets." in page
    assert r"| &lt;b&gt;where&lt;/b&gt; | a\|b | 0 | 0.5 | 0.25 – 0.75 |" in page
    assert "| too few |" in page and "5 more rows" in page
    assert "divided by 2." in page and "Below a probability of 0.600" in page
    assert "Fitted on 1 calib item." in page
    assert "judged on valid, on which training was watched. New items" in page  # calib was apart
    assert "it does not say how a new group does" in page
    assert "ab" * 32 in page and "not in git" in page
    assert not re.search(r"\n{3}", page)


def test_the_same_files_give_the_same_bytes(problem):
    made = problem("rating")
    assert written(made) == written(made)


def test_it_leaves_out_nothing_of_what_the_page_warns_of(problem):
    made = problem("category")
    leaks = {"shared_groups": 0, "first": [], "cut": 0, "moved": {}}
    leaks["kinds"] = {"equal": {"found": 3, "limit": 0.1}}
    made.change(made.paths.report("split.json"), leaks=leaks, by="kfold")
    page = written(made)
    assert "Some items leak between the parts" in page
    assert "Items were drawn at random, as one of several folds. So a score on test says" in page
