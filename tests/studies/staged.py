"""Trainings that never were, in memory: what they gave is made up."""

from pathlib import Path

import numpy as np
import pandas as pd

from onecycle.paths import Paths
from onecycle.studies.arm import Arm, Asked
from onecycle.studies.outcome import Outcome, Part, Run
from tasks import problems


def run_of(parts, history=(), failed=None):
    run = Run(Path(), {"failed": failed, "history": list(history), "cpu_s": 1.0, "seconds": 1.0})
    run.__dict__["parts"] = parts  # as if it had been read
    return run


def outcome(name, runs, **arm):
    """Of one training for each seed, or of a list of folds' for each."""
    return Outcome(Arm(name, **arm), [run if isinstance(run, list) else [run] for run in runs])


def ids_of(n):
    return np.array([f"{row:05}" for row in range(n)])


def rated(ids, error, groups=None, epochs=None):
    """Ratings of 3 that are missed by an error, [N]; `epochs` [E, N] likewise."""
    y = np.full((len(ids), 1), 3.0)
    later = None if epochs is None else 3.0 + epochs[:, :, None]
    return Part(ids, y, y + error[:, None], groups, None, later)


def asked_of(root, problem, **more):
    """What a study of a problem of params.yaml is asked."""
    sections = problems.load().problems[problem].model_dump()
    kind = sections["prepare"]["y"]
    return Asked(Paths(problem, root), sections, kind, more.pop("seeds", (1, 2, 3)), **more)


def written(asked, groups, parts):
    """Items, `groups` of them, and the asked split's parts, where a study looks for them."""
    n = len(groups)
    items = pd.DataFrame({"id": ids_of(n), "x": "x", "y": "y", "group": list(groups)})
    asked.paths.data().mkdir(parents=True)
    items.to_parquet(asked.paths.data("items.parquet"))
    split = items[["id"]].assign(split=list(parts))
    split.to_parquet(asked.paths.data("split.parquet"))
