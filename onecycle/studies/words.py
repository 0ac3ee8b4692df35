"""Numbers of findings in words."""

from collections.abc import Sequence

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
    """Over what a judge's intervals speak: `95 % intervals over 446 items and 3 seeds`."""
    return over(judge.n, judge.groups, seeds)


def over(n: int, groups: int | None, seeds: int) -> str:
    """The same, of so many items and groups; null: items are resampled."""
    over = f"95 % intervals over {n:,} items"
    if groups:
        over = f"95 % intervals over {groups} groups ({n:,} items)"
    return f"{over} and {seeds} seeds" if seeds > 1 else f"{over}, of one seed"


def adopting(settings: Sequence[str]) -> str:
    """The command that writes settings into params.yaml and runs what they change."""
    quoted = [each.replace("'", "'\\''") for each in settings]  # as a shell takes them
    said = " ".join(f"--set '{each}'" for each in quoted)
    return f"python -m flows.pipeline {said}" if said else ""
