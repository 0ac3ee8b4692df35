"""What DVC keeps at a git revision: files of a run that is committed, or is an experiment."""

import os
import subprocess
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import SCM, RevError, SCMError, resolve_rev
from ruamel.yaml import YAML

from onecycle.errors import UserError
from onecycle.foreign import masked
from onecycle.paths import Paths, alone, home, main_tree, remove, whole

KEPT = 5  # bundles of a problem; each is links into DVC's cache, where the file system has such


def commit_of(rev: str) -> str:
    """The commit that a branch, tag, sha or DVC experiment names.

    Raises:
        UserError: nothing has that name.
    """
    scm = SCM(str(main_tree()))
    try:
        found = resolve_rev(scm, rev)
    except (RevError, SCMError) as error:
        raise UserError(
            f"{rev}: no git revision, nor a DVC experiment, which `dvc exp show -A` lists ({error})"
        ) from None
    finally:
        scm.close()
    return git("rev-parse", "--verify", f"{found}^{{commit}}")


def git(*command: str, given: str | None = None, **environment: str) -> str:
    """Runs git in the main working tree; gives what it prints.

    Raises:
        UserError: git refuses.
    """
    done = subprocess.run(
        ["git", *command],
        cwd=main_tree(),
        env=os.environ | {"LC_ALL": "C"} | environment,  # its words are read
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise UserError(f"git {command[0]}: {masked(done.stderr.strip()) or done.returncode}")
    return done.stdout.strip()


def fetch(commit: str, names: list[str], to: Path) -> None:
    """Brings files and folders as a commit's dvc.lock has them: from the cache, else the remote.

    Args:
        commit: its sha.
        names: relative to the tree.
        to: what they lie below then.

    Raises:
        UserError: one can't be had.
    """
    name = ""
    try:
        with Repo(str(main_tree()), rev=commit) as repo:
            for name in names:
                (to / name).parent.mkdir(parents=True, exist_ok=True)
                repo.dvcfs.get(name, str(to / name), recursive=repo.dvcfs.isdir(name))
    except (DvcException, SCMError, OSError) as error:
        words = "it is missing" if isinstance(error, FileNotFoundError) else str(error)
        said = next(iter(masked(words).splitlines()), type(error).__name__)
        raise UserError(
            f"{name} of {commit[:8]}: {said}: neither DVC's cache nor its remote has it; was the "
            "problem in params.yaml's run then? `dvc fetch --all-commits` may bring it"
        ) from error


def bundle(problem: str, commit: str) -> Path:
    """A commit's `models/<problem>/`, in `.onecycle/bundles/`; the newest few are kept.

    Raises:
        UserError: it can't be had.
    """
    folder, model = home() / "bundles" / problem, Paths(problem).model()
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder):
        found = folder / commit
        if not found.exists():
            with whole(found) as partial:
                fetch(commit, [str(model)], partial)
        os.utime(found)
        newest = sorted(folder.glob("[!.]*"), key=lambda each: each.stat().st_mtime, reverse=True)
        for old in newest[KEPT:]:
            remove(old)
    return found / model


def same_run(problem: str, commit: str) -> bool:
    """Whether the working tree's dvc.lock tells of the same run of a problem as a commit's does."""
    here = Path("dvc.lock")
    text = here.read_text() if here.exists() else ""
    try:
        there = git("show", f"{commit}:./dvc.lock")
    except UserError:
        there = ""
    return _stages(text, problem) == _stages(there, problem)


def _stages(lock: str, problem: str) -> dict[str, object]:
    stages = (YAML(typ="safe").load(lock) or {}).get("stages") or {}
    return {name: each for name, each in stages.items() if name.endswith(f"@{problem}")}
