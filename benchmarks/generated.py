"""What every stage costs with so many generated ratings: seconds, and the memory that it peaks at.

    python -m benchmarks.generated [100000 1000000 …] [--out results/generated] [--stages prepare]

Ratings of benchmarks/made.py lie in MovieLens' layout in a working tree of the results folder;
each stage is a process of its own, as in the flow. Prints a table; the figures are kept as JSON.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import yaml

from benchmarks.worker import ROOT, THREADS
from onecycle.paths import read_json, write_json
from onecycle.progress import say

STAGES = ("download", "prepare", "split", "lr_find", "train", "calibrate", "evaluate")
SIZES = (100_000, 1_000_000, 5_000_000)
UNIT = 1024 if sys.platform != "darwin" else 1  # bytes of ru_maxrss
PROBLEM = {
    "prepare": {"reader": "ratings", "path": "u.data", "rating_range": [1, 5]}
    | {"titles": {"path": "u.item"}, "x": ["user", "item"], "y": "rating"},
    "split": {"by": "random", "valid": 0.08, "test": 0.2, "seed": 42},
    "learner": {"arch": "dot_bias", "factors": 32, "y_range": [0, 5.5], "batch_size": 1024}
    | {"wd": 0.8, "bias_wd": 0.02, "seed": 42},
    "lr_find": {},
    "train": {"frozen": {"epochs": 0}, "unfrozen": {"epochs": 1, "lr": 0.015}},
    "calibrate": {"coverage": 0.9},
    "evaluate": {},
}
Cost = dict[str, float]


def main(argv: list[str] | None = None) -> int:
    """Measures each size; prints the table as it grows."""
    command = argparse.ArgumentParser(prog="python -m benchmarks.generated", description=__doc__)
    command.add_argument("sizes", nargs="*", type=int, default=SIZES, help="numbers of ratings")
    command.add_argument("--out", type=Path, default=ROOT / "results" / "generated")
    command.add_argument("--stages", default=",".join(STAGES), help="separated by commas")
    command.add_argument("--code", type=Path, default=ROOT, help="the project's tree to measure")
    given = command.parse_args(argv)
    table = [row("ratings", [*STAGES, "all"]), row("---:", ["---:"] * (len(STAGES) + 1))]
    for n in given.sizes:
        tree = given.out.resolve() / str(n)
        file = tree / "costs.json"
        found: dict[str, Cost] = read_json(file) if file.exists() else {}
        lay_out(tree, n)
        for name in given.stages.split(","):
            found[name] = stage(tree, name, given.code.resolve())
            write_json(file, found)
        table.append(row(f"{n:,}", [told(found.get(name)) for name in STAGES] + [total(found)]))
        say("\n".join(table))
    return 0


def lay_out(tree: Path, n: int) -> None:
    """Writes the ratings and params.yaml of a tree, unless they are there."""
    raw = tree / "source"
    if not (raw / "u.item").exists():
        write = "import sys; from pathlib import Path; from benchmarks.made import layout; "
        write += "layout(Path(sys.argv[1]), int(sys.argv[2]))"
        subprocess.run([sys.executable, "-c", write, raw, str(n)], cwd=ROOT, check=True)
    problem = {"download": {"folder": str(raw)}, **PROBLEM}
    params = {"run": ["generated"], "threads": 1, "problems": {"generated": problem}}
    (tree / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def stage(tree: Path, name: str, code: Path) -> Cost:
    """Runs a stage in a process of its own; its wall and CPU seconds, and its peak in MiB.

    A child's peak is never below this process's own memory, which is why this one stays small.

    Raises:
        RuntimeError: the stage failed.
    """
    environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "PYTHONPATH": str(code)}
    with (tree / f"{name}.log").open("wb") as log:
        start = time.perf_counter()
        child = subprocess.Popen(
            [sys.executable, "-m", "tasks", name, "generated"],
            cwd=tree,
            env=environment,
            stdout=log,
            stderr=log,
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        said = (tree / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"{name} failed ({child.returncode}): {said[-2000:]}")
    cost = {"seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "mib": mib(used)}
    say(f"{tree.name}, {name}: {told(cost)}")
    return cost


def mib(used: resource.struct_rusage) -> float:
    """The highest resident memory, in MiB."""
    return used.ru_maxrss * UNIT / 2**20


def told(cost: Cost | None) -> str:
    """Seconds and GiB of a stage."""
    return f"{cost['seconds']:.1f} s, {cost['mib'] / 1024:.2f} GiB" if cost else "–"


def total(found: dict[str, Cost]) -> str:
    """All seconds and the highest peak."""
    seconds = sum(each["seconds"] for each in found.values())
    return f"{seconds:.1f} s, {max(each['mib'] for each in found.values()) / 1024:.2f} GiB"


def row(first: str, cells: list[str]) -> str:
    """A line of a Markdown table."""
    return f"| {first} | {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
