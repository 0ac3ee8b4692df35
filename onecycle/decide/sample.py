"""The judged items with what the model makes of them, and how often they are resampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide import intervals
from onecycle.decide.scores import Array, Floats

BINS = 5
"""Parts of about as many items each that numbers are cut into."""


@dataclass(frozen=True)
class Sample:
    """What every measure is taken of; each of them draws the same resamples.

    Attributes:
        scores: the model's raw outputs, float [N, width].
        y: the truth, as `Kind` has it.
        decision: what calibrate fitted.
        groups: str [N]; null where an item has none.
        size_px: width and height of the pictures, float [N, 2]; null without pictures.
        draws: resamples behind an interval.
        seed: of the resamples.
    """

    scores: Array
    y: Array
    decision: dict[str, Any]
    groups: Array | None = None
    size_px: Array | None = None
    draws: int = 1000
    seed: int = 0

    def __len__(self) -> int:
        return len(self.y)

    @property
    def by_item(self) -> Sample:
        """The same, resampled by items: it speaks of the groups at hand."""
        return replace(self, groups=None)

    def part(self, rows: Array) -> Sample:
        """Some of the items, by int or bool rows."""
        groups = None if self.groups is None else self.groups[rows]
        size_px = None if self.size_px is None else self.size_px[rows]
        return replace(
            self, scores=self.scores[rows], y=self.y[rows], groups=groups, size_px=size_px
        )

    def measure(
        self, metrics: Callable[[Floats], dict[str, Floats]]
    ) -> dict[str, intervals.Interval]:
        """As `intervals.measure`."""
        return intervals.measure(metrics, len(self), self.groups, draws=self.draws, seed=self.seed)

    def resample(self, values: Callable[[Floats], Floats]) -> intervals.Resampled:
        """As `intervals.Resampled.of`."""
        given = {"draws": self.draws, "seed": self.seed}
        return intervals.Resampled.of(values, len(self), self.groups, **given)

    def means(self, values: Array, among: Array, *, shares: bool = False) -> pd.DataFrame:
        """Means of `values` [N] over the parts `among` [N, M]; as `intervals.ratios`."""
        top = values[:, None] * among
        return self.ratios(top, among, shares=shares)

    def ratios(self, top: Array, among: Array, *, shares: bool = False) -> pd.DataFrame:
        """As `intervals.ratios`."""
        given = {"draws": self.draws, "seed": self.seed}
        return intervals.ratios(top, among, self.groups, shares=shares, **given)


def parts_of(codes: Array, width: int) -> Array:
    """Which part each item is in: int [N], -1 for none, to bool [N, width]."""
    belongs: Array = codes[:, None] == np.arange(width)
    return belongs


def binned(numbers: pd.Series[Any]) -> pd.Series[Any]:
    """The bin of each number, from few to many, below `BINS`; equal numbers stay together.

    By rank, for quantiles would leave one bin where most numbers are equal.
    """
    return (numbers.rank() - 0.5) * BINS // len(numbers)
