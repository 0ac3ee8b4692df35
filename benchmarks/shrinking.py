"""How far a label's own threshold is to be trusted: `python -m benchmarks.shrinking pascal`.

Run where the problem was trained. Its items of valid and test are shuffled and parted anew, again
and again: thresholds are fitted on some and judged on as many as test has. What the rule in
`onecycle.decide.optimum.shrink` gains over one threshold for all is printed for several `half`s.
"""

import argparse

import numpy as np

from onecycle.decide import optimum, thresholds
from onecycle.decide.labelling import Aim, Goal
from onecycle.decide.scores import Floats, finite
from onecycle.learn import saved
from onecycle.learn.datasets import split_items
from onecycle.paths import Paths
from onecycle.progress import say

HALVES = (0, 5, 10, 20, 40, 80)
AIMS: tuple[Aim, ...] = ("accuracy_multi", "f1_micro", "f1_macro", "cost")
COST = 5.0


def main() -> None:
    """Prints a line for each size and aim."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem")
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--sizes", type=int, nargs="+", default=[150, 350])
    arguments = parser.parse_args()
    scores, y, judged = scored(arguments.problem)
    for size in arguments.sizes:
        for aim in AIMS:
            goal, draws = Goal(aim, COST), range(arguments.draws)
            found = np.array([once(scores, y, goal, size, judged, at) for at in draws])
            half, sweep, exact = found[:, :3].mean(axis=0)
            say(f"{size} items, {aim}: .5 {half:.4f}, sweep {sweep:.4f}, exact {exact:.4f}")
            gains, error = found[:, 3:].mean(axis=0), found[:, 3:].std(axis=0).mean()
            told = ", ".join(f"{h}: {g:+.4f}" for h, g in zip(HALVES, gains, strict=True))
            say(f"  own beside the sweep's, by half: {told} (± {error / len(found) ** 0.5:.4f})")


def scored(problem: str) -> tuple[Floats, Floats, int]:
    """Scores and labels of valid and test together [N, K], and how many items test has."""
    paths = Paths(problem)
    learner = saved.load(paths.model(), paths.data("pixels"))
    columns = ["id", "x", "y", "group"]
    parts = split_items(paths.data("items.parquet"), paths.data("split.parquet"), columns)
    both = [learner.data.blocks.encode(parts[name]) for name in ("valid", "test")]
    scores = [finite(learner.predict(each)) for each in both]
    return np.concatenate(scores), np.concatenate([each.y.numpy() for each in both]), len(both[1])


def once(scores: Floats, y: Floats, goal: Goal, size: int, judged: int, seed: int) -> list[float]:
    """What .5, the sweep and the exact one reach on fresh items; the gains over the sweep's."""
    order = np.random.default_rng(seed).permutation(len(y))
    fit, fresh = order[:size], order[size:][-judged:]
    table = thresholds.sweep(scores[fit], y[fit], goal)
    common = thresholds.best_threshold(table, goal) or 0.5
    exact = optimum.best_for_all(scores[fit], y[fit], goal) or 0.5
    own = optimum.best_for_each(scores[fit], y[fit], goal)
    positives = (y[fit] > 0).sum(axis=0)

    def reached(threshold: float | Floats) -> float:
        chosen = thresholds.choose_labels(scores[fresh], threshold)
        found = thresholds.measure(chosen, y[fresh], goal, np.ones((1, len(fresh))))
        return float(found[goal.aim][0])

    sweep = reached(common)
    drawn = [optimum.shrink(own, common, positives, half) for half in HALVES]
    return [reached(0.5), sweep, reached(exact), *(reached(each) - sweep for each in drawn)]


if __name__ == "__main__":
    main()
