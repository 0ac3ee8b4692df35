"""Outcomes of trainings that never were, from scores made up."""

import numpy as np

from onecycle.paths import Paths
from onecycle.studies import outcome
from onecycle.studies.arm import Asked
from onecycle.studies.outcome import Outcome, Run


def ids(n, first=0):
    return np.array([f"{at:05d}" for at in range(first, first + n)])


def trained(folder, arm, seeds, **told):
    """An arm's outcome; `seeds` are the parts of each seed's training."""
    runs = []
    for seed, parts in enumerate(seeds):
        place = folder / arm.name.replace(" ", "_") / str(seed)
        place.mkdir(parents=True)
        outcome.write(place, parts, {"failed": None, "phases": [], **told})
        runs.append([Run.read(place)])
    return Outcome(arm, runs)


def asked(folder, kind, seeds=1, values=(), **sections):
    return Asked(Paths("made_up", folder), sections, kind, tuple(range(seeds)), values)
