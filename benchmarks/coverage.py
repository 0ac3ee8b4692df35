"""How often the 95 % intervals of all metrics hold the truth, over simulated test sets.

    python -m benchmarks.coverage [--times 1000] [--draws 1000] [--kinds category,rating]

Each test set is drawn anew from a population whose truth is known from a very large draw, and
measured as evaluate does. `more` is the difference of two models' headlines on the same items.
Prints the rows of the table in docs/intervals.md: the share of intervals that hold the truth, and
the shares that lie wholly above and below it.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from onecycle.decide.kinds import KINDS
from onecycle.decide.sample import Sample
from onecycle.decide.scores import Array, Floats, sigmoid
from onecycle.progress import say

POPULATION = 300_000  # items behind a truth
EACH = 10  # items of a group
LAYOUTS = {"200 items": (200, 1), "1,000 items": (1000, 1), "30 groups of 10": (300, EACH)}
LAYOUTS |= {"60 groups of 10": (600, EACH)}
CLASSES, LABELS = 8, 6
SHARED = 0.45  # the group's part of an item's noise: its variance is .2 of the whole
Drawn = tuple[Array, Array, Array]  # scores of a model and of a rival, and the truth


def noise(rng: np.random.Generator, n: int, each: int, width: int) -> Floats:
    """Noise [n, width] of variance 1, in part shared by the items of a group."""
    own = rng.normal(size=(n, width))
    if each == 1:
        return own
    common = np.repeat(rng.normal(size=(n // each, width)), each, axis=0)
    return SHARED * common + np.sqrt(1 - SHARED**2) * own


def category(rng: np.random.Generator, n: int, each: int) -> Drawn:
    """Eight classes, a model that is right on 85 % and too sure, and a rival a little worse."""
    y = rng.choice(CLASSES, size=n, p=np.arange(1, CLASSES + 1) / 36)
    signal, shared = 3 * np.eye(CLASSES)[y], noise(rng, n, each, CLASSES)
    rival = signal + 0.8 * shared + 0.7 * rng.normal(size=(n, CLASSES))
    return 2 * (signal + shared), 2 * rival, y


def multicategory(rng: np.random.Generator, n: int, each: int) -> Drawn:
    """Six labels that 8 to 40 % of the items have."""
    rare = np.array([0.4, 0.3, 0.2, 0.15, 0.1, 0.08])
    level = np.log(rare / (1 - rare)) + noise(rng, n, each, LABELS)
    y = (rng.random((n, LABELS)) < sigmoid(level)).astype(float)
    shared = noise(rng, n, each, LABELS)
    model = 2 * y - 1.5 + shared
    return model, 2 * y - 1.5 + 0.8 * shared + 0.7 * rng.normal(size=y.shape), y


def points(rng: np.random.Generator, n: int, each: int) -> Drawn:
    """Points off by a normal error, one in twenty by three times as much."""
    y = rng.uniform(-0.5, 0.5, size=(n, 2))
    far = np.where(rng.random((n, 1)) < 0.05, 3, 1)
    shared = 0.05 * far * noise(rng, n, each, 2)
    return y + shared, y + 0.8 * shared + 0.04 * rng.normal(size=y.shape), y


def rating(rng: np.random.Generator, n: int, each: int) -> Drawn:
    """Ratings of one to five, and a model off by nine tenths."""
    y = rng.choice(np.arange(1.0, 6), size=(n, 1), p=[0.06, 0.11, 0.27, 0.34, 0.22])
    shared = 0.9 * noise(rng, n, each, 1)
    return y + shared, y + 0.8 * shared + 0.6 * rng.normal(size=y.shape), y


DRAW: dict[str, Callable[[np.random.Generator, int, int], Drawn]] = {
    "category": category,
    "multicategory": multicategory,
    "points": points,
    "rating": rating,
}


def both(sample: Sample, rival: Array) -> Callable[[Floats], dict[str, Floats]]:
    """The model's metrics, and what its headline has more than the rival's."""
    kind = KINDS[sample.decision["kind"]]

    def metrics(weights: Floats) -> dict[str, Floats]:
        given = (sample.y, sample.decision, weights, sample.size_px)
        found, other = kind.metrics(sample.scores, *given), kind.metrics(rival, *given)
        return found | {f"{kind.headline}, more": found[kind.headline] - other[kind.headline]}

    return metrics


def drawn(
    name: str, rng: np.random.Generator, n: int, each: int, draws: int
) -> tuple[Sample, Array]:
    """A test set, and a rival's scores of it."""
    scores, rival, y = DRAW[name](rng, n, each)
    groups = None if each == 1 else np.repeat(np.arange(n // each), each)
    size_px = np.full((n, 2), 300.0)
    return Sample(scores, y, KINDS[name].default(), groups, size_px, draws), rival


def coverage(name: str, layout: tuple[int, int], times: int, draws: int) -> dict[str, Floats]:
    """Shares of intervals that hold the truth, lie above it and lie below it, by metric."""
    n, each = layout
    rng = np.random.default_rng(7)
    truth = truths(name, rng, each)
    found = {metric: np.zeros(3) for metric in truth}
    for seed in range(times):
        sample, rival = drawn(name, rng, n, each, draws)
        sample = replace(sample, seed=seed)
        for metric, it in sample.measure(both(sample, rival)).items():
            above, below = it["low"] > truth[metric], it["high"] < truth[metric]
            found[metric] += [not (above or below), above, below]
    return {metric: counts / times for metric, counts in found.items()}


def truths(name: str, rng: np.random.Generator, each: int) -> dict[str, float]:
    """Every metric on the population."""
    n = POPULATION // each * each
    sample, rival = drawn(name, rng, n, each, 1)
    return {metric: float(v[0]) for metric, v in both(sample, rival)(np.ones((1, n))).items()}


def main(argv: list[str] | None = None) -> int:
    """Prints the table as it grows."""
    command = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    command.add_argument("--times", type=int, default=1000, help="simulated test sets each")
    command.add_argument("--draws", type=int, default=1000, help="resamples behind an interval")
    command.add_argument("--kinds", default=",".join(DRAW), help="separated by commas")
    given = command.parse_args(argv)
    say(f"| of | metric | {' | '.join(LAYOUTS)} |")
    say(f"|---|---|{'---|' * len(LAYOUTS)}")
    for name in given.kinds.split(","):
        columns = [coverage(name, each, given.times, given.draws) for each in LAYOUTS.values()]
        for metric in columns[0]:
            cells = [told(column[metric]) for column in columns]
            say(f"| {name} | {metric} | {' | '.join(cells)} |")
    return 0


def told(shares: Floats) -> str:
    """A cell of the table, in percent: held, and in brackets wholly above and below."""
    held, above, below = 100 * shares
    return f"{held:.1f} ({above:.1f}, {below:.1f})"


if __name__ == "__main__":
    raise SystemExit(main())
