"""Versions of data and models on remotes, a clone that has them, and that no secret goes with them.

One tree for all: its first version is made by the flow, with secrets planted around it; the second
by DVC alone, from data that has changed at its source.
"""

import json
import re
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import canaries
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sshd
from hostile import PROBLEM
from trees import clone, commit, hashes, ran, rows, shell

pytestmark = pytest.mark.slow
STAGES = ["download", "prepare", "split", "lr_find", "train", "calibrate", "evaluate"]
MODEL, RATINGS = "models/own", "data/own/raw/u.data"
READ = "{reader: ratings, path: u.data, x: [user, item], y: rating}"


@dataclass
class Project:
    """A project with a remote.

    Attributes:
        tree: its main working tree.
        source: the folder from which its data comes.
        store: the folder of its DVC remote.
        home: the home of its user.
        first: the sha256 of each file of its first version.
        said: all that its first run printed.
        secrets: what `env` takes, for a command that is to know secrets.
    """

    tree: Path
    source: Path
    store: Path
    home: Path
    first: dict[str, str]
    said: str
    secrets: list[str]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Project:
    """The first version, committed, tagged `v1`, and pushed."""
    top = tmp_path_factory.mktemp("remotes")
    source, store, home, tree = (top / each for each in ("source", "store", "home", "tree"))
    for each in (source, home):
        each.mkdir()
    generator = np.random.default_rng(0)
    found = [(user, item) for user in range(40) for item in range(20) if generator.random() < 0.6]
    given = "".join(f"{u}\t{i}\t{generator.integers(1, 6)}\t{1000 + u}\n" for u, i in found)
    (source / "u.data").write_text(given)
    patch = PROBLEM.replace("folder: photos", f"folder: {source}").replace("PREPARE", READ)
    patch = patch.replace("SPLIT", "random").replace("ARCH", "dot_bias")
    clone(tree, "run: [own]\n" + patch.replace("BATCH", "batch_size: 16"))
    shutil.copytree(empty_database, tree / ".onecycle" / "prefect")
    secrets = canaries.plant(tree, home)
    said = shell(tree, "env", *secrets, "python", "-m", "flows.pipeline")
    shell(tree, "dvc", "remote", "add", "-q", "-d", "store", str(store))
    commit(tree)
    shell(tree, "git", "tag", "v1")
    assert "files pushed" in shell(tree, "dvc", "push")
    return Project(tree, source, store, home, hashes(tree), said, secrets)


def cloned(project: Project, folder: Path) -> Path:
    """A fresh clone of git's, of the first version, without data."""
    shell(folder, "git", "clone", "-q", "--branch", "v1", str(project.tree), "clone")
    assert hashes(folder / "clone") == {}
    return folder / "clone"


def test_a_fresh_clone_that_pulls_predicts_at_once_and_has_nothing_to_run(project, tmp_path):
    clone = cloned(project, tmp_path)
    shell(clone, "dvc", "pull", *(f"{stage}@own" for stage in STAGES[3:]))
    (tmp_path / "asked.csv").write_text("user,item\n3,4\n5,6\n")
    asked = ("python", "-m", "tasks", "predict", MODEL, str(tmp_path / "asked.csv"))
    shell(clone, *asked, "-o", str(tmp_path / "answers.csv"))
    assert len(pd.read_csv(tmp_path / "answers.csv")) == 2
    assert not (clone / "data").exists()
    shell(clone, "dvc", "pull")
    assert hashes(clone) == project.first
    assert ran(shell(clone, "dvc", "repro")) == []
    assert shell(clone, "git", "status", "--porcelain") == ""


def test_the_same_by_ssh_but_not_with_an_impostor(project, tmp_path):
    home, keys = tmp_path / "home", tmp_path / "keys"
    keys.mkdir()
    env = ("env", f"HOME={home}")
    with sshd.served(keys, home) as port:
        clone = cloned(project, tmp_path)
        for tree in (project.tree, clone):
            added = ("dvc", "remote", "add", "--local", "-q", "far", f"ssh://store{tmp_path}/far")
            shell(tree, *added)
        assert "files pushed" in shell(project.tree, *env, "dvc", "push", "-r", "far")
        sshd.know(keys, port, "impostor")
        shell(clone, *env, "dvc", "pull", "-r", "far", status=1)
        assert hashes(clone) == {}
        sshd.know(keys, port, "host")
        shell(clone, *env, "dvc", "pull", "-r", "far")
        assert hashes(clone) == project.first


