"""Outcomes of trainings that never were, from scores made up."""

import numpy as np
import pytest

from onecycle.paths import Paths
from onecycle.studies import compare, measured, outcome
from onecycle.studies.arm import Arm, Asked
from onecycle.studies.outcome import Outcome, Part, Run
from onecycle.studies.questions import choosing


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Fewer resamples than studies take, which would be most of a test's time."""
    for module in (compare, measured):
        monkeypatch.setattr(module, "DRAWS", 200)
    monkeypatch.setattr(choosing, "PARTINGS", 20)


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


__all__ = ["Arm", "Part", "asked", "few_draws", "ids", "trained"]
