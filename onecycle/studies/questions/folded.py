"""Folds of an arm: each by itself, all together, and what luck makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from onecycle.decide.scores import Array, Floats
from onecycle.studies.compare import SEED, Judge
from onecycle.studies.outcome import Outcome

FOLDS = "folds"
DEALS = 1000
_CHUNK = 2_000_000  # weights held at once


@dataclass(frozen=True)
class Folded:
    """An arm's folds: their items together, and each by itself.

    Attributes:
        judge: of all items, each judged by the fold's model that did not learn from it.
        folds: each fold's own.
        fold: of each item of `judge`, int [N].
        whole_groups: whether groups are dealt out, rather than items.
    """

    judge: Judge
    folds: Sequence[Judge]
    fold: Array
    whole_groups: bool

    @classmethod
    def of(cls, kind: str, outcome: Outcome, *, whole_groups: bool) -> "Folded":
        """Those of an arm that has folds.

        Raises:
            UserError: a training gave no model.
        """
        judge = Judge.of(kind, {FOLDS: outcome}, "test")
        parts = [[run.parts["test"] for run in seed] for seed in outcome.runs]
        folds = [Judge(kind, {FOLDS: list(of)}, judge.metric) for of in zip(*parts, strict=True)]
        ids = judge.parts[FOLDS][0].ids
        fold = np.empty(len(ids), dtype=np.int64)
        for at, each in enumerate(folds):
            fold[np.searchsorted(ids, each.parts[FOLDS][0].ids)] = at
        return cls(judge, folds, fold, whole_groups)

    @cached_property
    def values(self) -> Floats:
        """Each fold's metric, the mean over seeds, float64 [k]."""
        found: Floats = self.judge.weighted(FOLDS, self._masks(self.fold[None]))
        return found

    def dealt(self, *, groups: bool) -> Floats:
        """The folds' metrics if items, or whole groups, were dealt out to them by chance.

        The scores stay as they are, and of each fold the number of items, or of groups.

        Returns:
            float64 [DEALS, k].
        """
        n = len(self.fold)
        names = self.judge.parts[FOLDS][0].groups if groups else None
        units = np.arange(n) if names is None else np.unique(names, return_inverse=True)[1]
        own = np.zeros(int(units.max()) + 1, dtype=np.int64)
        own[units] = self.fold
        draw, found = np.random.default_rng(SEED), []
        step = max(1, _CHUNK // (n * len(self.folds)))
        for start in range(0, DEALS, step):
            rows = min(step, DEALS - start)
            dealt = draw.permuted(np.tile(own, (rows, 1)), axis=1)[:, units]
            found.append(self.judge.weighted(FOLDS, self._masks(dealt)))
        values: Floats = np.concatenate(found).reshape(DEALS, len(self.folds))
        return values

    def _masks(self, fold: Array) -> Floats:
        """Which items are in each fold, from [B, N] to float64 [B * k, N]."""
        within = fold[:, None, :] == np.arange(len(self.folds))[:, None]
        masks: Floats = within.reshape(-1, fold.shape[1]).astype(np.float64)
        return masks


def spread(values: Floats) -> Floats:
    """The standard deviation over folds, of [..., k]."""
    found: Floats = np.std(values, axis=-1, ddof=1)
    return found
