"""How thresholds that were chosen on some items do on others: parted anew, again and again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from onecycle.decide import optimum
from onecycle.decide.intervals import units_of
from onecycle.decide.labelling import Goal
from onecycle.decide.scores import Array, Floats, finite
from onecycle.decide.thresholds import THRESHOLDS, best_place, choose_labels
from onecycle.studies.compare import Estimate
from onecycle.studies.measured import Measured
from onecycle.studies.outcome import Part
from onecycle.studies.questions.curves import limiting, worth, worths

HALF, SWEEP, EXACT, PER_CLASS = "half", "sweep", "exact", "per_class"
CHOICES = (HALF, SWEEP, EXACT, PER_CLASS)
PARTINGS, FOLDS = 60, 5
Thresholds = dict[str, float | Floats]  # by choice: one for all labels, or one for each, [K]


@dataclass(frozen=True)
class Chooser:
    """What fits thresholds, as calibrate does.

    Attributes:
        goal: what they are to reach.
        exact: whether labels' own thresholds are drawn towards the exact one, not the sweep's.
        shrink: as calibrate's.
    """

    goal: Goal
    exact: bool
    shrink: float

    def fit(self, logits: Floats, y: Array) -> Thresholds:
        """Each choice's thresholds."""
        whole = Part(np.arange(len(y)), y, logits)
        curve = worths(whole, self.goal, np.ones((1, len(y))))[0]
        swept = float(THRESHOLDS[best_place(curve)])
        exact = optimum.best_for_all(logits, y, self.goal)
        exact = swept if exact is None else exact
        own = optimum.best_for_each(logits, y, self.goal)
        common = exact if self.exact else swept
        shrunk = optimum.shrink(own, common, (y > 0).sum(axis=0), self.shrink)
        return {HALF: 0.5, SWEEP: swept, EXACT: exact, PER_CLASS: shrunk}

    def labels(self, fit: Part, on: Part) -> dict[str, Array]:
        """The labels, bool [N, K], that each choice fitted on some items gives to others."""
        found = self.fit(finite(fit.scores), fit.y)
        logits = finite(on.scores)
        return {name: choose_labels(logits, limit) for name, limit in found.items()}

    def crossed(self, part: Part) -> dict[str, Array]:
        """Labels given to a fifth of the items at a time by what the other four fitted."""
        given: dict[str, Array] = {}
        for out in _folds(part):
            for name, each in self.labels(_only(part, ~out), _only(part, out)).items():
                given.setdefault(name, np.zeros(part.y.shape, dtype=bool))[out] = each
        return given

    def measured(self, parts: Sequence[Part], given: Sequence[Mapping[str, Array]]) -> Measured:
        """What labels given to the same items by each seed's model reach, by choice."""

        def values(weights: Floats) -> dict[str, list[Floats]]:
            return {
                name: [
                    worth(each[name], part.y, self.goal, weights)
                    for part, each in zip(parts, given, strict=True)
                ]
                for name in CHOICES
            }

        one = parts[0]
        return Measured.of(values, len(one), one.groups, metric=limiting(self.goal))

    def parted(self, part: Part) -> dict[str, Floats]:
        """Chosen on one half of the items and judged on the other, float64 [60] by name.

        `optimism CHOICE`: fit less judged, less the same of .5, which nobody chose; `gain CHOICE`:
        judged, over .5; `regret`: what the sweep's choice is worse there than the threshold that
        is best on all items.
        """
        curves = worths(part, self.goal, np.ones((1, len(part))))[0]
        best = best_place(curves)
        rows: dict[str, list[float]] = {}
        for half in _halves(part):
            fit, rest = half.astype(np.float64), (~half).astype(np.float64)
            both, logits = np.stack([fit, rest]), finite(part.scores)
            found = self.fit(logits[half], part.y[half]) | {"best": float(THRESHOLDS[best])}
            reached = {
                name: worth(choose_labels(logits, limit), part.y, self.goal, both)
                for name, limit in found.items()
            }
            base = reached[HALF]
            for name in CHOICES[1:]:
                luck = (reached[name] - base)[0] - (reached[name] - base)[1]
                rows.setdefault(f"optimism {name}", []).append(luck)
                rows.setdefault(f"gain {name}", []).append((reached[name] - base)[1])
            rows.setdefault("regret", []).append((reached["best"] - reached[SWEEP])[1])
        return {name: np.array(of) for name, of in rows.items()}


def middle(by_seed: Sequence[Floats]) -> Estimate:
    """The mean over partings and seeds; in place of an interval the middle 95 % of partings."""
    low, high = np.quantile(np.concatenate(by_seed), [0.025, 0.975]).tolist()
    means = np.array([each.mean() for each in by_seed])
    return Estimate(float(means.mean()), low, high, tuple(means.tolist()))


def pooled(first: Part, second: Part) -> Part:
    """The items of two parts."""
    return Part.pooled([first, second])


def _only(part: Part, rows: Array) -> Part:
    return Part(part.ids[rows], part.y[rows], part.scores[rows])


def _folds(part: Part) -> Iterator[Array]:
    """A fifth of the items, or of their groups, at a time, bool [N]."""
    units = units_of(len(part), part.groups)
    turn = np.random.default_rng(0).permutation(int(units.max()) + 1) % FOLDS
    for fold in range(FOLDS):
        yield turn[units] == fold


def _halves(part: Part) -> Iterator[Array]:
    """Half of the items, or of their groups, drawn anew each time, bool [N]."""
    units = units_of(len(part), part.groups)
    count = int(units.max()) + 1
    for draw in range(PARTINGS):
        order = np.random.default_rng(draw).permutation(count)
        yield order[units] < count // 2
