"""What a decision is worth: on the items it was fitted on, on those that judge, and the gap.

A decision is chosen where luck was good, so that it looks better on the items it was fitted on than
on others. How much of the gap is due to choosing, and not to harder items, is told by the gap of a
decision that nobody chose, on the same resamples: that part is the same for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide.bounds import bounds
from onecycle.decide.intervals import bootstrap_weights, units_of, within_groups
from onecycle.decide.kinds import Kind
from onecycle.decide.metrics import is_share, limits, units_among
from onecycle.decide.sample import Sample
from onecycle.decide.scores import Floats

Named = dict[tuple[str, str], Floats]  # by decision and metric


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


def weigh(kind: Kind[Any], judged: Sample, fitted: Sample | None, names: Sequence[str]) -> Worth:
    """Holds the decision beside its rivals (see `compare`), and both parts' curves.

    Args:
        kind: of the target.
        judged: as in `compare`.
        fitted: likewise.
        names: of the parts that the two are of.
    """
    parts = [judged] if fitted is None else [judged, fitted]
    curves = [
        kind.curve(each.scores, each.y, judged.decision, each.size_px).assign(part=name)
        for name, each in zip(names, parts, strict=False)
    ]
    return Worth(compare(kind, judged, fitted), pd.concat(curves, ignore_index=True))


def compare(kind: Kind[Any], judged: Sample, fitted: Sample | None) -> pd.DataFrame:
    """The decision beside its rivals, on the same resamples.

    Args:
        kind: of the target.
        judged: the items that judge, with the decision.
        fitted: those that it was fitted on; null where they are the same.

    Returns:
        A row for each rival and metric: `decision`, `used` (whether it is the one), `metric`; its
        `value` on the judged items; `more` than the first rival's there; on the fitted items
        `fit`; the `gap`, fit less value; and of that what is due to `choosing`, the gap less the
        first rival's. All with `_low` and `_high`, 95 %; null where there is nothing to tell.
    """
    rivals = kind.rivals(judged.decision)
    base = next(iter(rivals))
    here = Resampled.of(kind, rivals, judged)
    there, both = None, here
    if fitted is not None:  # its own seed: the two parts are independent
        there = Resampled.of(kind, rivals, replace(fitted, seed=fitted.seed + 1))
        both = here.gap_of(there)
    rows = []
    for key in here.values:
        first = (base, key[1])
        used = rivals[key[0]] == judged.decision
        row: dict[str, Any] = {"decision": key[0], "used": used, "metric": key[1]}
        row |= here.told("value", key)
        others = key != first and first in here.values
        row |= here.told("more", key, first) if others else {}
        if there is not None and key in there.values:
            row |= there.told("fit", key)
            row |= both.told("gap", key)
            row |= both.told("choosing", key, first) if others and first in both.values else {}
        rows.append(row)
    names = ("value", "more", "fit", "gap", "choosing")
    columns = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    return pd.DataFrame(rows).reindex(columns=["decision", "used", "metric", *columns])


@dataclass(frozen=True)
class Resampled:
    """Values by decision and metric, and their resamples [draws].

    Attributes:
        values: of all items.
        drawn: of each resample.
        units: of how many items or groups they are.
        grouped: whether the units are groups.
        bare: whether they are metrics, which have limits, and no differences.
    """

    values: dict[tuple[str, str], float]
    drawn: Named
    units: int
    grouped: bool
    bare: bool = True

    @classmethod
    def of(cls, kind: Kind[Any], rivals: dict[str, dict[str, Any]], sample: Sample) -> Resampled:
        """What each rival reaches on a sample."""

        def measured(weights: Floats) -> Named:
            scores, y, size_px = sample.scores, sample.y, sample.size_px
            return {
                (name, metric): values
                for name, rival in rivals.items()
                for metric, values in kind.decided(scores, y, rival, weights, size_px).items()
            }

        n, groups = len(sample), sample.groups
        weights = bootstrap_weights(n, groups, sample.draws, sample.seed)
        chunks = [measured(each) for each in weights]
        values = {name: float(value[0]) for name, value in measured(np.ones((1, n))).items()}
        drawn = {name: np.concatenate([each[name] for each in chunks]) for name in values}
        grouped = groups is not None and not within_groups(groups)
        return cls(values, drawn, int(units_of(n, groups).max()) + 1, grouped)

    def gap_of(self, other: Resampled) -> Resampled:
        """What another has more than this one."""
        keys = [key for key in self.values if key in other.values]
        return Resampled(
            {key: other.values[key] - self.values[key] for key in keys},
            {key: other.drawn[key] - self.drawn[key] for key in keys},
            min(self.units, other.units),
            self.grouped,
            bare=False,
        )

    def told(
        self, name: str, key: tuple[str, str], less: tuple[str, str] | None = None
    ) -> dict[str, Any]:
        """A value, or what it has more than another, and its bounds, under a name."""
        value, drawn = self.values[key], self.drawn[key]
        bare = self.bare and less is None
        if less is not None:
            value, drawn = value - self.values[less], drawn - self.drawn[less]
        beside = {
            metric: it for (decision, metric), it in self.values.items() if decision == key[0]
        }
        units = np.array([units_among(key[1], beside, self.units) if bare else self.units])
        share = np.array([bare and is_share(key[1])])
        found = bounds(np.array([value]), drawn[:, None], units, share, grouped=self.grouped)
        low, high = np.clip(found, *(limits(key[1]) if bare else (-np.inf, np.inf)))
        return {name: value, f"{name}_low": float(low[0]), f"{name}_high": float(high[0])}
