"""What DVC keeps of a tree, and its settings, are this user's only."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from trees import ROOT

from flows import doctor, private
from flows.graph import main as graph

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")
LOCAL = Path(".dvc/config.local")


def mode(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def bare(toy, monkeypatch):
    """The toy repository, in which nobody has named a folder for DVC's state."""
    monkeypatch.delenv("DVC_SITE_CACHE_DIR")
    return toy


def test_dvc_keeps_its_state_in_the_tree_and_only_this_user_gets_at_it(bare):
    private.settle()
    site = bare / ".dvc/tmp/site"
    assert mode(site) == 0o700 and mode(LOCAL) == 0o600
    assert graph() == 0
    assert list((site / "repo").iterdir())
    before = LOCAL.read_text()
    private.settle()
    assert LOCAL.read_text() == before
    (bare / "sub").mkdir()
    shown = subprocess.run(
        [sys.executable, "-m", "dvc", "config", "core.site_cache_dir"],
        cwd=bare / "sub",
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == str(site)  # from wherever in the tree


def test_a_folder_that_somebody_named_stays_unless_it_is_gone_or_everybodys(bare):
    named = bare / "named"
    named.mkdir(mode=0o750)
    LOCAL.write_text(f"[core]\n    site_cache_dir = {named}\n")
    LOCAL.chmod(0o644)
    private.settle()
    assert str(named) in LOCAL.read_text() and mode(LOCAL) == 0o600
    named.chmod(0o777)
    private.settle()
    assert str(named) not in LOCAL.read_text()
    LOCAL.write_text(f"['remote \"a\"']\n    password = x\n[core]\n    site_cache_dir = {named}2\n")
    private.settle()
    assert "password = x" in LOCAL.read_text() and str(named) not in LOCAL.read_text()
    shutil.rmtree(bare / ".dvc/tmp/site")
    umask = os.umask(0)
    (bare / ".dvc/tmp/site/repo").mkdir(parents=True)  # as DVC makes it
    os.umask(umask)
    private.settle()
    assert mode(bare / ".dvc/tmp/site") == 0o700


def test_a_linked_tree_has_the_main_ones(bare):
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@x"]
    subprocess.run([*command, "add", "."], check=True)
    subprocess.run([*command, "commit", "-qm", "x"], check=True)
    subprocess.run(["git", "worktree", "add", "-q", "linked"], check=True, capture_output=True)
    os.chdir("linked")
    private.settle()
    assert f"site_cache_dir = {bare}/.dvc/tmp/site" in LOCAL.read_text()


SECRETS = """
['remote "store"']
    url = ssh://host/path
    password = CANARY
    ask_password = true
    keyfile = ~/.ssh/key
['remote "bucket"']
    url = s3://bucket
    access_key_id = AKIA
    secret_access_key = CANARY
['remote "web"']
    url = https://me:CANARY@host/path
"""


def test_the_doctor_names_secrets_that_git_would_keep_and_mends_the_rest(bare, capsys):
    config = Path(".dvc/config")
    config.write_text(config.read_text() + SECRETS)
    assert doctor.main(["--dry"]) == 1
    said = capsys.readouterr().out
    assert "would be: DVC keeps what it knows of files where all users may write" in said
    for what in ("password of the remote store", "key of the remote bucket", "url of the remote"):
        assert what in said
    assert said.count("is a secret") == 3 and "CANARY" not in said
    assert not LOCAL.exists()
    doctor.main([])
    assert "from now on in .dvc/tmp/site" in capsys.readouterr().out
    doctor.main([])
    assert "from now on" not in capsys.readouterr().out


def test_this_projects_settings_tell_nobody_anything():
    settings = (ROOT / ".dvc" / "config").read_text()
    assert "analytics = false" in settings and "check_update = false" in settings
    ignored = (ROOT / ".dvc" / ".gitignore").read_text().split()
    assert "/config.local" in ignored and "/tmp" in ignored
