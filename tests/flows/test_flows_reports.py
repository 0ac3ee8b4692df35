"""Reports that outlive their tree, the links to them, and a run's log in MLflow."""

import json
import os
from pathlib import Path

import pytest

from flows import connection
from flows.shown import pages, reports, tracking
from onecycle.errors import UserError
from onecycle.paths import Paths


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A tree with reports of two problems."""
    monkeypatch.chdir(tmp_path)
    for problem in ("a", "b"):
        Path("reports", problem).mkdir(parents=True)
        Path("reports", problem, "report.html").write_text(f"of {problem}")
    return tmp_path


def test_the_newest_runs_reports_stay(here):
    reports.folder().mkdir(parents=True)
    (reports.folder() / "a.json").write_text("{}")
    for number in range(reports.RUNS + 3):
        kept = reports.keep(["a", "b"], f"run{number:02}")
        os.utime(kept, (number, number))
    left = sorted(path.name for path in reports.folder().iterdir())
    assert left == ["a.json", *(f"run{number:02}" for number in range(3, reports.RUNS + 3))]
    assert (kept / "b" / "report.html").read_text() == "of b"
    assert 'href="a/report.html"' in (kept / "index.html").read_text()
    Path("reports/a/report.html").write_text("another")
    assert (kept / "a" / "report.html").read_text() == "of a"


def test_a_report_that_is_missing_leaves_no_half(here):
    with pytest.raises(FileNotFoundError):
        reports.keep(["a", "lost"], "run")
    assert list(reports.folder().iterdir()) == []


def test_a_link_is_the_server_s_where_the_run_has_this_tree_s_and_else_the_file_s(
    here, monkeypatch
):
    kept = reports.keep(["a"], "run")
    monkeypatch.setattr(connection, "ui_server", lambda: "http://127.0.0.1:4200")
    monkeypatch.setattr(reports, "login", lambda: "onecycle:x")
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    served = f"http://127.0.0.1:4200{pages.prefix('onecycle:x')}/run/a/report.html"
    assert reports.links(kept, ["a"]) == {"a": served}
    assert "onecycle:x" not in served
    file = f"{kept.resolve().as_uri()}/a/report.html"
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api")
    assert reports.links(kept, ["a"]) == {"a": file}
    monkeypatch.setattr(connection, "ui_server", lambda: None)
    assert reports.links(kept, ["a"]) == {"a": file}


@pytest.fixture
def bundle(here):
    """What a tracking server is told of."""
    paths = Paths("a")
    lineage = {
        "model": {"sha256": "m"},
        "data": {"items_sha256": "i"},
        "split": {"sha256": "s"},
        "params": {"learner": {"arch": "resnet34", "augment": {}}, "train": {"lr": [1e-3, 1e-2]}},
        "code": {"commit": None},
    }
    for file, value in (
        (paths.model("lineage.json"), json.dumps(lineage)),
        (paths.report("metrics.json"), '{"n": 3, "accuracy": 0.5}'),
        (paths.report("history.csv"), "train_loss,valid_loss,metric\n3,4,0.2\n1,2,0.5\n"),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(value)
    return paths


def test_a_run_in_numbers_for_a_tracking_server(bundle):
    assert list(tracking.metrics(bundle)) == [
        ("n", 3.0, 0),
        ("accuracy", 0.5, 0),
        ("training/train_loss", 3.0, 1),
        ("training/train_loss", 1.0, 2),
        ("training/valid_loss", 4.0, 1),
        ("training/valid_loss", 2.0, 2),
        ("training/metric", 0.2, 1),
        ("training/metric", 0.5, 2),
    ]
    assert dict(tracking.flat({"a": {"b": 1, "c": {}}, "d": [1], "e": "x" * 9999})) == {
        "a.b": "1",
        "a.c": "{}",
        "d": "[1]",
        "e": "x" * tracking.LONGEST,
    }


def test_mlflow_gets_what_was_measured(bundle, monkeypatch, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="the hook for MLflow needs the extra `mlflow`")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a server takes longer to start
    assert tracking.asked()
    tracking.log("a", "red-fox", "7")
    tracking.log("a", "blue-owl", "8")
    client = mlflow.MlflowClient()
    (experiment,) = (each for each in client.search_experiments() if each.name == "a")
    last, first = client.search_runs([experiment.experiment_id])
    assert [last.info.run_name, first.info.run_name] == ["blue-owl", "red-fox"]
    assert last.info.status == "FINISHED"
    assert last.data.metrics["accuracy"] == 0.5
    assert last.data.params["learner.arch"] == "resnet34"
    assert last.data.tags["model.sha256"] == "m" and last.data.tags["prefect.flow_run"] == "8"
    history = client.get_metric_history(last.info.run_id, "training/valid_loss")
    assert [(each.step, each.value) for each in history] == [(1, 4.0), (2, 2.0)]
    assert {each.path for each in client.list_artifacts(last.info.run_id)} == {
        "lineage.json",
        "report.html",
    }


def test_without_the_package_its_remedy_is_told(bundle, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(UserError, match=r"pip install -e '.\[mlflow\]'"):
        tracking.log("a", "red-fox", "7")