def test_a_new_version_of_the_data_is_another_lock_and_git_compares_the_two(project, tmp_path):
    tree = project.tree
    change(project.source)
    forced = shell(tree, "dvc", "repro", "--single-item", "--force", "download@own")
    assert ran(forced) == ["download@own"]
    assert ran(shell(tree, "dvc", "repro")) == [f"{stage}@own" for stage in STAGES[1:]]
    commit(tree)
    shell(tree, "git", "tag", "v2")
    told = json.loads(shell(tree, "dvc", "diff", "v1", "v2", "--json"))
    assert "data/own/raw/README" in [each["path"] for each in told["added"]]
    changed = {each["path"] for each in told["modified"]}
    assert {RATINGS, "data/own/source.json", f"{MODEL}/model.safetensors"} <= changed
    locks = [shell(tree, "git", "show", f"{each}:dvc.lock") for each in ("v1", "v2")]
    raw = [re.search(r"path: data/own/raw\n\s+hash: md5\n\s+md5: (\S+)", it)[1] for it in locks]
    assert raw[0] != raw[1]
    compared = json.loads(shell(tree, "dvc", "metrics", "diff", "v1", "v2", "--json"))
    score = compared["reports/own/metrics.json"]["rmse"]
    assert score["new"] - score["old"] == pytest.approx(score["diff"]) and score["diff"]
    shell(tree, "dvc", "push")
    clone = cloned(project, tmp_path)  # of the first version, which the remote still has
    shell(clone, "dvc", "pull")
    assert hashes(clone) == project.first != hashes(tree)


def change(source: Path) -> None:
    """Mends a rating, adds those of two users, and a file."""
    file = source / "u.data"
    first, *others = file.read_text().splitlines()
    user, item, rating, when = first.split("\t")
    mended = "\t".join([user, item, "1" if rating == "5" else "5", when])
    more = [f"{user}\t{item}\t5\t2000" for user in (40, 41) for item in range(20)]
    file.write_text("\n".join([mended, *others, *more]) + "\n")
    (source / "README").write_text("Two users more.\n")


def test_no_secret_is_in_what_a_run_leaves_prints_or_pushes(project):
    top = project.tree.parent
    refused = "problems.own.download={archives: [{url: 'https://LOGIN@example.org/a.zip'}]}"
    said = shell(
        project.tree,
        *("env", *project.secrets, "python", "-m", "flows.pipeline", "--set"),
        refused.replace("LOGIN", canaries.LOGIN),
        status=1,
    )
    assert "~/.netrc" in said
    assert rows(project.tree, "select state_name from flow_run") == [("Completed",)]
    doctor = shell(project.tree, "env", *project.secrets, "python", "-m", "flows.doctor")
    assert not any(form.decode() in said + doctor + project.said for form in canaries.FORMS)
    assert list(canaries.sung(top)) == []
    assert len(list(top.rglob("*"))) > 300 and project.store.is_dir()


def test_the_search_for_secrets_finds_them(tmp_path):
    told = canaries.SECRET
    (tmp_path / "log").write_text(f"… {told} …")
    pq.write_table(pa.table({"a": [told] * 100}), tmp_path / "a.parquet")
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("create table a (b)")
        database.execute("insert into a values (?)", (json.dumps({"url": f"http://{told}@x"}),))
    database.close()
    (tmp_path / "git").mkdir()
    shell(tmp_path / "git", "git", "init", "-q")
    (tmp_path / "git" / "a").write_text(told)
    commit(tmp_path / "git")
    (tmp_path / "git" / "a").unlink()
    assert set(canaries.sung(tmp_path)) == {"log", "a.parquet", "a.db", "git's objects in git"}
