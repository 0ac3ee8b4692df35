"""The four problems end to end by both tools, for `make bench`: side_by_side with range tests.

The stages download, prepare and split run in a working tree of the results folder, with
patches/mirror.yaml; params.yaml of the project stays as it is.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import jobs, ours
from benchmarks.rows import Setup
from benchmarks.table import markdown
from benchmarks.worker import ROOT

PROBLEMS = ("pets", "pascal", "biwi", "movielens")
STAGES = ("download", "prepare", "split")
LEAST = {"pets": 3.2}  # times as fast as fast.ai
Kept = dict[str, Any]


def measure(name: str, setup: Setup, pythons: dict[str, Path]) -> Kept:
    """Trains a problem with both tools, seed by seed, unless that is there.

    Returns:
        `title`, and why it is not here or failed; or `fastai` and `onecycle`, each seed's seconds
        from nothing but prepared files to measured answers, and `least`, the ratio to be reached.
    """
    title = f"{name} end to end"
    if setup.quick:
        return {"title": title, "not_here": "not with --quick"}
    weights = setup.mirror / "weights" / "squeezenet1_1.pth"
    if not weights.exists():
        return {"title": title, "not_here": f"no {weights.name} in the mirror's weights/"}
    tree, out = setup.out / "tree", setup.out / "whole"
    peer = pythons.get("fastai", Path("-"))
    half = [] if peer.exists() else ["--only", "onecycle"]
    command = ["-m", "benchmarks.side_by_side", "--whole", "--out", out, "--peer", peer]
    command += ["--weights", weights, "--threads", setup.threads, "--problems", name, *half]
    try:
        prepared(tree, name, setup.mirror)
        run(tree, *command)
    except subprocess.CalledProcessError as error:
        said = [*(error.stderr or "").strip().splitlines(), *error.stdout.strip().splitlines()]
        return {"title": title, "failed": said[-1] if said else str(error)}
    found = {tool: seconds(out, tool, name) for tool in ("onecycle", "fastai")}
    own = seconds(out, "own", name) if name in ours.OWN and not half else []
    return {"title": title, **found, "own": own, "least": LEAST.get(name)}


def voc(out: Path, mirror: Path, *, quick: bool) -> Path:
    """The folder of VOC's photographs, unpacked from the mirror if that has them."""
    tree = out / "tree"
    if not quick and (mirror / "pascal_2007.tgz").exists():
        prepared(tree, "pascal", mirror)
    return tree / "data" / "pascal" / "raw"


def prepared(tree: Path, name: str, mirror: Path) -> None:
    """Runs the stages before training in a tree of their own, if their files are not there."""
    if (tree / "data" / name / "split.parquet").exists():
        return
    tree.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "params.yaml", tree)
    patch = (ROOT / "patches" / "mirror.yaml").read_text(encoding="utf-8")
    (tree / "mirror.yaml").write_text(patch.replace("file:mirror/", f"file:{mirror}/"), "utf-8")
    run(tree, "-m", "tasks", "set", "@mirror.yaml", f"run=[{name}]")
    for stage in STAGES:
        run(tree, "-m", "tasks", stage, name)


def run(tree: Path, *command: object) -> None:
    """Runs python in a tree, on this project's code."""
    subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    )


def seconds(out: Path, tool: str, name: str) -> list[float]:
    """Each seed's wall seconds of a tool, from the range test to the last prediction."""
    files = [out / f"{tool}-{name}-{seed}.npz" for seed in jobs.SEEDS]
    found = []
    for file in files:
        if file.exists():
            with np.load(file) as result:
                found.append(float(result["whole_seconds"]))
    return found


def table(setup: Setup) -> str:
    """The scores of both, with the interval of their difference; empty without results."""
    out = setup.out / "whole"
    there = [name for name in PROBLEMS if any(out.glob(f"*-{name}-[0-9].npz"))]
    return markdown(there, out, jobs.SEEDS) if there else ""


def settings(name: str) -> str:
    """What both train a problem with, in words."""
    chosen = {k: v for k, v in jobs.SETTINGS[name].items() if k not in ("kind", "shuffle")}
    return json.dumps(chosen).replace('"', "").strip("{}")
