"""How good a labelling is, from counts: what an aim makes highest is a function of these alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from onecycle.decide.metrics import mean_where, ratio
from onecycle.decide.scores import Array, Floats

_SAME = 1e-12
"""A precision that lacks less is reached: 0.7 is, by 7 of 10."""
Aim: TypeAlias = Literal["accuracy_multi", "f1_micro", "f1_macro", "cost", "precision"]


@dataclass(frozen=True)
class Goal:
    """What a threshold should reach.

    Attributes:
        aim: a metric to make highest; or `cost`, to make lowest; or `precision`, which is to be
            reached with the most recall.
        cost: of the aim `cost`: what a missed label costs, where one wrongly given costs 1.
        precision: of the aim `precision`: share of the labels given that should be right.
    """

    aim: Aim = "accuracy_multi"
    cost: float = 1.0
    precision: float = 0.9

    def worth(self, measures: dict[str, Floats]) -> Floats:
        """How good each of several labellings is, the higher the better; -inf: not allowed.

        Args:
            measures: of `Counts.measures`, any shape.
        """
        if self.aim == "cost":
            return -measures["cost"]
        if self.aim == "precision":
            reached = measures["precision"] >= self.precision - _SAME
            return np.where(reached, measures["recall"], -np.inf)
        return measures[self.aim]


@dataclass(frozen=True)
class Counts:
    """(item, label) pairs, or their weights: `right`, `given`, `true` float [..., K].

    Attributes:
        right: labels given that are there.
        given: labels given.
        true: labels that are there.
        items: how many items, or their weight, float [...].
    """

    right: Floats
    given: Floats
    true: Floats
    items: Floats

    @classmethod
    def of(cls, chosen: Array, y: Array, weights: Floats) -> Counts:
        """Counts a labelling.

        Args:
            chosen: bool [N, K].
            y: bool or float [N, K], one-hot.
            weights: float64 [B, N].

        Returns:
            Arrays [B, K].
        """
        true = y > 0
        right, given, own = (
            weights @ each.astype(np.float64) for each in (chosen & true, chosen, true)
        )
        return cls(right, given, own, weights.sum(axis=1))

    def measures(self, cost: float = 1.0) -> dict[str, Floats]:
        """What a labelling is judged by, float [...] each.

        `accuracy_multi` is the share of (item, label) pairs that are decided right, as fast.ai's.
        `cost` is the mean over (item, label) pairs of `cost` for a label missed and 1 for one
        wrongly given. `precision` and `recall` are over all pairs together; 0 where nothing is
        given, or there; so is `f1_micro`. `f1_macro` is the mean over the labels that are there,
        NaN where none is: whatever is given, so that all thresholds are judged on the same labels
        and a rare one that a resample misses does not count as a failure.
        """
        right, given, true = (each.sum(axis=-1) for each in (self.right, self.given, self.true))
        pairs = self.items * self.right.shape[-1]
        missed, wrong = true - right, given - right
        own = ratio(2 * self.right, self.given + self.true)
        return {
            "accuracy_multi": 1 - (missed + wrong) / pairs,
            "f1_micro": ratio(2 * right, given + true),
            "f1_macro": mean_where(own, self.true > 0),
            "precision": ratio(right, given),
            "recall": ratio(right, true),
            "cost": (cost * missed + wrong) / pairs,
        }
