"""Working trees for runs: what they hold, how what was made is kept, which are left."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows import living, trees, verify
from flows.repro import main as repro
from flows.shown.display import tell
from flows.stage import Outcome
from onecycle.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")
GIT = ("git", "-c", "user.name=x", "-c", "user.email=x@x")


def done(*command: str, cwd: Path | None = None) -> str:
    """Runs a command; gives what it prints."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repo(toy, monkeypatch):
    """The toy repository, its stage run, all committed; its remote is named by a relative path."""
    for key in ("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(key, "x")
    monkeypatch.delenv("DVC_SITE_CACHE_DIR")
    with Path(".dvc/config").open("a") as file:
        file.write("    remote = shared\n['remote \"shared\"']\n    url = ../../remote\n")
    Path(".gitignore").write_text("/out.txt\n/runs\n/.onecycle/\n")
    assert repro(["make"]) == Outcome.COMPLETED
    done("git", "add", ".")
    done(*GIT, "commit", "-qm", "x")
    return toy


def test_a_tree_has_the_last_commit_and_its_outputs_and_no_edit(repo, monkeypatch):
    Path("params.yaml").write_text("k: 3\n")
    tree = trees.begin("a", os.getpid())
    assert (tree / "params.yaml").read_text() == "k: 1\nother: 1\n"
    assert (tree / "out.txt").read_text().startswith("k: 1")
    assert not (tree / ".dvc/cache").exists()  # it is the main tree's
    assert (tree / ".dvc/config.local").stat().st_mode & 0o77 == 0
    assert str(repo.parent / "remote") in done("dvc", "remote", "list", cwd=tree)
    assert "up to date" in done("dvc", "status", cwd=tree)
    assert done("git", "status", "--porcelain", cwd=tree) == ""
    assert list(trees.left()) == []  # for this process lives


def test_a_cache_that_all_projects_of_a_user_share_is_the_tree_s_too(repo, monkeypatch):
    everywhere = repo.parent / "everywhere"
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(everywhere))
    done("dvc", "config", "--global", "cache.dir", str(everywhere / "cache"))
    tree = trees.begin("a", os.getpid())
    for path in (repo, tree):
        assert done("dvc", "cache", "dir", cwd=path).strip() == str(everywhere / "cache")


def test_who_serves_finds_hooks_in_the_main_tree_and_makes_none(repo, monkeypatch, capsys):
    monkeypatch.delenv("PREFECT__FLOW_RUN_ID", raising=False)
    assert trees.main(["begin"]) == 1
    monkeypatch.setenv(trees.SERVED, "1")
    assert trees.main(["begin"]) == 0
    assert capsys.readouterr().out == f"{repo}\n"
    assert list(trees.folder().iterdir()) == []


def test_what_a_run_made_outlives_its_tree_and_is_pushed(repo, monkeypatch):
    for number in (2, 3):
        tree = trees.begin(str(number), os.getpid())
        monkeypatch.chdir(tree)
        with trees.closed() as own:
            assert own and own.path == tree
            Path("params.yaml").write_text(f"k: {number}\nother: 1\n")
            assert repro(["make"]) == Outcome.COMPLETED
            said = trees.keep(own, "my run", completed=True)
        assert Path.cwd() == repo and not tree.exists()
        name = "my-run" if number == 2 else "my-run-2"
        assert said == f"kept as the experiment {name} and pushed"
    assert len(done("git", "worktree", "list").splitlines()) == 1
    shown = done("dvc", "exp", "show", "--csv")
    assert "my-run," in shown and "my-run-2," in shown
    done("dvc", "exp", "apply", "my-run")
    assert Path("out.txt").read_text().startswith("k: 2")
    assert len(list((repo.parent / "remote").glob("files/md5/*/*"))) == 2


def test_a_run_without_news_or_without_success_keeps_nothing(repo, monkeypatch):
    tree = trees.Tree(trees.begin("a", os.getpid()))
    monkeypatch.chdir(tree.path)
    assert trees.keep(tree, "a", completed=True) == "nothing new to keep"
    Path("params.yaml").write_text("k: 2\nother: 1\n")
    assert "the next run goes on" in trees.keep(tree, "a", completed=False)
    assert done("git", "for-each-ref", "refs/exps") == ""


def test_no_password_of_a_url_is_told(capsys):
    said = "no answer of https://ann:hush@host/x"
    with pytest.raises(UserError, match=r"^no answer of https://host/x$"):
        trees._call(sys.executable, "-c", f"import sys; sys.exit({said!r})")
    tell(said)
    assert capsys.readouterr().out == "no answer of https://host/x\n"


def test_what_cannot_be_kept_stays_and_is_a_person_s_affair(repo, monkeypatch):
    tree = trees.begin("a", os.getpid())
    monkeypatch.chdir(tree)
    with pytest.raises(UserError, match="what it made is in"), trees.closed() as own:
        Path("params.yaml").write_text("k: 2\nother: 1\n")
        Path("dvc.yaml").write_text("stages: [")
        assert own
        trees.keep(own, "a", completed=True)
    assert Path.cwd() == repo
    assert list(trees.left()) == [(tree, True)]


def test_a_tree_whose_process_is_gone_is_left_and_its_name_is_free_again(repo):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        tree = trees.begin("a", other.pid)
        assert list(trees.left()) == []
    assert list(trees.left()) == [(tree, False)]
    again = trees.begin("a", os.getpid())  # as when Prefect begins a flow run anew
    assert again == tree and list(trees.left()) == []
    trees.drop(tree)
    assert len(done("git", "worktree", "list").splitlines()) == 1


def test_the_tree_of_a_verification_that_runs_is_not_left(repo):
    with verify.clean_tree("HEAD", "p") as tree:
        assert tree.is_dir()
        assert list(trees.left()) == []


ORPHAN = """
import sys, time
sys.path.insert(0, sys.argv[1])
from flows import living
with living.watched(lambda: print("stop", flush=True)) as orphaned:
    print("begun", flush=True)
    assert orphaned.wait(60)
    print("orphaned", flush=True)
"""


def test_a_run_whose_worker_is_killed_is_stopped(tmp_path, until):
    said, root = tmp_path / "said", str(Path(living.__file__).parents[1])
    parent = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {ORPHAN!r}, {root!r}], stdout=open({str(said)!r}, "w"))
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", parent]) as worker:
        until(lambda: said.exists() and "begun" in said.read_text(), 60)
        worker.kill()
    until(lambda: "stop\norphaned\n" in said.read_text())
