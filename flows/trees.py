"""A git worktree for each run that nobody watches, so that no edit beside it can enter it.

`python -m flows.trees begin` makes one for the flow run that Prefect's variables tell of, and
prints its path: a deployment's pull step (prefect.yaml). It stands at the last commit, shares DVC's
cache, and goes when its run ends (`closed`); what was made is then an experiment of DVC (`keep`).
`flows.doctor` removes those of runs that were killed.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import psutil

from flows import private
from onecycle.errors import UserError
from onecycle.foreign import masked
from onecycle.paths import alone, home, main_tree, remove
from onecycle.progress import complain, say

SERVED = "ONECYCLE_SERVED"  # the variable that `flows.deploy --serve` and its runs have
PUSH_S = 3600.0  # what a remote is given to take a run's results
OWNER = re.compile(r"process (\d+) of ([0-9.]+)")
AGAIN = "what had completed is in DVC's cache: the next run goes on from there"


@dataclass
class Tree:
    """A run's working tree.

    Attributes:
        path: where it is.
        kept: whether it stays for a person, for what was made in it could not be kept otherwise.
        hooked: whether it stays until the worker removes it (`dropped`).
    """

    path: Path
    kept: bool = False
    hooked: bool = False


def main(argv: list[str] | None = None) -> int:
    """Makes the tree of the flow run that this is a pull step of; its path is all it prints."""
    parser = argparse.ArgumentParser(prog="python -m flows.trees", description=__doc__)
    parser.add_argument("command", choices=["begin"])
    parser.parse_args(argv)
    try:
        run = os.environ.get("PREFECT__FLOW_RUN_ID")
        if run:
            say(str(begin(run, os.getppid())))
        elif os.environ.get(SERVED):  # what serves pulls too, to look for hooks: no run, no tree
            say(str(main_tree()))
        else:
            raise UserError("this is a deployment's pull step; by hand: flows.pipeline --isolated")
    except UserError as error:
        complain(error)
        return 1
    return 0


def folder() -> Path:
    """Where the trees are."""
    found = home() / "trees"
    found.mkdir(parents=True, exist_ok=True)
    return found


def begin(run: str, owner: int) -> Path:
    """Makes a run's tree, at the main tree's last commit, with all that DVC's cache has for it.

    Args:
        run: the run's name; a tree that it left when it was killed goes first.
        owner: the number of the process whose tree it is.

    Raises:
        UserError: git or DVC can't make it.
    """
    path = folder() / run
    born = psutil.Process(owner).create_time()
    with alone(folder()):
        if path.exists():
            _remove(path)
        reason = f"process {owner} of {born}"
        _call("git", "worktree", "add", "--quiet", "--detach", "--lock", "--reason", reason, path)
    configure(path)
    _call(sys.executable, "-m", "dvc", "checkout", "--quiet", "--allow-missing", cwd=path)
    return path


def configure(path: Path) -> None:
    """Gives a tree the main tree's DVC settings and cache; what DVC knows of it goes with it."""
    from dvc.config import Config, merge

    main = Config(str(main_tree() / ".dvc"))
    values = main.read("repo")
    merge(values, main.read("local"))
    local = path / ".dvc" / "config.local"
    local.touch(0o600)  # it may hold a remote's password
    with Config(str(path / ".dvc")).edit("local") as own:
        merge(own, values)
        # It may be set for all of the user's projects.
        own["cache"]["dir"] = str(main["cache"].get("dir", main_tree() / ".dvc" / "cache"))
        own["core"]["site_cache_dir"] = str(private.site(path))
    local.chmod(0o600)


@contextmanager
def closed() -> Iterator[Tree | None]:
    """Removes the tree that this process works in once its run ends, unless it is kept.

    Yields:
        It; null where the process works elsewhere, as in the main tree.
    """
    path = Path.cwd()
    tree = Tree(path) if path.parent == home() / "trees" else None
    try:
        yield tree
    finally:
        if tree and Path.cwd() == path:  # else it was closed inside
            os.chdir(main_tree())
            with alone(folder()):
                if tree.kept:
                    _call("git", "worktree", "unlock", path)
                elif not tree.hooked:
                    try:
                        _remove(path)
                    except (OSError, UserError) as error:  # what the run made is kept
                        say(f"{path} stays: {error}; `python -m flows.doctor` removes it")


