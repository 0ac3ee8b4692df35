"""What checkpoints cost: a long training with and without, and one checkpoint by its size.

The training is one sample with larger pictures. With and without checkpoints are run in turn; what
is inside of them is timed too, between the places that they pass, which noise does not hide.
"""

import json
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from kills.ground import run
from kills.results import Results, Row
from onecycle.paths import remove
from onecycle.progress import say
from tests import trees

NEVER_S = 1e9
LONG = {"minutes": "sample_pets", "arch": "resnet18", "size": 96}
SIZES = ("squeezenet1_1", "resnet18", "resnet34", "resnet50")
STEPS = 12  # of a training for the sizes, after each of which there is a checkpoint
TREE = """
run: [sample_pets]
problems:
  sample_pets:
    learner: {{arch: {arch}, size: 96}}
    lr_find: {{steps: 30}}
    train: {{unfrozen: {{epochs: {epochs}, lr: 1e-3}}}}
"""


def timed(file: Path, arguments: Sequence[str]) -> int:
    """Runs `python -m tasks …` and writes the seconds at which each of some places is passed."""
    import time

    from onecycle import faults

    begun = time.perf_counter()
    marks: list[tuple[str, float, int]] = []
    names = ("stage begins", "stepped", "checkpoint begins", "checkpoint kept", "stage ends")
    real = faults.point

    def point(name: str, of: str = "") -> None:
        if name in names:
            kept = Path(".onecycle/checkpoints").glob("*/*/*.safetensors")
            size = max((each.stat().st_size for each in kept), default=0) if "kept" in name else 0
            marks.append((name, time.perf_counter() - begun, size))
        real(name, of)

    faults.point = point
    from tasks.__main__ import main

    status = main(arguments)
    file.write_text(json.dumps(marks))
    return status


def measure(folder: Path, results: Results, minutes: float, pairs: int) -> None:
    """Measures what is not measured yet."""
    known = {row["what"] for row in results.rows()}
    for arch in SIZES:
        if f"one of {arch}" not in known:
            results.add({"what": f"one of {arch}", **one(folder, arch)})
            say(str(results.rows()[-1]))
    for pair in range(pairs):
        if f"pair {pair}" not in known:
            results.add({"what": f"pair {pair}", **long(folder, minutes)})
            say(str(results.rows()[-1]))


def prepared(folder: Path, arch: str, epochs: int) -> Path:
    """A tree in which only the training is left to do."""
    tree = folder / "cost"
    remove(tree)
    tree.mkdir(parents=True)
    trees.clone(tree, TREE.format(arch=arch, epochs=epochs))
    for stage in ("download", "prepare", "split", "lr_find"):
        trees.shell(tree, "python", "-m", "tasks", stage, "sample_pets")
    return tree


def train(tree: Path, given: Mapping[str, str]) -> list[tuple[str, float, int]]:
    """Trains; gives the places, the seconds at which they were passed, and checkpoints' bytes."""
    marks = tree / "marks.json"
    root = {"PYTHONPATH": os.pathsep.join([str(tree.resolve()), str(trees.ROOT)])}
    command = ["python", "-m", "kills.cost", str(marks.resolve()), "train", "sample_pets"]
    done = run(tree, command, {**root, **given})
    assert done.status == 0, done.said
    return [(name, at, size) for name, at, size in json.loads(marks.read_text())]


def spans(marks: Sequence[tuple[str, float, int]]) -> list[float]:
    """The seconds of each checkpoint: from its begin to the next place but its own end."""
    return [
        marks[at + 1][1] - when
        for at, (name, when, _) in enumerate(marks)
        if name == "checkpoint begins"
    ]


def training_s(marks: Sequence[tuple[str, float, int]]) -> float:
    """Seconds of a stage's work."""
    (begun,) = [when for name, when, _ in marks if name == "stage begins"]
    (ended,) = [when for name, when, _ in marks if name == "stage ends"]
    return ended - begun


def one(folder: Path, arch: str) -> Row:
    """One checkpoint: bytes and seconds, the median of those after each step."""
    marks = train(prepared(folder, arch, 1), {"ONECYCLE_CHECKPOINT_S": "0"})
    took = spans(marks)
    size = max(size for _, _, size in marks)
    return {"arch": arch, "bytes": size, "seconds": statistics.median(took), "count": len(took)}


def long(folder: Path, minutes: float) -> Row:
    """A training of some minutes, with checkpoints as by default and without."""
    tree = folder / "cost"
    if not (tree / "long").exists():
        prepared(folder, str(LONG["arch"]), 1)
        once = training_s(train(tree, {"ONECYCLE_CHECKPOINT_S": str(NEVER_S)}))
        epochs = max(1, round(60 * minutes / once))
        setting = f"problems.sample_pets.train.unfrozen.epochs={epochs}"
        trees.shell(tree, "python", "-m", "tasks", "set", setting)
        (tree / "long").write_text(str(epochs))
    without = training_s(train(tree, {"ONECYCLE_CHECKPOINT_S": str(NEVER_S)}))
    marks = train(tree, {"ONECYCLE_CHECKPOINT_S": "30"})
    inside = spans(marks)
    return {
        "epochs": int((tree / "long").read_text()),
        "without_s": without,
        "with_s": training_s(marks),
        "inside_s": sum(inside),
        "count": len(inside),
    }


if __name__ == "__main__":
    sys.exit(timed(Path(sys.argv[1]), sys.argv[2:]))
