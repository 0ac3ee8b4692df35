"""Trains the same jobs with fast.ai and with onecycle, measures both alike, writes a table.

    python -m benchmarks.side_by_side --out results [--only fastai] [--problems pets,biwi] [--whole]

Needs download, prepare and split of pets, pascal, biwi and movielens (after `patches/mirror.yaml`
or from the publishers), and `make peers` for fast.ai's half. What is in the results folder is not
trained again, so an interrupted run goes on where it was. `--whole` does the lesson's whole work: a
range test before the training (its rate is told, not used: both train at the job's), the threshold
or other decision from valid, the measures on test.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import jobs, ours
from benchmarks.table import markdown
from onecycle.paths import read_json, whole, write_json
from onecycle.progress import say

HERE = Path(__file__).parent
PEER = Path(".venv-fastai/bin/python")
WEIGHTS = Path("mirror/weights/squeezenet1_1.pth")
Result = dict[str, np.ndarray[Any, Any]]


def main(argv: list[str] | None = None) -> int:
    """Trains what is missing, then writes the table of what is there."""
    arguments = parser().parse_args(argv)
    tools = [arguments.only] if arguments.only else list(TRAINERS)
    for name in arguments.problems.split(","):
        for seed in jobs.SEEDS:
            for tool in tools:
                if tool != "own" or name in ours.OWN:
                    train(tool, name, seed, arguments)
    table = markdown(arguments.problems.split(","), arguments.out, jobs.SEEDS)
    with whole(arguments.out / "side_by_side.md") as partial:
        partial.write_text(table, encoding="utf-8")
    say(table)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(prog="python -m benchmarks.side_by_side")
    command.add_argument("--out", type=Path, required=True, help="folder of the results")
    command.add_argument("--only", choices=sorted(TRAINERS), help="train one tool's half")
    command.add_argument("--problems", default=",".join(jobs.SETTINGS))
    command.add_argument("--peer", type=Path, default=PEER, help="python of fast.ai's environment")
    command.add_argument("--weights", type=Path, default=WEIGHTS)
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--whole", action="store_true", help="range test and decision too")
    return command


def train(tool: str, name: str, seed: int, arguments: argparse.Namespace) -> None:
    """Trains one job with one tool and keeps job and result; not if the same job's is there."""
    result = arguments.out / f"{tool}-{name}-{seed}.npz"
    kept = result.with_suffix(".json")
    job = json.loads(json.dumps(jobs.make(name, seed, arguments.weights, arguments.threads)))
    if arguments.whole:
        job["whole"] = True
    if result.exists() and read_json(kept) == job:
        say(f"{result}: there already")
        return
    write_json(kept, job)
    scores = TRAINERS[tool](job, kept, arguments)
    with whole(result) as partial, partial.open("wb") as stream:
        np.savez(stream, **scores)
    say(f"{result}: {float(scores['seconds']):.0f} s")


def fastai(job: jobs.Job, file: Path, arguments: argparse.Namespace) -> Result:
    """Runs fast.ai's half in its own environment; `file` holds the job."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "result.npz"
        subprocess.run(
            [arguments.peer, HERE / "fastai" / "train.py", file, written],
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": str(job["threads"])},
        )
        with np.load(written) as found:
            return {key: found[key] for key in found.files}


def alike(job: jobs.Job, file: Path, arguments: argparse.Namespace) -> Result:
    """Trains the job with onecycle."""
    return ours.train(job, own=False)


def own(job: jobs.Job, file: Path, arguments: argparse.Namespace) -> Result:
    """Trains the job with onecycle, as its shipped recipes would."""
    return ours.train(job, own=True)


TRAINERS: dict[str, Callable[[jobs.Job, Path, argparse.Namespace], Result]] = {
    "fastai": fastai,
    "onecycle": alike,
    "own": own,
}

if __name__ == "__main__":
    sys.exit(main())
