"""What a decision is worth: on the items it was fitted on, on those that judge, and the gap.

A decision is chosen where luck was good, so that it looks better on the items it was fitted on than
on others. How much of the gap is due to choosing, and not to harder items, is told by the gap of a
decision that nobody chose, on the same resamples: that part is the same for both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide.intervals import bootstrap_weights, bounds, units_of
from onecycle.decide.kinds import Kind
from onecycle.decide.scores import Array, Floats

Named = dict[tuple[str, str], Floats]  # by decision and metric


@dataclass(frozen=True)
class Scored:
    """Items with what the model makes of them.

    Attributes:
        part: of the split.
        scores: its raw outputs, float [N, width].
        y: the truth, as `Kind` has it.
        groups: str [N]; null where an item has none.
        size_px: widths and heights of pictures, float [N, 2]; null without pictures.
    """

    part: str
    scores: Array
    y: Array
    groups: Array | None = None
    size_px: Array | None = None

    def resample(
        self, values: Callable[[Floats], Named], draws: int, seed: int
    ) -> tuple[dict[tuple[str, str], float], Named, int]:
        """Values by name, their resamples [draws], and of how many items or groups they are."""
        n = len(self.y)
        chunks = [values(each) for each in bootstrap_weights(n, self.groups, draws, seed)]
        own = {name: float(value[0]) for name, value in values(np.ones((1, n))).items()}
        drawn = {name: np.concatenate([each[name] for each in chunks]) for name in own}
        return own, drawn, int(units_of(n, self.groups).max()) + 1


@dataclass(frozen=True)
class Worth:
    """What a decision is worth, in tables.

    Attributes:
        decisions: of `compare`.
        curves: the kind's curve, of the judged items and of those it was fitted on; `part` says
            which.
    """

    decisions: pd.DataFrame
    curves: pd.DataFrame

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The tables by the name of their CSV."""
        return {"decisions.csv": self.decisions, "curves.csv": self.curves}


def weigh(
    kind: Kind[Any],
    decision: dict[str, Any],
    judged: Scored,
    fitted: Scored | None,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> Worth:
    """Holds the decision beside its rivals (see `compare`), and both parts' curves."""
    parts = [judged] if fitted is None else [judged, fitted]
    curves = [
        kind.curve(each.scores, each.y, decision, each.size_px).assign(part=each.part)
        for each in parts
    ]
    decisions = compare(kind, decision, judged, fitted, draws=draws, seed=seed)
    return Worth(decisions, pd.concat(curves, ignore_index=True))


def compare(
    kind: Kind[Any],
    decision: dict[str, Any],
    judged: Scored,
    fitted: Scored | None,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """The decision beside its rivals, on the same resamples.

    Args:
        kind: of the target.
        decision: what calibrate fitted.
        judged: the items that judge.
        fitted: those that it was fitted on; null where they are the same.
        draws: resamples of each.
        seed: of the resamples.

    Returns:
        A row for each rival and metric: `decision`, `used` (whether it is the one), `metric`; its
        `value` on the judged items; `more` than the first rival's there; on the fitted items
        `fit`; the `gap`, fit less value; and of that what is due to `choosing`, the gap less the
        first rival's. All with `_low` and `_high`, 95 %; null where there is nothing to tell.
    """
    rivals = kind.rivals(decision)
    base = next(iter(rivals))

    def measured(of: Scored) -> Callable[[Floats], Named]:
        return lambda weights: {
            (name, metric): values
            for name, rival in rivals.items()
            for metric, values in kind.decided(of.scores, of.y, rival, weights, of.size_px).items()
        }

    value, drawn, units = judged.resample(measured(judged), draws, seed)
    fit: dict[tuple[str, str], float] = {}
    fit_drawn: Named = {}
    fit_units = units
    if fitted is not None:  # its own seed: the two parts are independent
        fit, fit_drawn, fit_units = fitted.resample(measured(fitted), draws, seed + 1)
    fewest = min(units, fit_units)
    rows = []
    for key, own in value.items():
        first = (base, key[1])
        row = {"decision": key[0], "used": rivals[key[0]] == decision, "metric": key[1]}
        row |= _told("value", own, drawn[key], units)
        if key in fit:
            row |= _told("fit", fit[key], fit_drawn[key], fit_units)
        if key != first and first in value:
            row |= _told("more", own - value[first], drawn[key] - drawn[first], units)
        if key in fit:
            gap, gap_drawn = fit[key] - own, fit_drawn[key] - drawn[key]
            row |= _told("gap", gap, gap_drawn, fewest)
        if key in fit and key != first and first in fit and first in value:
            less, less_drawn = fit[first] - value[first], fit_drawn[first] - drawn[first]
            row |= _told("choosing", gap - less, gap_drawn - less_drawn, fewest)
        rows.append(row)
    names = ("value", "more", "fit", "gap", "choosing")
    columns = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    return pd.DataFrame(rows).reindex(columns=["decision", "used", "metric", *columns])


def _told(name: str, value: float, drawn: Floats, units: int) -> dict[str, Any]:
    """A value and its bounds, under its name."""
    low, high = bounds(np.array([value]), drawn[:, None], np.array([units]), np.array([False]))
    return {name: value, f"{name}_low": float(low[0]), f"{name}_high": float(high[0])}
