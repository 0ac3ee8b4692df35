"""Working trees for whole runs: a copy of the project, with short recipes."""

import hashlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
# No tree's run may use, or be seen by, a server of the person who runs the tests.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
ENVIRONMENT |= {"PATH": PATH, "DVC_NO_ANALYTICS": "1"}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # a run has many processes of the same modules


def shell(tree: Path, *command: str, status: int = 0) -> str:
    """Runs a command in a tree, with this interpreter as `python`; gives what it printed."""
    done = subprocess.run(
        command, cwd=tree, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def clone(folder: Path, patch: str) -> Path:
    """A tree with the project's files as git has or would have them, and params changed."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    shell(folder, "git", "init", "-q")
    (folder / "short.yaml").write_text(patch)
    shell(folder, "python", "-m", "tasks", "set", "@short.yaml")
    commit(folder)
    return folder


def commit(tree: Path) -> None:
    """Commits all that git sees; equal trees are equal commits, which the lineage tells of."""
    dates = (f"GIT_{who}_DATE=2026-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER"))
    who = ("-c", "user.name=x", "-c", "user.email=x@x")
    shell(tree, "git", "add", ".")
    shell(tree, "env", *dates, "git", *who, "commit", "-qm", "x")


def ran(output: str) -> list[str]:
    """The stages that `dvc repro` ran."""
    return re.findall(r"Running stage '([^']+)'", output)


def hashes(tree: Path) -> dict[str, str]:
    """The sha256 of every file that a stage wrote."""
    return {
        path.relative_to(tree).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in ("data", "models", "reports")
        for path in sorted((tree / folder).rglob("*"))
        if path.is_file() and path.parent.name != "reports"  # the page over all is no stage's
    }


def rows(tree: Path, query: str) -> list[tuple[Any, ...]]:
    """What Prefect's database of a tree answers."""
    path = tree / ".onecycle" / "prefect" / "prefect.db"
    with sqlite3.connect(path) as database:
        return database.execute(query).fetchall()


# The quickest sample, shortened: the graph is walked as ever, only less is learnt.
EPOCHS = "problems.sample_movielens.train.unfrozen.epochs"
SHORT = """
run: [sample_movielens]
problems:
  sample_movielens:
    train: {unfrozen: {epochs: 2, lr: 5e-3}}
    evaluate: {draws: 100}
"""


def flow(tree: Path, *options: str, status: int = 0) -> str:
    """Runs the flow in a tree; gives what it printed."""
    return shell(tree, "python", "-m", "flows.pipeline", *options, status=status)


LAST = "(select id from flow_run order by created desc limit 1)"


def states(tree: Path) -> dict[str, str]:
    """The task runs of the last flow run, and the state that each ended in.

    A server that outlives the run learns of them by events, later than the run's end. How many
    there are is what the run itself says, as in `5 cached, 2 completed`.
    """

    def found() -> dict[str, str]:
        return dict(rows(tree, f"select name, state_name from task_run where flow_run_id = {LAST}"))

    query = "select message from flow_run_state join flow_run on flow_run_state.id = state_id "
    ((message,),) = rows(tree, f"{query} where flow_run.id = {LAST}")
    count = sum(int(each) for each in re.findall(r"(\d+) \w+", message.splitlines()[0]))
    final = (
        f"flow_run_id = {LAST} and state_type in ('COMPLETED', 'FAILED', 'CANCELLED', 'CRASHED')"
    )
    ended = f"select count(*) from task_run where {final}"
    wait_until(lambda: rows(tree, ended)[0][0] >= count, 20, "all task runs are recorded")
    return found()


def processes(tree: Path) -> list[psutil.Process]:
    """The processes that work in a tree, but for this one; a zombie works nowhere."""
    here = psutil.process_iter(["cwd"])
    return [it for it in here if it.info["cwd"] == str(tree.resolve()) and it.pid != os.getpid()]


def wait_until(holds: Callable[[], object], within_s: float, what: str) -> float:
    """Waits until something holds; gives the seconds that it took."""
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < within_s, f"not within {within_s} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - start
