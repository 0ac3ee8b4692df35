"""Differences to the last run and to the champion, and where the champion is found."""

import json
import shutil
from pathlib import Path

import pytest
from trees import shell

from flows.shown import standing, tables
from flows.shown.standing import Metrics, Standing
from flows.versions.champion import Champion
from flows.versions.registry import Registry

INTERVALS = {
    "accuracy": {"value": 0.8, "low": 0.7, "high": 0.9, "n": 1200, "split": "test"},
    "baseline_accuracy": {"value": 0.1, "low": 0.1, "high": 0.1, "n": 1200, "split": "test"},
    "nll": {"value": 1.5, "low": 1.48, "high": 1.52, "n": 1200, "split": "test"},
}
INTERVAL = "95 % interval"
NOW = Metrics("this-run", {"accuracy": 0.8, "nll": 1.5}, "abc")


def stand(last=None, best=None):
    return Standing("a", "category", INTERVALS, NOW, last, best)


@pytest.mark.parametrize(
    ("metric", "before", "split", "said"),
    [
        ("accuracy", 0.75, "abc", "+0.05 ▲"),
        ("accuracy", 0.9, "abc", "-0.10 ▼"),
        ("nll", 1.4, "abc", "+0.100 ▼"),  # the lower the better
        ("nll", 1.75, "abc", "-0.250 ▲"),
        ("nll", 1.5001, "abc", "="),
        ("accuracy", 0.75, "other", "+0.05 ▲ †"),
        ("accuracy", 0.8, None, "= †"),
        ("f1_macro", 0.8, "abc", ""),
    ],
)
def test_a_difference_has_its_sign_whether_it_is_better_and_whether_it_compares(
    metric, before, split, said
):
    then = Metrics("then", {metric: before}, split)
    assert stand(last=then).differences(metric) == (said, "")
    assert stand(best=then).differences(metric) == ("", said)


def test_tables_have_the_columns_that_say_something():
    assert tables.metrics(stand())[0] == ["metric", "value", INTERVAL, "trivial", ""]
    then, best = Metrics("red-fox", {"nll": 1.0}, "abc"), Metrics("a@v1.0.0", {}, None)
    head, accuracy, nll = tables.metrics(stand(then, best))
    assert head[1:5] == ["value", "since last run, `red-fox`", "to champion, `a@v1.0.0`", INTERVAL]
    assert accuracy == ["Accuracy ↑", "0.80", "", "", "0.70 – 0.90", "0.10", "✓"]
    assert nll[1:5] == ["1.500", "+0.500 ▼", "", "1.480 – 1.520"]


@pytest.fixture
def measured(empty_repo, tmp_path, monkeypatch):
    """A repository whose stage of problem `a` wrote metrics, all in one commit."""
    folder = tmp_path / "tree"
    shutil.copytree(empty_repo, folder)
    monkeypatch.chdir(folder)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "x")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "x@x")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    outs = "reports/a/metrics.json, models/a/lineage.json"
    Path("dvc.yaml").write_text(f"stages: {{evaluate: {{cmd: 'true', outs: [{outs}]}}}}\n")
    write("models/a/decision.json", {"kind": "category"})
    write("reports/a/intervals.json", INTERVALS)
    record(0.7, "abc")
    return folder


def write(path, value):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(value))


def measure(accuracy, split):
    write("reports/a/metrics.json", {"n": 1200, "accuracy": accuracy})
    write("models/a/lineage.json", {"split": {"by": "random", "sha256": split}})


def record(accuracy, split):
    """Measures and commits as a person does after a run; gives the commit."""
    measure(accuracy, split)
    shell(Path(), "dvc", "commit", "-fq")
    shell(Path(), "git", "add", "dvc.yaml", "dvc.lock")
    shell(Path(), "git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x")
    return shell(Path(), "git", "rev-parse", "HEAD").strip()


def promote(commit):
    """Puts a commit in production as `python -m flows.promote` does."""
    Registry.read("a").assign(commit, "production", "it was better")


def test_the_champion_is_who_is_in_production(measured):
    first = shell(measured, "git", "rev-parse", "HEAD").strip()
    assert Champion.of("a") is None
    promote(first)
    assert Champion.of("a") == Champion(first, "a@v1.0.0")
    second = record(0.75, "abc")
    Registry.read("a").assign(second, "staging", "to be tried")
    assert Champion.of("a") == Champion(first, "a@v1.0.0")
    promote(second)
    assert Champion.of("a") == Champion(second, "a@v1.1.0")
    promote(first)  # back again
    assert Champion.of("a") == Champion(first, "a@v1.0.0")
    assert Champion.of("ab") is None


def test_metrics_stand_beside_the_last_run_s_and_the_champion_s(measured):
    found = Standing.read("a", "red-fox")
    assert found.last is None and found.best is None
    assert found.differences("accuracy") == ("", "")
    standing.keep(found)
    promote(shell(measured, "git", "rev-parse", "HEAD").strip())
    measure(0.85, "other")
    found = Standing.read("a", "blue-owl")
    assert found.last == Metrics("red-fox", {"n": 1200, "accuracy": 0.7}, "abc")
    assert found.best == Metrics("a@v1.0.0", {"n": 1200, "accuracy": 0.7}, "abc")
    assert found.differences("accuracy") == ("+0.15 ▲ †", "+0.15 ▲ †")
    standing.keep(found)
    assert standing.last("a").of == "blue-owl"


@pytest.mark.parametrize("broken", ["{", "[]", '{"of": "x"}', "null"])
def test_a_damaged_last_run_is_none(tmp_path, monkeypatch, broken):
    monkeypatch.chdir(tmp_path)
    kept = Path(".onecycle/published/a.json")
    kept.parent.mkdir(parents=True)
    kept.write_text(broken)
    assert standing.last("a") is None
