"""How each kind of target is shown, by name: nothing else asks which problem this is.

A kind is a module with the members of `Shown`. A new kind is a new module and a line in `SHOWN`.
"""

from typing import Protocol

import pandas as pd

from onecycle.report import category, multicategory, points, rating
from onecycle.report.facts import Facts
from onecycle.report.parts import Answer, Section


class Shown(Protocol):
    """What the page needs to know of a kind of target.

    Throughout, `predictions` has `id x y group`, the columns of the kind's answers and `loss`.
    """

    @property
    def asks(self) -> str:
        """The question that the model answers, of a `{thing}`."""

    @property
    def trivial(self) -> str:
        """What the trivial predictor does, as the subject of a sentence."""

    @property
    def worst(self) -> str:
        """What `loss` goes by, to complete 'The worst: …'."""

    def answer(self, row: pd.Series) -> Answer:
        """One item's target beside its prediction."""

    def frames(self, facts: Facts) -> dict[str, pd.DataFrame]:
        """The tables behind the kind's sections, at least one, by the name of their CSV."""

    def decision(self, facts: Facts, frames: dict[str, pd.DataFrame]) -> Section:
        """What was fitted on valid, and what it was read from."""

    def details(self, facts: Facts, frames: dict[str, pd.DataFrame]) -> list[Section]:
        """Where the errors lie."""


SHOWN: dict[str, Shown] = {
    "category": category,
    "multicategory": multicategory,
    "points": points,
    "rating": rating,
}
