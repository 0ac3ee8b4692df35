"""Git's tags as a registry: what GTO reads of them, and that two at once can't both win."""

import errno
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import gto.api
import pytest
from trees import ROOT, shell

from flows.versions import origin, revisions
from flows.versions.registry import LostError, Registry, named
from flows.versions.revisions import commit_of
from onecycle.errors import UserError
from onecycle.foreign import masked


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository with four commits, `c0` to `c3` by their tags: the current folder."""
    folder = tmp_path / "repo"
    folder.mkdir()
    shell(folder, "git", "init", "-q")
    shell(folder, "git", "config", "user.name", "x")
    shell(folder, "git", "config", "user.email", "x@x")
    for at in range(4):
        (folder / "file").write_text(str(at))
        shell(folder, "git", "add", ".")
        shell(folder, "git", "commit", "-qm", str(at))
        shell(folder, "git", "tag", f"c{at}")
    monkeypatch.chdir(folder)
    return folder


def assign(at, stage="production"):
    return Registry.read("pets").assign(commit_of(f"c{at}"), stage, f"commit {at}")


def commit_on(problem, stage):
    """The commit that is there, if any."""
    return next(reversed(Registry.read(problem).line(stage)), None)


def in_stage(stage="production"):
    """What GTO says is there."""
    (found,) = gto.api.find_versions_in_stage(".", "pets", stage)
    return found.version


def test_the_first_gets_a_version_and_gto_reads_it(repo):
    assert commit_on("pets", "production") is None
    assert assign(0) == ["pets#production#1", "pets@v1.0.0"]
    assert commit_on("pets", "production") == commit_of("c0")
    assert in_stage() == "v1.0.0"
    assert assign(1) == ["pets#production#2", "pets@v1.1.0"]
    assert assign(1, "staging") == ["pets#staging#3"]
    assert (in_stage(), in_stage("staging")) == ("v1.1.0", "v1.1.0")
    assert "commit 1" in shell(repo, "git", "tag", "-n1", "-l", "pets@v1.1.0")


def test_who_is_put_back_takes_the_later_ones_away(repo):
    for at in (0, 1, 2):
        assign(at)
    line = Registry.read("pets").line("production")
    assert line == [commit_of(f"c{at}") for at in (0, 1, 2)]
    assert assign(1) == ["pets#production#4", "pets#production!#5"]
    assert Registry.read("pets").line("production") == line[:2]
    assert in_stage() == "v1.1.0"
    assign(3)
    assert Registry.read("pets").line("production") == [*line[:2], commit_of("c3")]
    assign(2)  # of an older version
    assert Registry.read("pets").line("production") == line
    assert in_stage() == "v1.2.0"


def test_gto_sees_what_is_seen_here_whatever_was_done(repo):
    draw = random.Random(0)
    for _ in range(8):
        at, stage = draw.randrange(4), draw.choice(["production", "staging"])
        assign(at, stage)
        version = Registry.read("pets").versions[commit_of(f"c{at}")]
        assert commit_on("pets", stage) == commit_of(f"c{at}")
        assert in_stage(stage) == version


def test_what_people_do_by_gto_counts(repo):
    assign(0)
    gto.api.register(".", "pets", "c1", version="v2.0.0")
    time.sleep(1.1)  # GTO orders by whole seconds
    gto.api.assign(".", "pets", "production", version="v2.0.0")
    assert commit_on("pets", "production") == commit_of("c1")
    assert assign(2) == ["pets#production#3", "pets@v2.1.0"]
    gto.api.unassign(".", "pets", stage="production", version="v2.1.0")
    assert commit_on("pets", "production") == commit_of("c1")
    gto.api.register(".", "pets_big", "c3")
    shell(repo, "git", "tag", "pets#production#9", "c3")  # a light one, which GTO leaves out
    assert Registry.read("pets").line("production")[-1] == commit_of("c1")
    assert Registry.read("pets").version("v2.0.0") == commit_of("c1")
    with pytest.raises(UserError, match=r"pets@v3\.0\.0: no such version"):
        Registry.read("pets").version("v3.0.0")


def test_a_decision_against_a_champion_that_is_none_any_more_is_lost(repo):
    before = Registry.read("pets")
    assign(0)
    tags = shell(repo, "git", "for-each-ref")
    with pytest.raises(LostError, match="somebody else has promoted pets meanwhile"):
        before.assign(commit_of("c1"), "production", "late")
    assert shell(repo, "git", "for-each-ref") == tags


RACE = """
import sys, time
from pathlib import Path
from flows.versions.registry import LostError, Registry
from flows.versions.revisions import commit_of
commit, registry = commit_of(sys.argv[1]), Registry.read("pets")
print("ready", flush=True)
while not Path("go").exists():
    time.sleep(0.001)
