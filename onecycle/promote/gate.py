"""Whether a challenger may take the champion's place: by the same items, and by more than luck."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide import paired
from onecycle.decide.intervals import within_groups
from onecycle.decide.kinds import KINDS
from onecycle.errors import UserError
from onecycle.params import nearest
from onecycle.promote import checks
from onecycle.promote.side import Side
from onecycle.report.results import judge
from onecycle.report.words import count

DRAWS, SEED = 1000, 0


@dataclass(frozen=True)
class Verdict:
    """What the gate says.

    Attributes:
        passes: whether the challenger may be promoted.
        why: in sentences: what decided, or each reason to refuse.
        cautions: what the numbers leave out.
        metric: what decided, by name; null where nothing was compared.
        n: items that judged.
        gains: a row for each metric, as `onecycle.decide.paired.compare` gives them; null likewise.
        test_sha256: of the judged items and their truth; null where it could not be read.
    """

    passes: bool
    why: list[str]
    cautions: list[str] = field(default_factory=list)
    metric: str | None = None
    n: int = 0
    gains: pd.DataFrame | None = None
    test_sha256: str | None = None

    def json(self) -> dict[str, Any]:
        """As JSON has it; a bound that is infinite is null."""
        table = None
        if self.gains is not None:
            rows = self.gains.to_dict("records")
            table = [{key: _finite(each) for key, each in row.items()} for row in rows]
        return vars(self) | {"gains": table}


def _finite(value: Any) -> Any:  # noqa: ANN401 - a cell of a table
    return None if isinstance(value, float) and not np.isfinite(value) else value


def decide(
    champion: Side | None, challenger: Side, *, metric: str | None = None, margin: float = 0.0
) -> Verdict:
    """Compares two models on the same test items.

    Args:
        champion: null where there is none yet: the challenger must then beat the trivial predictor.
        challenger: who would take its place.
        metric: what decides; null: the headline of the kind.
        margin: the most that may be lost, in the metric's unit. 0: a gain must be shown. Above it:
            it is enough that no greater loss is likely, as for a model of newer data.
    """
    metric = metric or KINDS[challenger.kind].headline
    reasons = list(checks.reasons(champion, challenger))
    if reasons:
        found = Verdict(passes=False, why=reasons)
    elif champion is None:
        found = first(challenger, metric)
    elif champion.sha256 == challenger.sha256:
        found = Verdict(passes=False, why=["it is the champion's model, to the byte"])
    else:
        found = compared(champion, challenger, metric, margin)
    said = [*checks.cautions(champion, challenger), *found.cautions]
    return replace(found, cautions=said, test_sha256=checks.test_sha256(challenger))


def first(challenger: Side, metric: str) -> Verdict:
    """The verdict where there is no champion: the model must beat the trivial predictor."""
    intervals = challenger.intervals
    found = judge(intervals, challenger.kind, _known(metric, intervals))
    value = f"{intervals[metric]['value']:.4g}"
    base = intervals.get(f"baseline_{metric}", {}).get("value", np.nan)
    why = f"there is no champion; {metric}: {value}, {base:.4g} of the trivial predictor: {found}"
    return Verdict(found == "better", [why], metric=metric, n=len(challenger.ids))


def compared(champion: Side, challenger: Side, metric: str, margin: float) -> Verdict:
    """The verdict on two that can be compared."""
    met = champion.met | challenger.met
    rows = np.array([each not in met for each in challenger.ids])
    try:
        old, new = (each.sample(rows, DRAWS, SEED) for each in (champion, challenger))
        gains = paired.compare(old, new)
    except UserError as error:
        return Verdict(passes=False, why=[str(error)])
    row = gains["metric"].tolist().index(_known(metric, gains["metric"]))
    gain = gains.iloc[row]
    said = []
    if met:
        left = count(len(met), "item")
        said.append(f"{left} of test were left out, for another part has the same")
    if within_groups(old.groups):
        said.append("the items come from few groups: how a new group does is not said")
    passes = bool(gain["low"] > -margin) if margin else bool(gain["low"] > 0)
    return Verdict(passes, [says(gain, metric, margin)], said, metric, len(old), gains)


def _known(metric: str, names: Any) -> str:  # noqa: ANN401 - anything that holds names
    """The metric, if there is such.

    Raises:
        UserError: there is none.
    """
    if metric not in list(names):
        raise UserError(f"metric: the models have no '{metric}'; {nearest(metric, list(names))}")
    return metric


def says(gain: pd.Series[Any], metric: str, margin: float) -> str:
    """The comparison in a sentence."""
    low, high = gain["low"], gain["high"]
    interval = f"{gain['gain']:+.4g}, 95 % interval {low:+.4g} to {high:+.4g}"
    if low > 0:
        verdict = "the challenger is better"
    else:
        verdict = "the challenger is worse" if high < 0 else "no gain is shown"
        if margin:
            loss = "is smaller than" if low > -margin else "may be over"
            verdict += f"; a loss {loss} {margin:g}"
    values = f"{gain['old']:.4g} of the champion, {gain['new']:.4g} of the challenger"
    return f"{metric}: {values}; gain {interval}: {verdict}"
