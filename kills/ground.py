"""Trees in which runs are broken: one that no run was broken in, and a copy that is put back.

All that a problem's commands write is compared with what an unbroken run wrote, byte by byte. Only
how long a study's trainings took, which its files tell, is left out of that.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from onecycle.params import read_yaml
from onecycle.paths import read_json, remove, write_json
from tests import trees

PROBLEMS = ("sample_pets", "sample_pascal", "sample_biwi", "sample_movielens")
STAGES = ("download", "prepare", "split", "lr_find", "train", "calibrate", "evaluate")
# Trainings long enough to be hit, all else as short as it may be.
SHORT = """
run: [{problem}]
problems:
  {problem}:
    lr_find: {{steps: 30}}
    train: {{unfrozen: {{epochs: {epochs}, lr: 1e-3}}}}
    evaluate: {{draws: 100}}
"""
CODE = ("flows", "onecycle", "tasks", "dvc.yaml", "params.yaml")
GONE_S = 15.0  # the processes of a run that was broken are given so long to end
LATE_S = 300.0  # no run here takes so long


@dataclass(frozen=True)
class Ended:
    """A run that has ended.

    Attributes:
        status: its exit status; -9 where it was killed itself.
        said: what it printed.
        seconds: that it took.
    """

    status: int
    said: str
    seconds: float


class Ground:
    """The trees of one problem.

    Args:
        folder: for the trees of all problems.
        problem: a sample's name.
        epochs: of its training.

    Attributes:
        tree: where runs are broken.
        hashes: of all that is written, by path.
        lock: dvc.lock, as an unbroken run wrote it.
    """

    def __init__(self, folder: Path, problem: str, epochs: int) -> None:
        self.problem, self.epochs = problem, epochs
        self.pristine = folder / "unbroken" / problem
        self.tree = folder / "broken" / problem
        self.hashes: dict[str, str] = {}
        self.lock: dict[str, Any] = {}

    def make(self, database: Path, extra: Iterable[Sequence[str]] = ()) -> "Ground":
        """Runs all that there is once, unbroken, unless that was done before.

        Args:
            database: Prefect's home, with no runs.
            extra: commands after the graph, of which the outputs are compared too.
        """
        kept = self.pristine.with_suffix(".json")
        if not kept.exists():
            remove(self.pristine)
            self.pristine.mkdir(parents=True)
            patch = SHORT.format(problem=self.problem, epochs=self.epochs)
            trees.clone(self.pristine, patch)
            shutil.copytree(database, self.pristine / ".onecycle" / "prefect")
            for command in (["python", "-m", "dvc", "repro"], *extra):
                done = run(self.pristine, command)
                assert done.status == 0, done.said
            write_json(kept, {"hashes": hashes(self.pristine), "lock": lock(self.pristine)})
        said = read_json(kept)
        self.hashes, self.lock = said["hashes"], said["lock"]
        self.fresh()
        return self

    def fresh(self) -> None:
        """Makes the tree anew, as the unbroken one is."""
        for process in trees.processes(self.tree):
            process.kill()
        remove(self.tree)
        self.tree.parent.mkdir(parents=True, exist_ok=True)
        # Links to DVC's cache stay links.
        subprocess.run(["cp", "-a", self.pristine, self.tree], check=True)

    def forget(self, *stages: str) -> None:
        """Puts stages back to never having run: outputs, lock, DVC's cache, checkpoints."""
        file = self.tree / "dvc.lock"
        known = read_yaml(file)
        mine = [known["stages"].pop(f"{each}@{self.problem}", {}) for each in stages]
        others = {each["md5"] for it in known["stages"].values() for each in it["outs"]}
        cache = self.tree / ".dvc" / "cache"
        for out in [out for stage in mine for out in stage.get("outs", [])]:
            remove(self.tree / out["path"])
            if out["md5"] not in others:
                remove(cache / "files" / "md5" / out["md5"][:2] / out["md5"][2:])
        remove(cache / "runs")
        remove(self.tree / ".onecycle" / "checkpoints")
        file.write_text(f"{json.dumps(known)}\n")  # which is YAML

    def wrong(self) -> dict[str, list[str]]:
        """What is not as after an unbroken run, by what it is: empty lists where all is well."""
        found = hashes(self.tree)
        paths = sorted(self.hashes.keys() | found.keys())
        bytes_ = [path for path in paths if self.hashes.get(path) != found.get(path)]
        if lock(self.tree) != self.lock:
            bytes_.append("dvc.lock")
        left = [f"process {' '.join(it.cmdline())}" for it in trees.processes(self.tree)]
        left += [str(path.relative_to(self.tree)) for path in temporaries(self.tree)]
        return {"differs": bytes_, "left": left}


