"""Secrets that sing: planted where a user keeps some, and looked for in all that a run leaves."""

import base64
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

SECRET = f"canary-{secrets.token_hex(8)}"
LOGIN = f"me:{SECRET}"
FORMS = (SECRET.encode(), base64.b64encode(LOGIN.encode()).rstrip(b"="))
# What is the secrets' own place, and no output of anything.
THEIRS = (".dvc/config.local", ".git/config", ".onecycle/prefect/login", ".netrc")
ENVIRONMENT = {
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": SECRET,
    "HTTPS_PROXY": f"http://{LOGIN}@127.0.0.1:9",
    "MLFLOW_TRACKING_PASSWORD": SECRET,
    "ONECYCLE_WEBHOOK": f"http://127.0.0.1:9/{SECRET}",
    "SOME_PASSWORD": SECRET,
}
REMOTE = f"""
['remote "elsewhere"']
    url = ssh://127.0.0.1:9/elsewhere
    user = me
    password = {SECRET}
"""


def plant(tree: Path, home: Path) -> list[str]:
    """Plants secrets in a tree's settings and a user's home; gives those of the environment.

    They are in the form in which `env` takes them.
    """
    with (tree / ".dvc" / "config.local").open("a") as settings:
        settings.write(REMOTE)
    origin = ["git", "remote", "add", "hosted", f"https://{LOGIN}@127.0.0.1:9/x.git"]
    subprocess.run(origin, cwd=tree, check=True)
    netrc = home / ".netrc"
    netrc.write_text(f"machine example.org login me password {SECRET}\n")
    netrc.chmod(0o600)
    return [f"HOME={home}", *(f"{name}={value}" for name, value in ENVIRONMENT.items())]


def sung(folder: Path) -> Iterator[str]:
    """The files under a folder, and git's objects there, that tell a secret."""
    forms = list(FORMS)
    for own in folder.rglob(".onecycle/prefect/login"):
        forms.append(own.read_bytes().partition(b":")[2])
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.as_posix().endswith(THEIRS):
            told = path.read_bytes() + path.name.encode()
            if path.suffix == ".parquet":
                told += str(pq.read_table(path).to_pydict()).encode()
            if any(form in told for form in forms):
                yield path.relative_to(folder).as_posix()
    for git in folder.rglob(".git"):
        command = ["git", "cat-file", "--batch", "--batch-all-objects", "--unordered"]
        objects = subprocess.check_output(command, cwd=git.parent)
        if any(form in objects for form in forms):
            yield f"git's objects in {git.parent.name}"
