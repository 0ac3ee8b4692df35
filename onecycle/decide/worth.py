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

from onecycle.decide.intervals import Resampled, columns
from onecycle.decide.kinds import Kind
from onecycle.decide.metrics import is_share, limits, units_among
from onecycle.decide.sample import Sample
from onecycle.decide.scores import Floats

Reached = dict[tuple[str, str], Resampled]  # by decision and metric, one column each


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
    here = _reached(kind, rivals, judged)
    there: Reached = {}
    if fitted is not None:  # its own seed: the two parts are independent
        there = _reached(kind, rivals, replace(fitted, seed=fitted.seed + 1))
    gaps = {key: there[key] - here[key] for key in here if key in there}
    rows = []
    for key in here:
        first = (base, key[1])
        used = rivals[key[0]] == judged.decision
        row: dict[str, Any] = {"decision": key[0], "used": used, "metric": key[1]}
        row |= _metric("value", here, key)
        others = key != first and first in here
        row |= _told("more", (here[key] - here[first]).table()) if others else {}
        if key in gaps:
            row |= _metric("fit", there, key) | _told("gap", gaps[key].table())
        if key in gaps and others and first in gaps:
            row |= _told("choosing", (gaps[key] - gaps[first]).table())
        rows.append(row)
    names = ("value", "more", "fit", "gap", "choosing")
    heads = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    return pd.DataFrame(rows).reindex(columns=["decision", "used", "metric", *heads])


def _reached(kind: Kind[Any], rivals: dict[str, dict[str, Any]], sample: Sample) -> Reached:
    """What each rival reaches on a sample."""

    def measured(weights: Floats) -> dict[tuple[str, str], Floats]:
        scores, y, size_px = sample.scores, sample.y, sample.size_px
        return {
            (decision, metric): values
            for decision, rival in rivals.items()
            for metric, values in kind.decided(scores, y, rival, weights, size_px).items()
        }

    keys = list(measured(np.ones((1, len(sample)))))
    if not keys:
        return {}
    values = sample.resample(lambda weights: columns(measured(weights)))
    return {key: values[k : k + 1] for k, key in enumerate(keys)}


def _metric(name: str, reached: Reached, key: tuple[str, str]) -> dict[str, float]:
    """A metric, which has limits where a difference has none, and its bounds, under a name."""
    decision, metric = key
    beside = {its: float(found.value[0]) for (of, its), found in reached.items() if of == decision}
    units = units_among(metric, beside, reached[key].units)
    table = reached[key].table(units=units, shares=is_share(metric), ends=limits(metric))
    return _told(name, table)


def _told(name: str, table: pd.DataFrame) -> dict[str, float]:
    """The only row's value and bounds, under a name."""
    return dict(zip((name, f"{name}_low", f"{name}_high"), table.values[0].tolist(), strict=True))
