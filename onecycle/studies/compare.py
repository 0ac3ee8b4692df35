"""Arms held beside each other, with intervals that know of both kinds of luck.

A score varies with the items that judge and with the seed that trains. The first is told by the
bootstrap of `onecycle.decide.intervals`, over items or groups, of the mean over seeds: all arms are
judged by the same items, so differences are paired. The second by Student's t of the seeds' own
scores (of their differences, seed by seed, where arms are compared). The two are independent, and
their intervals are joined by adding the squares of their arms (Zou and Donner 2008, Construction of
confidence limits about effect measures; MOVER). One seed tells nothing of its luck: the interval is
then of the items alone. `tests/studies` simulates how often they hold the truth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import stdtrit

from onecycle.decide.intervals import Resampled, within_groups
from onecycle.decide.kinds import KINDS
from onecycle.decide.metrics import better, is_share, limits
from onecycle.decide.scores import Array, Floats
from onecycle.errors import UserError
from onecycle.studies.outcome import Outcome, Part

LEVEL = 0.95
MARGIN = 0.01
"""A loss that does not count: of errors this share of them, of shares (accuracy, map) so much."""
DRAWS, SEED = 1000, 0
"""Resamples, as many as evaluate's."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: the mean over seeds.
        low: lower bound.
        high: upper bound.
        by_seed: each seed's own.
    """

    value: float
    low: float
    high: float
    by_seed: tuple[float, ...] = ()

    @property
    def excludes_zero(self) -> bool:
        """Whether a difference is told from none."""
        return self.low > 0 or self.high < 0

    def json(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {"by_seed": list(self.by_seed)}


def over_seeds(items: Resampled, by_seed: Floats, name: str | None = None) -> Estimate:
    """Joins the two kinds of luck.

    Args:
        items: the mean over seeds, one column, resampled.
        by_seed: each seed's own, float64 [S].
        name: of the metric, whose limits the interval keeps; null for a difference.
    """
    shares, ends = (is_share(name), limits(name)) if name else (False, (-np.inf, np.inf))
    value, low, high = items.table(shares=shares, ends=ends).values[0].tolist()
    seeds, half = len(by_seed), 0.0
    if seeds > 1:
        t = stdtrit(seeds - 1, (1 + LEVEL) / 2)
        half = t * by_seed.std(ddof=1) / np.sqrt(seeds)
    low, high = value - np.hypot(value - low, half), value + np.hypot(high - value, half)
    low, high = np.clip([low, high], *ends).tolist()
    return Estimate(value, low, high, tuple(by_seed.tolist()))


@dataclass(frozen=True)
class Judge:
    """What some arms come to on a part of the items, by one metric.

    Attributes:
        kind: of the target.
        parts: by arm: the part as each seed's model judges it; the same items in all.
        metric: one that hangs on no decision; the kind's headline if null.
    """

    kind: str
    parts: Mapping[str, list[Part]]
    metric: str

    @classmethod
    def of(
        cls, kind: str, outcomes: Mapping[str, Outcome], part: str, metric: str | None = None
    ) -> "Judge":
        """Takes the arms that have a score on the part.

        Raises:
            UserError: the arms are judged by different items, or none has a score.
        """
        found = {name: each.parts(part) for name, each in outcomes.items()}
        parts = {name: each for name, each in found.items() if each is not None}
        if not parts:
            why = next((each.failed for each in outcomes.values() if each.failed), "no such part")
            raise UserError(f"{part}: no arm has a score: {why}")
        ids = next(iter(parts.values()))[0].ids
        for name, of in parts.items():
            if any(not np.array_equal(each.ids, ids) for each in of):
                raise UserError(f"{part}: arm '{name}' is judged by other items than the rest")
        return cls(kind, parts, metric or KINDS[kind].headline)

    def __contains__(self, arm: str) -> bool:
        return arm in self.parts

    @property
    def n(self) -> int:
        """Items that judge."""
        return len(next(iter(self.parts.values()))[0])

    @property
    def groups(self) -> int | None:
        """Groups that are resampled; null where items are."""
        found = self._all
        return found.units if found.grouped else None

    @property
    def within_groups(self) -> bool:
        """Whether there are groups, but too few to be resampled."""
        return within_groups(next(iter(self.parts.values()))[0].groups)

    @property
    def lower_is_better(self) -> bool:
        """Which way the metric improves."""
        return better(self.metric) == "lower"

    @cached_property
    def _places(self) -> dict[str, slice]:
        """The columns of each arm's seeds."""
        ends = np.cumsum([0, *map(len, self.parts.values())]).tolist()
        pairs = pairwise(ends)
        return {name: slice(*pair) for name, pair in zip(self.parts, pairs, strict=True)}

    @cached_property
    def _all(self) -> Resampled:
        """Every arm's and seed's metric, a column each."""
        one = next(iter(self.parts.values()))[0]

        def values(weights: Floats) -> Floats:
            found = [self._metric(each, weights) for of in self.parts.values() for each in of]
            return np.stack(found, axis=1)

        return Resampled.of(values, len(one), one.groups, draws=DRAWS, seed=SEED)

    def _metric(self, part: Part, weights: Floats) -> Floats:
        kind = KINDS[self.kind]
        y, size_px = part.y, part.size_px
        found = kind.metrics(part.scores, y, kind.default(), weights, size_px)
        return found[self.metric]

    def mean(self, arm: str) -> Resampled:
        """The mean over an arm's seeds, one column, with its resamples."""
        return averaged(self._all[self._places[arm]])

    def weighted(self, arm: str, weights: Floats) -> Floats:
        """The mean over an arm's seeds of other weights of the items, [B, N]; float64 [B]."""
        found: Floats = np.mean([self._metric(each, weights) for each in self.parts[arm]], axis=0)
        return found

    def by_seed(self, arm: str) -> Floats:
        """Each seed's metric, float64 [S]."""
        found: Floats = self._all.value[self._places[arm]]
        return found

    def value(self, arm: str) -> Estimate:
        """An arm's metric."""
        return over_seeds(self.mean(arm), self.by_seed(arm), self.metric)

    def difference(self, arm: str, base: str) -> Estimate:
        """What an arm has more than another."""
        return over_seeds(self.mean(arm) - self.mean(base), self.by_seed(arm) - self.by_seed(base))

    def gain(self, arm: str, base: str) -> Estimate:
        """By how much an arm is better than another: above 0 is better, whatever the metric."""
        found = self.difference(arm, base)
        if not self.lower_is_better:
            return found
        by_seed = tuple(-each for each in found.by_seed)
        return Estimate(-found.value, -found.high, -found.low, by_seed)

    def gains(self, arms: Sequence[str], base: str) -> dict[str, Estimate]:
        """The gain of each of several arms, in intervals that hold all at once.

        One of many differences that are but luck is likely to leave its own interval of 95 %. So
        all are widened alike, by how much further the greatest of them strays in the resamples, in
        its standard deviations, than one alone does: 95 % of resamples lie within all of them
        (max-T; Westfall and Young 1993, Resampling-Based Multiple Testing).
        """
        alone = {arm: self.gain(arm, base) for arm in arms}
        if len(alone) < 2:
            return alone
        drawn = np.hstack([(self.mean(arm) - self.mean(base)).drawn for arm in arms])
        drawn = drawn[:, drawn.std(axis=0) > 0]  # equal arms stray nowhere
        if not drawn.size:
            return alone
        strays = np.abs(drawn - drawn.mean(axis=0)) / drawn.std(axis=0)
        one = np.quantile(strays, LEVEL, axis=0).mean()
        wider = max(1.0, float(np.quantile(strays.max(axis=1), LEVEL) / one))
        return {arm: widened(each, wider) for arm, each in alone.items()}

    def may_lose(self, arm: str, than: str) -> float:
        """The most that an arm may lose to another, in the metric: the bound of its interval."""
        return max(0.0, -self.gain(arm, than).low)

    def spares(self, arm: str, than: str) -> bool:
        """Whether an arm is shown to be as good as another, but for `MARGIN` (non-inferiority).

        Not to be told worse is less: with few items or seeds little is told.
        """
        unit = float(self.by_seed(than).mean()) if self.lower_is_better else 1.0
        return self.may_lose(arm, than) <= MARGIN * unit

    def best(self, arms: list[str] | None = None) -> str:
        """The arm with the best mean; of equals, but for rounding, the first."""
        sign = -1 if self.lower_is_better else 1
        known = [arm for arm in (arms or list(self.parts)) if arm in self.parts]
        means = {arm: sign * float(self.by_seed(arm).mean()) for arm in known}
        top = max(means.values())
        return next(arm for arm in known if np.isclose(means[arm], top, rtol=1e-12, atol=1e-12))


def averaged(columns: Resampled) -> Resampled:
    """The mean of several columns, as one."""
    value = columns.value.mean(keepdims=True)
    drawn: Array = columns.drawn.mean(axis=1, keepdims=True)
    return Resampled(value, drawn, columns.units, columns.grouped)


def widened(found: Estimate, times: float) -> Estimate:
    """An estimate whose bounds are so many times as far away."""
    low, high = (found.value + times * (end - found.value) for end in (found.low, found.high))
    return replace(found, low=low, high=high)
