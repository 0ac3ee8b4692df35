"""What the graph costs beside its stages, for `make bench`: runs of the samples, as processes.

All of it happens in trees of its own, copies of this project's files as git has or would have them.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.worker import ROOT
from flows import supervisor
from flows.connection import wait_for

FLOW, REPRO = ("flows.pipeline",), ("dvc", "repro")
TREES = 3  # whole runs take minutes
ALONE = ("download", "split", "evaluate")  # stages of sample_movielens whose overhead is measured
DRAWS = "problems.sample_movielens.evaluate.draws"  # the one parameter that changes
Row = dict[str, Any]


def rows(repeats: int) -> list[Row]:
    """Measures each cost.

    Args:
        repeats: of each; whole runs have three at most.

    Returns:
        For each cost its `name`, its `seconds`, one a repeat, and its `target` in seconds or None.
    """
    with TemporaryDirectory() as folder:
        trees = [copied(Path(folder) / str(number)) for number in range(min(repeats, TREES))]
        whole = [timed(tree, *FLOW) for tree in trees]
        tree = trees[0]
        found = [row("`make run`: all samples, Prefect's database made first", 150, whole)]

        def again(name: str, target: float | None, *command: str) -> None:
            timed(tree, *command)  # the first time, caches are cold
            found.append(row(name, target, [timed(tree, *command) for _ in range(repeats)]))

        def changed(name: str, *command: str) -> None:
            seconds = []
            for draws in range(repeats):
                run(tree, "tasks", "set", f"{DRAWS}={1000 + draws}")
                seconds.append(timed(tree, *command))
            run(tree, "tasks", "set", f"{DRAWS}=1000")
            run(tree, *REPRO)
            found.append(row(name, None, seconds))

        again("28 stages, nothing to do: `python -m flows.pipeline`, its own server", 10, *FLOW)
        with serving(tree):
            again("the same with `make ui` running", 4, *FLOW)
            changed("one parameter changed, one stage runs: the flow with `make ui`", *FLOW)
        again("28 stages, nothing to do: `dvc repro`", None, *REPRO)
        changed("one parameter changed, one stage runs: `dvc repro`", *REPRO)
        for stage in ALONE:
            name = f"a stage by the flow's runner less the stage alone: {stage}"
            found.append(row(name, 1.5, [beyond(tree, stage) for _ in range(repeats)]))
    return found


def row(name: str, target: float | None, seconds: list[float]) -> Row:
    """A row as bench wants it."""
    return {"name": name, "target": target, "seconds": seconds}


def beyond(tree: Path, stage: str) -> float:
    """Seconds that running a stage as the flow does takes longer than its own command."""
    whole = timed(tree, "flows.repro", f"{stage}@sample_movielens", "--force")
    return whole - timed(tree, "tasks", stage, "sample_movielens")


def copied(folder: Path) -> Path:
    """A tree with the project's files, its params.yaml included."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return folder


def timed(tree: Path, *command: str) -> float:
    """Seconds that a command takes in a tree, from its start to its end."""
    began = time.perf_counter()
    run(tree, *command)
    return time.perf_counter() - began


def run(tree: Path, *command: str) -> None:
    """Runs a module in a tree; its words are told if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=tree,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command}:\n{done.stdout}\n{done.stderr}")


def environment() -> dict[str, str]:
    """This process's, with this interpreter first, and without a server of somebody else's."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return own | {"PATH": path, "DVC_NO_ANALYTICS": "1"}


@contextmanager
def serving(tree: Path) -> Iterator[None]:
    """A server for the tree, as `make ui` starts it, on any free port."""
    url = tree / ".onecycle" / "prefect" / "url"
    command = [sys.executable, "-m", "flows.server", "--port", "0"]
    process = supervisor.start(command, 3.0, cwd=tree, env=environment())
    try:
        wait_until(url.exists, "the server has an address")
        wait_for(url.read_text(), "the server does not answer", process)
        yield
    finally:
        supervisor.end(process)


def wait_until(holds: Callable[[], bool], what: str, within_s: float = 60) -> None:
    """Waits until something holds."""
    end = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within_s} s: {what}")
        time.sleep(0.05)