def temporaries(tree: Path) -> list[Path]:
    """Files that a run keeps only while it runs: what it has not renamed yet, and checkpoints."""
    found = [path for path in tree.rglob(".*.partial") if ".git" not in path.parts]
    return sorted([*found, *tree.glob(".onecycle/checkpoints/**/*.safetensors")])


def lock(tree: Path) -> Any:  # noqa: ANN401 - as DVC writes it
    """dvc.lock, parsed; null where it can't be."""
    try:
        return json.loads(json.dumps(read_yaml(tree / "dvc.lock")))
    except Exception:
        return None


def hashes(tree: Path) -> dict[str, str]:
    """The sha256 of all that stages and other commands wrote; a study's without its seconds."""
    found = {name: it for name, it in trees.hashes(tree).items() if not name.endswith(".partial")}
    for path in sorted((tree / "made").rglob("*")):
        found[path.relative_to(tree).as_posix()] = sha256(path.read_bytes())
    for name in [name for name in found if "/studies/" in name]:
        if name.endswith(".json"):
            found[name] = sha256(json.dumps(timeless(read_json(tree / name))).encode())
        elif name.endswith(".html"):  # made of the JSON
            del found[name]
    return found


def timeless(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """JSON without what tells how long something took."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k not in ("seconds", "cpu_s")}
    return [timeless(each) for each in value] if isinstance(value, list) else value


def sha256(content: bytes) -> str:
    """As hex."""
    return hashlib.sha256(content).hexdigest()


def environment(tree: Path, given: Mapping[str, str] = {}) -> dict[str, str]:
    """Of a tree's runs: nothing of them lies outside of the tree."""
    own = {"OMP_NUM_THREADS": "1", "DVC_SITE_CACHE_DIR": str(tree / ".dvc" / "tmp" / "site")}
    return {**trees.ENVIRONMENT, "ONECYCLE_CHECKPOINT_S": "1", **own, **given}


def run(
    tree: Path,
    command: Sequence[str],
    given: Mapping[str, str] = {},
    watch: Callable[[psutil.Popen, float], None] | None = None,
) -> Ended:
    """Runs a command in a tree.

    Args:
        tree: where.
        command: what.
        given: to the environment.
        watch: called many times a second with the process and the seconds that it has run.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as words:
        start = time.monotonic()
        process = start_in(tree, command, words, given)
        while process.poll() is None:
            if watch:
                watch(process, time.monotonic() - start)
            if time.monotonic() - start > LATE_S:
                process.kill()
            time.sleep(0.02)
        seconds = time.monotonic() - start
        words.seek(0)
        return Ended(process.returncode, words.read(), seconds)


def start_in(
    tree: Path, command: Sequence[str], words: IO[str] | IO[bytes], given: Mapping[str, str] = {}
) -> psutil.Popen:
    """Starts a command in a tree, in a session of its own."""
    return psutil.Popen(
        command,
        cwd=tree,
        env=environment(tree.resolve(), given),
        stdin=subprocess.DEVNULL,
        stdout=words,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def emptied(tree: Path) -> list[str]:
    """Waits until a tree has no process; gives the command lines of those that stay."""
    end = time.monotonic() + GONE_S
    while (left := trees.processes(tree)) and time.monotonic() < end:
        time.sleep(0.05)
    found = []
    for process in left:
        try:
            found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def version(root: Path = trees.ROOT) -> str:
    """Of the code that is tried: its files' hash."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *CODE]
    names = subprocess.check_output(listed, cwd=root, text=True).splitlines()
    files = sorted(name for name in names if (root / name).is_file())
    text = "".join(f"{name} {sha256((root / name).read_bytes())}\n" for name in files)
    return sha256(text.encode())[:12]


def database(folder: Path) -> Path:
    """Prefect's home with a database without runs, made once."""
    home = folder / "database"
    if not home.exists():
        make = "from prefect.server.database import provide_database_interface as it"
        make += "; import asyncio; asyncio.run(it().create_db())"
        made = folder / ".database.partial"
        remove(made)
        made.mkdir(parents=True)
        trees.shell(made, "env", f"PREFECT_HOME={made.resolve()}", "python", "-c", make)
        made.rename(home)
    return home


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tail(text: str, lines: int = 12) -> str:
    """The end of what a run printed."""
    return "\n".join(re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()[-lines:])
