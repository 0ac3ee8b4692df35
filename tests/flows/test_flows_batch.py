"""The flow of a prediction: what it runs, and what it publishes."""

from pathlib import Path

import pytest

from flows import batch
from flows.stage import StageError
from onecycle.errors import UserError


def test_a_prediction_is_run_in_place_of_a_stage_and_tells_its_own_error(toy):
    lines = []
    runner = batch.Predictor(["models/none", "photos", "-o", "out.txt"])
    with pytest.raises(StageError, match=r"^out.txt: expected a file that ends in .parquet or"):
        runner.run("predict@none", lines.append)
    assert len(lines) == 1


def test_what_was_counted_is_a_table_and_steers_nothing():
    counted = {
        "rows": 10,
        "errors": 3,
        "reasons": {"is empty (0 bytes)": 3},
        "scores": {"labels": {"cat": 2, "dog": 4, "e\x1bvil": 1}},
    }
    assert batch.rows(counted) == [
        {"what": "rows", "count": 10},
        {"what": "answered", "count": 7},
        {"what": "is empty (0 bytes)", "count": 3},
        {"what": "label: dog", "count": 4},
        {"what": "label: cat", "count": 2},
        {"what": "label: e\\x1bvil", "count": 1},
    ]
    bare = {"rows": 1, "errors": 1, "reasons": {}, "scores": {}}
    assert batch.rows(bare)[1] == {"what": "answered", "count": 0}


def test_a_shell_s_glob_of_many_files_is_not_too_much_for_the_server():
    assert batch.brief(["a", "b"]) == ["a", "b"]
    shown = batch.brief([f"photos/{at}.jpg" for at in range(100_000)])
    assert shown[0] == "photos/0.jpg" and shown[-1] == "and 99,900 more"
    assert len(str(shown)) < 2**19


def test_a_deployed_prediction_takes_a_name_and_says_when_nobody_has_it(toy):
    assert batch.named("models/pets") == Path("models/pets")
    with pytest.raises(UserError, match="no@production: no model is on that stage"):
        batch.named("no@production")