def keep(tree: Tree, name: str, *, completed: bool) -> str:
    """Keeps what a run has made as an experiment of DVC, and pushes it where remotes are set.

    Args:
        tree: the run's.
        name: the run's, which the experiment has too; with a number where another has it.
        completed: whether it did; of one that did not, DVC's cache has what its stages made.

    Returns:
        What was done, in a line.

    Raises:
        UserError: it can't be kept; the tree stays.
    """
    if not completed:
        return AGAIN
    if not _call("git", "status", "--porcelain"):
        return "nothing new to keep"
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "run"
    try:
        with alone(folder()):  # DVC's own references are one for all worktrees
            taken = _call("git", "for-each-ref", "--format=%(refname:lstrip=4)", "refs/exps")
            names = chain([name], (f"{name}-{number}" for number in count(2)))
            name = next(each for each in names if each not in taken.split())
            _call(sys.executable, "-m", "dvc", "exp", "save", "--quiet", "--name", name)
    except UserError as error:
        tree.kept = True
        raise UserError(f"{error}\nwhat it made is in {tree.path}") from None
    return f"kept as the experiment {name}{push(name)}"


def push(name: str) -> str:
    """Pushes an experiment to git's remote and DVC's, as far as they are set; says how it went."""
    repositories = _call("git", "remote").split()
    git = "origin" if "origin" in repositories else next(iter(repositories), None)
    data = _call(sys.executable, "-m", "dvc", "config", "core.remote", check=False).strip()
    if not (git or data):
        return ""
    command = ["exp", "push", *([] if data else ["--no-cache"]), git, name] if git else ["push"]
    try:
        _call(sys.executable, "-m", "dvc", *command, timeout=PUSH_S)
    except UserError as error:
        return f", but not pushed: {error}; `dvc {' '.join(map(str, command))}` does it"
    return " and pushed"


def left() -> Iterator[tuple[Path, bool]]:
    """The trees of runs that are no more, each with whether it was kept for a person."""
    known = {}
    for entry in _call("git", "worktree", "list", "--porcelain", check=False).split("\n\n"):
        lines = dict(line.partition(" ")[::2] for line in entry.splitlines())
        known[lines.get("worktree")] = lines
    for path in sorted((home() / "trees").glob("[!.]*")):  # others are of `flows.verify`
        lines = known.get(str(path), {})
        if lines and "locked" not in lines:
            yield path, True
        elif not _lives(lines.get("locked", "")):
            yield path, False


def drop(path: Path) -> None:
    """Removes a tree."""
    with alone(folder()):
        _remove(path)


def dropped(flow: object, flow_run: Any, state: object) -> None:  # noqa: ANN401 - Prefect's
    """Removes the tree of a run that was cancelled or killed: a hook, run by its worker there."""
    path = home() / "trees" / str(flow_run.id)
    if path.exists():
        os.chdir(main_tree())
        drop(path)


def _remove(path: Path) -> None:
    remove(path)
    _call("git", "worktree", "unlock", path, cwd=main_tree(), check=False)
    _call("git", "worktree", "prune", cwd=main_tree())


def _lives(reason: str) -> bool:
    """Whether the process that a tree was made for is there."""
    found = OWNER.search(reason)
    if not found:
        return False
    try:
        process = psutil.Process(int(found[1]))
        ended = process.status() == psutil.STATUS_ZOMBIE  # nobody has asked how
        return not ended and process.create_time() == float(found[2])
    except psutil.NoSuchProcess:
        return False


def _call(
    *command: object, cwd: Path | None = None, timeout: float | None = None, check: bool = True
) -> str:
    """What a command prints, which nobody can answer.

    Raises:
        UserError: it failed, or took too long; in its own words.
    """
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            list(map(str, command)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            timeout=timeout,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"no end after {timeout:,.0f} s") from None
    if check and done.returncode:
        words = [line for line in done.stderr.splitlines() if line.strip()]
        raise UserError(masked(" ".join(words)) or f"ended with status {done.returncode}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
