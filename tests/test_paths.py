"""Outputs appear whole or not at all."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from onecycle import paths
from onecycle.errors import DiskError
from onecycle.foreign import write_csv
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


def dead() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_two_that_sweep_the_same_harm_neither(tmp_path, monkeypatch):
    """The other process removes a left-over between this one's look and its own removal."""
    (tmp_path / f".x.{dead()}.partial").mkdir()
    remove = paths.remove

    def beaten(path: Path) -> None:
        remove(path)
        if path.name != paths.temporary(tmp_path / "x").name:
            raise FileNotFoundError(2, "no such file", str(path))

    monkeypatch.setattr(paths, "remove", beaten)
    paths.write_json(tmp_path / "x", {})
    assert entries(tmp_path) == {"x"}


@pytest.mark.trial("disk", "the disk is taken away, and only its empty mount point is left", "told")
def test_a_disk_whose_mount_point_stays_has_vanished_too(disk):
    with pytest.raises(DiskError, match="its folder has vanished"), whole(disk / "new") as it:
        it.write_text("some")
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.trial("disk", "a folder is removed while a table is written into it", "told in words")
def test_a_table_whose_folder_vanishes_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "point", lambda *_: paths.remove(tmp_path / "a"))
    with pytest.raises(DiskError, match="its folder has vanished"):
        write_csv(tmp_path / "a" / "x.csv", pd.DataFrame({"n": [1]}))
