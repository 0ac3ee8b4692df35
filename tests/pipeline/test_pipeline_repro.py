"""`dvc repro` in working trees of their own: what runs, what does not, and that files are equal."""

from pathlib import Path

import pytest
from trees import clone, commit, hashes, ran, shell

pytestmark = pytest.mark.slow
STAGES = ["download", "prepare", "split", "lr_find", "train", "calibrate", "evaluate"]
# Short forms of two samples: the graph is walked as ever, only less is learnt.
SHORT = """
run: [sample_pets, sample_movielens]
problems:
  sample_pets:
    lr_find: {steps: 40}
    train: {unfrozen: {epochs: 1, lr: 1e-3}}
  sample_movielens:
    train: {unfrozen: {epochs: 2}}
"""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree in which the graph has run."""
    tree = clone(tmp_path_factory.mktemp("first"), SHORT)
    output = shell(tree, "dvc", "repro")
    expected = {f"{s}@{p}" for s in STAGES for p in ("sample_pets", "sample_movielens")}
    assert set(ran(output)) == expected
    return tree


def test_a_second_run_does_nothing(first):
    assert ran(shell(first, "dvc", "repro")) == []
    assert "up to date" in shell(first, "dvc", "status")


def test_another_tree_gives_the_same_bytes(first, tmp_path):
    second = clone(tmp_path, SHORT)
    shell(second, "dvc", "repro", "evaluate@sample_pets")  # test_pipeline_flow has the other
    here, there = hashes(second), hashes(first)
    assert here == {path: sha for path, sha in there.items() if "/sample_pets/" in path}
    assert len(here) > 30


def test_no_output_tells_where_or_when_it_was_made(first):
    for path in first.glob("reports/**/*"):
        if path.suffix in {".json", ".csv", ".html"}:
            assert str(first) not in path.read_text()


def test_metrics_params_and_plots_work(first, tmp_path):
    assert "accuracy" in shell(first, "dvc", "metrics", "show")
    shell(first, "dvc", "plots", "show", "-o", str(tmp_path / "plots"))
    assert (tmp_path / "plots" / "index.html").is_file()


@pytest.mark.parametrize(
    ("setting", "from_stage"),
    [
        ("problems.sample_movielens.split.seed=7", "split"),
        ("problems.sample_movielens.calibrate.coverage=0.8", "calibrate"),
        ("problems.sample_movielens.evaluate.draws=200", "evaluate"),
    ],
)
def test_a_changed_section_runs_that_problem_from_its_stage_on(first, setting, from_stage):
    before = (first / "params.yaml").read_bytes()
    lock = (first / "dvc.lock").read_bytes()
    shell(first, "python", "-m", "tasks", "set", setting)
    assert setting.split("=")[0] in shell(first, "dvc", "params", "diff")
    output = shell(first, "dvc", "repro")
    later = STAGES[STAGES.index(from_stage) :]
    assert ran(output) == [f"{stage}@sample_movielens" for stage in later]
    (first / "params.yaml").write_bytes(before)
    (first / "dvc.lock").write_bytes(lock)
    shell(first, "dvc", "checkout", "--force")


def test_ratings_need_no_torchvision(first, tmp_path):
    """To import it takes longer than most stages of ratings do."""
    (tmp_path / "torchvision.py").write_text("raise ImportError('not for ratings')")
    for stage in ("prepare", "lr_find", "train", "calibrate", "evaluate"):
        path = f"PYTHONPATH={tmp_path}"
        shell(first, "env", path, "python", "-m", "tasks", stage, "sample_movielens")
    refused = shell(first, "env", path, "python", "-m", "tasks", "lr_find", "sample_pets", status=1)
    assert "not for ratings" in refused


def test_experiments_take_settings(first):
    name = "problems.sample_movielens.calibrate.coverage=0.85"
    commit(first)
    output = shell(first, "dvc", "exp", "run", "-S", "run=[sample_movielens]", "-S", name)
    assert ran(output) == [f"{stage}@sample_movielens" for stage in ("calibrate", "evaluate")]
