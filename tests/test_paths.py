"""Outputs appear whole or not at all."""

import json
import subprocess
from pathlib import Path

import pytest

from onecycle import paths
from onecycle.paths import Paths, whole


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*")}


def test_a_failed_write_leaves_what_stood_there(tmp_path):
    file = tmp_path / "a.json"
    paths.write_json(file, {"x": 1})
    with pytest.raises(RuntimeError), whole(file) as partial:
        partial.write_text("half")
        raise RuntimeError
    assert json.loads(file.read_text()) == {"x": 1}
    assert entries(tmp_path) == {"a.json"}


def test_a_failed_folder_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), whole(tmp_path / "out") as partial:
        partial.mkdir()
        (partial / "x").touch()
        raise RuntimeError
    assert entries(tmp_path) == set()


def test_a_folder_takes_another_s_place(tmp_path):
    for name in ("old", "new"):
        with whole(tmp_path / "out") as partial:
            partial.mkdir()
            (partial / name).touch()
    assert entries(tmp_path) == {"out", "new"}


def test_nan_is_no_json(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        paths.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert entries(tmp_path) == set()


def test_linked_worktrees_share_the_main_tree(tmp_path, monkeypatch):
    main, linked = tmp_path / "main", tmp_path / "linked"
    main.mkdir()
    for command in (
        ["git", "init", "-q"],
        ["git", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x", "--allow-empty"],
        ["git", "worktree", "add", "-q", "--detach", str(linked)],
    ):
        subprocess.run(command, cwd=main, check=True, capture_output=True)
    monkeypatch.chdir(linked)
    assert paths.main_tree() == main
    assert paths.home() == main / ".onecycle"


def test_outside_git_the_current_folder_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert paths.home() == tmp_path / ".onecycle"


def test_each_problem_has_its_own_files():
    assert Paths("pets").data("items.parquet") == Path("data/pets/items.parquet")
    assert Paths("pets").model("lr.json") == Path("models/pets/lr.json")
    assert Paths("pets").report("metrics.json") == Path("reports/pets/metrics.json")


def test_an_experiment_of_dvc_s_queue_starts_at_the_tree_that_it_was_queued_in(
    tmp_path, monkeypatch
):
    clone = tmp_path / "main" / ".dvc" / "tmp" / "exps" / "tmpabc"
    clone.mkdir(parents=True)
    for folder in (tmp_path / "main", clone):
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    monkeypatch.chdir(clone)
    assert paths.main_tree() == tmp_path / "main"
