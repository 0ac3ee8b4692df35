"""`dvc repro` in working trees of their own: what runs, what does not, and that files are equal."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
STAGES = ["download", "prepare", "split", "lr_find", "train", "calibrate", "evaluate"]
# Short forms of two samples: the graph is walked as ever, only less is learnt.
SHORT = """
run: [sample_pets, sample_movielens]
problems:
  sample_pets:
    train: {unfrozen: {epochs: 1, lr: 1e-3}}
  sample_movielens:
    train: {unfrozen: {epochs: 2}}
"""


def shell(tree: Path, *command: str) -> str:
    """Runs a command in a tree, with this interpreter as `python`; gives what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def clone(folder: Path) -> Path:
    """A tree with the project's files as git has or would have them, and short recipes."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shell(folder, "git", "init", "-q")
    (folder / "short.yaml").write_text(SHORT)
    shell(folder, "python", "-m", "tasks", "set", "@short.yaml")
    shell(folder, "git", "add", ".")
    shell(folder, "git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x")
    return folder


def ran(output: str) -> list[str]:
    """The stages that `dvc repro` ran."""
    return re.findall(r"Running stage '([^']+)'", output)


def hashes(tree: Path) -> dict[str, str]:
    """The sha256 of every file that a stage wrote."""
    return {
        path.relative_to(tree).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("data", "models", "reports")
        for path in sorted((tree / folder).rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree in which the graph has run."""
    tree = clone(tmp_path_factory.mktemp("first"))
    output = shell(tree, "dvc", "repro")
    expected = {f"{s}@{p}" for s in STAGES for p in ("sample_pets", "sample_movielens")}
    assert set(ran(output)) == expected
    return tree


def test_a_second_run_does_nothing(first):
    assert ran(shell(first, "dvc", "repro")) == []
    assert "up to date" in shell(first, "dvc", "status")


def test_another_tree_gives_the_same_bytes(first, tmp_path):
    second = clone(tmp_path)
    shell(second, "dvc", "repro")
    assert hashes(second) == hashes(first)
    assert len(hashes(first)) > 40


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
        ("problems.sample_movielens.train.unfrozen.epochs=1", "train"),
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


def test_experiments_take_settings(first):
    name = "problems.sample_movielens.train.unfrozen.epochs=3"
    shell(first, "git", "add", ".")
    shell(first, "git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "y")
    output = shell(first, "dvc", "exp", "run", "-S", "run=[sample_movielens]", "-S", name)
    assert ran(output) == [f"{s}@sample_movielens" for s in ("train", "calibrate", "evaluate")]
