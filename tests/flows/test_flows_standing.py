"""Differences to the last run and to the champion, and where the champion is found."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from trees import shell

from flows import champion, standing, tables
from flows.standing import Metrics, Standing

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
    return head()


def head():
    return subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()


def tag(*arguments):
    shell(Path(), "git", "-c", "user.name=x", "-c", "user.email=x@x", "tag", *arguments)


def test_the_last_assignment_of_the_registry_counts(measured):
    first = head()
    tag("a#production#1")
    assert champion.commit("a") == first
    assert champion.name("a", first) == first[:7]
    second = record(0.75, "abc")
    for number in range(2, 11):  # ten is more than nine
        tag(f"a#production#{number}", second if number == 10 else first)
    tag("a@v1.2.0", second)
    tag("a@v1.10.0", "-m", "as gto writes them", second)
    assert champion.commit("a") == second
    assert champion.name("a", second) == "a@v1.10.0"
    tag("a#production!#11", "-m", "taken away")
    assert champion.commit("a") is None
    tag("a#production#12", "-m", "as gto writes them", first)
    assert champion.commit("a") == first
    tag("a#staging#13", second)
    tag("ab#production#14", second)
    assert champion.commit("a") == first
    assert champion.commit("a", "staging") == second


def test_metrics_stand_beside_the_last_run_s_and_the_champion_s(measured):
    first = head()
    found = Standing.read("a", "red-fox")
    assert found.last is None and found.best is None
    assert found.differences("accuracy") == ("", "")
    standing.keep(found)
    tag("a#production#1", first)
    measure(0.85, "other")
    found = Standing.read("a", "blue-owl")
    assert found.last == Metrics("red-fox", {"n": 1200, "accuracy": 0.7}, "abc")
    assert found.best == Metrics(first[:7], {"n": 1200, "accuracy": 0.7}, "abc")
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
