"""Looks whether what lies in this tree is whole, and mends it: `python -m flows.doctor`.

Each finding is a line. What is removed is made or pulled anew by the next run. Nothing is touched
that a running process holds. `--dry` only looks.
"""

import argparse
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dvc.dvcfile import LOCK_FILE
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.rwlock import RWLOCK_FILE

from flows import private, rwlock, trees
from flows.cached import Hashes, objects, outputs, readable
from flows.connection import answers, point_at, ui_server
from flows.finding import Finding
from flows.graph import torn
from onecycle.errors import UserError
from onecycle.params import read_yaml
from onecycle.paths import home, is_left_over, main_tree, remove
from onecycle.progress import complain, say

FOLDERS = ("data", "models", "reports")
CONFLICT = b"<<<<<<<"


def main(argv: list[str] | None = None) -> int:
    """Looks and mends; status 1 if something is left to do for a person."""
    parser = argparse.ArgumentParser(prog="python -m flows.doctor", description=__doc__)
    parser.add_argument("--dry", action="store_true", help="only say what would be done")
    arguments = parser.parse_args(argv)
    left = found = 0
    try:
        for finding in findings():
            found += 1
            left += finding.mend is None
            say(("would be: " if arguments.dry and finding.mend else "") + finding.what)
            if finding.mend and not arguments.dry:
                finding.mend()
    except DvcException as error:
        complain(UserError(f"dvc: {error}"))
        return 1
    except UserError as error:
        complain(error)
        return 1
    say(studies())
    if not found:
        say("all is whole")
    elif not (left or arguments.dry):
        say("mended; run again to have made what was removed")
    return 1 if left else 0


def findings() -> Iterator[Finding]:
    """All that is to be said, in an order in which one mended makes the next possible."""
    with Repo(_wait_for_lock=True) as repo, repo.lock:
        yield from holders(repo)
        yield from lock_file(repo)
        seen = Hashes()
        damaged: set[str] = set()
        yield from objects(repo, seen, damaged)
        yield from outputs(repo, seen, damaged)
    yield from temporaries()
    yield from checkpoints()
    yield from left_trees()
    yield from runs()
    yield from private.ours()  # last: DVC's state, which the others ask, moves
    yield from private.told()


def holders(repo: Repo) -> Iterator[Finding]:
    """DVC's list of who holds which files, torn or with the number of a process that is another."""
    mend = partial(rwlock.drop, repo)
    try:
        gone = rwlock.ended(repo)
    except ValueError:
        yield Finding(f"{RWLOCK_FILE}: half written by a DVC that was killed", mend)
        return
    if gone:
        yield Finding(f"{RWLOCK_FILE}: held by processes that have ended: {sorted(gone)}", mend)


def lock_file(repo: Repo) -> Iterator[Finding]:
    """dvc.lock, which a killed `dvc repro` may leave torn: git's own is put in its place.

    What it then lacks, DVC's cache of runs has: nothing is computed again.
    """
    path = Path(LOCK_FILE)
    if not torn() and readable(repo, path):
        return
    if CONFLICT in path.read_bytes():
        yield Finding(f"{path}: has git's marks of a conflict: settle it, or `git checkout` a side")
        return
    kept = home() / f"{path}.torn"
    known = subprocess.run(["git", "ls-files", "--error-unmatch", path], capture_output=True)
    instead = "git's is put in its place" if known.returncode == 0 else "begun anew"

    def restore() -> None:
        kept.parent.mkdir(exist_ok=True)
        path.replace(kept)
        if known.returncode == 0:
            subprocess.run(["git", "checkout", "--quiet", "--", path], check=True)

    yield Finding(f"{path}: half written by a DVC that was killed; {instead}, see {kept}", restore)


def temporaries() -> Iterator[Finding]:
    """What processes that were killed left under its temporary name."""
    folders = [*map(Path, FOLDERS), home()]
    paths = [path for folder in folders for path in folder.rglob(".*.partial")]
    for path in sorted([*paths, *Path().glob(".*.partial")]):
        if is_left_over(path):
            yield Finding(
                f"{path}: left by a process that was killed; removed", partial(remove, path)
            )


def checkpoints() -> Iterator[Finding]:
    """Checkpoints of problems that no worktree's params.yaml has any more."""
    known = set().union(*map(_problems, _worktrees()))
    for folder in sorted((home() / "checkpoints").glob("*/*")):
        if folder.parent.name not in known and _free(folder):
            yield Finding(
                f"{folder}: of a problem that is no more; removed", partial(remove, folder)
            )


def left_trees() -> Iterator[Finding]:
    """Working trees of runs that were killed; one that was kept is a person's affair."""
    for path, kept in trees.left():
        if kept:
            yield Finding(
                f"{path}: what was made there could not be kept otherwise: take what you need, "
                f"then `git worktree remove --force {path}`"
            )
        else:
            yield Finding(
                f"{path}: left by a run that was killed; removed", partial(trees.drop, path)
            )


def runs() -> Iterator[Finding]:
    """Runs that Prefect takes for living, if the server of `make ui` is there to be told."""
    server = ui_server()
    if not server or not answers(f"{server}/api", direct=True):
        return
    point_at(server)
    from prefect.client.orchestration import get_client

    from flows import living

    with get_client(sync_client=True) as client:
        for run in living.stuck(client):
            what = f"the run {run.name}: has no process, but is {run.state_name} in Prefect; ended"
            yield Finding(what, partial(living.close, client, run))


def _free(folder: Path) -> bool:
    """Whether nobody trains with these checkpoints."""
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(held)
    return True


def _worktrees() -> list[Path]:
    listed = ["git", "worktree", "list", "--porcelain"]
    done = subprocess.run(listed, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    found = [Path(line.partition(" ")[2]) for line in lines if line.startswith("worktree ")]
    return [*found, main_tree(), Path()]


def _problems(tree: Path) -> set[str]:
    path = tree / "params.yaml"
    return set(read_yaml(path).get("problems") or {}) if path.exists() else set()


def studies() -> str:
    """How much the trainings that studies have kept take."""
    folder = home() / "studies"
    kept = [each for each in folder.glob("*/*") if each.is_dir()]
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return f"studies keep {len(kept)} trainings, {size:,} bytes, in {folder}: yours to remove"


if __name__ == "__main__":
    sys.exit(main())
