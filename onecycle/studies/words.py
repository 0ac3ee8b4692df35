"""Numbers of findings in words."""

from onecycle.studies.compare import Estimate, Judge


def score(value: float) -> str:
    """A score: four digits that count."""
    return f"{value:.4g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.2e}"


def told(found: Estimate) -> str:
    """A score with its interval: `0.812 [0.78, 0.84]`."""
    return f"{score(found.value)} [{score(found.low)}, {score(found.high)}]"


def signed(found: Estimate) -> str:
    """A difference with its interval: `+0.012 [-0.004, +0.028]`."""
    value, low, high = (f"{each:+.3g}" for each in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def luck(judge: Judge, seeds: int) -> str:
    """Over what an interval speaks: `95 % intervals over 446 items and 3 seeds`."""
    over = f"95 % intervals over {judge.n:,} items"
    if judge.groups:
        over = f"95 % intervals over {judge.groups} groups ({judge.n:,} items)"
    return f"{over} and {seeds} seeds" if seeds > 1 else f"{over}, of one seed"
