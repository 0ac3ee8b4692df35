"""The kinds of target, by name: nothing outside this package asks which one it deals with.

A kind is a module with the members of `Kind`. A new kind is a new module and a line in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeVar

import pandas as pd
from pydantic import BaseModel

from onecycle.decide import category, multicategory, points, rating
from onecycle.decide.scores import Array, Floats

P = TypeVar("P", bound=BaseModel, contravariant=True)


class Kind(Protocol[P]):
    """What a kind of target answers for.

    Throughout: `scores` float [N, width] are the model's raw outputs; `y` is the truth, int64 [N]
    for category and [N, width] for the others; `size_px` float [N, 2], the original pictures'
    (width, height), is read by points only; a decision is a dict that JSON can hold.
    """

    @property
    def Params(self) -> type[BaseModel]:
        """The model of the parameters' calibrate section for this kind."""

    @property
    def headline(self) -> str:
        """The metric the kind is judged by."""

    def better(self, name: str) -> Literal["higher", "lower"]:
        """Which way the metric `name` improves."""

    def fit(
        self,
        scores: Array,
        y: Array,
        params: P,
        size_px: Array | None = None,
        groups: Array | None = None,
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        """The decision fitted on these items, and the curve it was read from.

        `groups` str [N] are theirs, null where an item has none.

        Raises:
            UserError: The scores are not finite, or too few for what is asked.
        """

    def rivals(self, decision: dict[str, Any]) -> dict[str, dict[str, Any]]:
        """Decisions to hold beside each other, by name: first the one that nothing was fitted for.

        Which of them the decision itself is, is told by being equal to it.
        """

    def decided(
        self,
        scores: Array,
        y: Array,
        decision: dict[str, Any],
        weights: Floats,
        size_px: Array | None = None,
    ) -> dict[str, Floats]:
        """What hangs on the decision alone, as `metrics` has it: values [B] for weights [B, N]."""

    def curve(
        self, scores: Array, y: Array, decision: dict[str, Any], size_px: Array | None = None
    ) -> pd.DataFrame:
        """What these items would make of each place at which the decision could have been put."""

    def default(self) -> dict[str, Any]:
        """The decision of a predictor that was not calibrated, such as the baseline."""

    def baseline(self, y_train: Array, n: int, width: int) -> Floats:
        """Scores float64 [n, width] of the predictor that knows train's targets and no input."""

    def metrics(
        self,
        scores: Array,
        y: Array,
        decision: dict[str, Any],
        weights: Floats,
        size_px: Array | None = None,
    ) -> dict[str, Floats]:
        """Every metric of the kind, values float64 [B] for weights float64 [B, N].

        Those that a decision says nothing of, such as the coverage of a radius that it does not
        have, are left out; so are those that the scores are too narrow for.

        Raises:
            UserError: The scores are not finite.
        """

    def headline_parts(
        self,
        scores: Array,
        y: Array,
        decision: dict[str, Any],
        weights: Floats,
        size_px: Array | None = None,
    ) -> Floats:
        """What the headline is the mean of, float64 [B, C], NaN for what a draw does not have."""

    def part_bias(self, scores: Array, y: Array, rows: Array) -> Floats:
        """How much more than on the whole `headline_parts` are expected to be, float64 [C].

        On a random part of the items that is as large as `rows`, int [n]; NaN where it is too small
        to tell.
        """

    def trivial(
        self, y_train: Array, y: Array, width: int, weights: Floats, size_px: Array | None = None
    ) -> dict[str, Floats]:
        """The metrics, as `metrics` has them, of the best answers that look at no item.

        Those of `baseline`, unless a constant answer is better by a metric.
        """

    def losses(
        self, scores: Array, y: Array, decision: dict[str, Any], size_px: Array | None = None
    ) -> Floats:
        """How wrong the model is on each item, float64 [N], the higher the worse."""

    def answers(
        self,
        scores: Array,
        decision: dict[str, Any],
        vocab: Sequence[str],
        size_px: Array | None = None,
    ) -> pd.DataFrame:
        """A row per item with the answer in the data's own terms; `vocab` names the classes."""


KINDS: dict[str, Kind[Any]] = {
    "category": category,
    "multicategory": multicategory,
    "points": points,
    "rating": rating,
}