try:
    print(registry.assign(commit, "production", sys.argv[1]))
except LostError:
    print("lost")
"""


def test_of_many_at_once_one_wins_and_the_others_are_told(repo):
    command = [sys.executable, "-c", RACE]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    options = {"stdout": subprocess.PIPE, "text": True, "env": environment, "cwd": repo}
    racers = [subprocess.Popen([*command, f"c{at}"], **options) for at in range(3)]
    for each in racers:
        assert each.stdout.readline() == "ready\n"
    Path("go").touch()
    said = [each.communicate(timeout=60)[0].strip() for each in racers]
    assert sorted(said) == ["['pets#production#1', 'pets@v1.0.0']", *["lost"] * 2]
    won = next(at for at, each in enumerate(said) if each != "lost")
    assert commit_on("pets", "production") == commit_of(f"c{won}")


def test_of_two_clones_one_wins_and_the_other_keeps_no_tag(repo, tmp_path, monkeypatch):
    for name in ("ann", "bob"):
        shell(tmp_path, "git", "clone", "-q", str(repo), name)
        for key in ("user.name", "user.email"):
            shell(tmp_path / name, "git", "config", key, name)
        shell(tmp_path / name, "dvc", "init", "-q")
    found = {}
    for name in ("ann", "bob"):
        monkeypatch.chdir(tmp_path / name)
        origin.pull_tags("pets", "origin")
        found[name] = Registry.read("pets")
    monkeypatch.chdir(tmp_path / "ann")
    origin.push(commit_of("c0"), found["ann"].assign(commit_of("c0"), "production", ""), "origin")
    monkeypatch.chdir(tmp_path / "bob")
    tags = found["bob"].assign(commit_of("c1"), "production", "")
    with pytest.raises(LostError, match="another clone has promoted meanwhile"):
        origin.push(commit_of("c1"), tags, "origin")
    assert commit_on("pets", "production") is None
    origin.pull_tags("pets", "origin")
    assert commit_on("pets", "production") == commit_of("c0")
    with pytest.raises(UserError, match="could not be pushed"):
        origin.push(commit_of("c1"), assign(1), "nowhere")
    assert commit_on("pets", "production") == commit_of("c0")


@pytest.mark.parametrize(
    ("error", "told"), [(ConnectionError("x"), UserError), (KeyboardInterrupt, KeyboardInterrupt)]
)
def test_whatever_ends_a_push_no_tag_stays(repo, monkeypatch, error, told):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(origin, "Repo", broken)
    with pytest.raises(told):
        origin.push(commit_of("c0"), assign(0), "origin")
    assert commit_on("pets", "production") is None


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "No space left on device.*free some"),
        (FileNotFoundError(errno.ENOENT, "x"), "it is missing: neither"),
        (
            ConnectionResetError(errno.ECONNRESET, "reset by https://ann:hush@host"),
            "by https://host",
        ),
    ],
)
def test_why_a_bundle_can_t_be_had_is_told(repo, monkeypatch, error, told):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(revisions, "Repo", broken)
    with pytest.raises(UserError, match=told):
        revisions.bundle("pets", "c" * 40)


@pytest.mark.parametrize("problem", ["pets_", "a b", "-x"])
def test_a_name_that_gto_does_not_take_is_refused(repo, problem):
    with pytest.raises(UserError, match="expected letters, digits"):
        Registry.read(problem)


def test_what_is_no_name_of_the_registry_is_a_folder(repo):
    assert named("models/pets") is None
    (repo / "a@b").mkdir()
    assert named("a@b") is None and named("x/pets@production") is None
    with pytest.raises(UserError, match="no model is on that stage"):
        named("pets@production")
    with pytest.raises(UserError, match="no git revision, nor a DVC experiment"):
        commit_of("nowhere")


def test_no_password_of_a_url_is_told(repo):
    shell(repo, "git", "remote", "add", "far", "http://ann:hush@127.0.0.1:1/repo.git")
    with pytest.raises(UserError, match="127") as raised:
        origin.pull_tags("pets", "far")
    assert "hush" not in str(raised.value)
    assert masked("push to https://ann:hu@sh@host/x and http://host of train@pets") == (
        "push to https://host/x and http://host of train@pets"
    )
