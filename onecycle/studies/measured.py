"""Numbers that no metric of a kind is, with the intervals of `onecycle.studies.compare`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from onecycle.decide.intervals import Resampled
from onecycle.decide.metrics import is_share, limits
from onecycle.decide.scores import Array, Floats
from onecycle.studies.compare import DRAWS, SEED, Estimate, averaged, over_seeds

Values = Callable[[Floats], Mapping[str, Sequence[Floats]]]


@dataclass(frozen=True)
class Measured:
    """Numbers of the same items by name, one for each seed, all on the same resamples.

    Attributes:
        resampled: every number of every seed, a column each.
        places: by name: its seeds' columns.
        metric: whose limits the intervals keep; null for none.
    """

    resampled: Resampled
    places: Mapping[str, slice]
    metric: str | None = None

    @classmethod
    def of(
        cls,
        values: Values,
        n: int,
        groups: Array | None = None,
        *,
        metric: str | None = None,
        seed: int = SEED,
    ) -> "Measured":
        """Resamples numbers.

        Args:
            values: from weights [B, n] to each number's seeds, [B] each; a seed may have NaN.
            n: items.
            groups: str [n], as in `onecycle.decide.intervals.measure`.
            metric: as above.
            seed: of the resamples: numbers of other items need another one.
        """
        places, at = {}, 0
        for name, of in values(np.ones((1, n))).items():
            places[name] = slice(at, at + len(of))
            at += len(of)

        def columns(weights: Floats) -> Floats:
            return np.stack([each for of in values(weights).values() for each in of], axis=1)

        found = Resampled.of(columns, n, groups, draws=DRAWS, seed=seed)
        return cls(found, places, metric)

    @classmethod
    def shares(cls, flags: Mapping[str, Array], groups: Array | None = None) -> "Measured":
        """Shares of items, of flags bool [S, N] by name."""

        def values(weights: Floats) -> Mapping[str, Sequence[Floats]]:
            total = weights.sum(axis=1, keepdims=True)
            return {k: list((weights @ v.T.astype(np.float64) / total).T) for k, v in flags.items()}

        n = next(iter(flags.values())).shape[1]
        return cls.of(values, n, groups, metric="answered")

    def __getitem__(self, name: str) -> Estimate:
        """A number."""
        return over_seeds(self.mean(name), self.by_seed(name), self.metric)

    def more(self, name: str, base: str) -> Estimate:
        """What a number is more than another."""
        seeds = self.by_seed(name) - self.by_seed(base)
        return over_seeds(self.mean(name) - self.mean(base), seeds)

    def curve(self) -> pd.DataFrame:
        """`value low high` of all numbers, the mean over seeds, with its luck of items alone."""
        shares, ends = (False, (-np.inf, np.inf))
        if self.metric:
            shares, ends = is_share(self.metric), limits(self.metric)
        tables = [self.mean(name).table(shares=shares, ends=ends) for name in self.places]
        return pd.concat(tables, ignore_index=True)

    def mean(self, name: str) -> Resampled:
        """The mean over seeds, one column."""
        return averaged(self.resampled[self.places[name]])

    def each(self, names: Sequence[str]) -> Resampled:
        """Of each seed the number that is named for it, a column each."""
        of = [self.places[name].start + seed for seed, name in enumerate(names)]
        value, drawn = self.resampled.value[of], self.resampled.drawn[:, of]
        return replace(self.resampled, value=value, drawn=drawn)

    def by_seed(self, name: str) -> Floats:
        """Each seed's, float64 [S]."""
        found: Floats = self.resampled.value[self.places[name]]
        return found


def estimates(figures: Mapping[str, Estimate | float | str]) -> dict[str, Estimate]:
    """Those of a study's figures that have an interval."""
    return {name: each for name, each in figures.items() if isinstance(each, Estimate)}
