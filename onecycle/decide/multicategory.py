"""Any number of labels: logits [N, K] against a one-hot bool or float [N, K]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from onecycle.decide import metrics as m
from onecycle.decide import optimum, ranking, thresholds
from onecycle.decide.labelling import Aim, Counts, Goal
from onecycle.decide.scores import Array, Floats, finite, sigmoid
from onecycle.decide.thresholds import choose_labels
from onecycle.errors import UserError
from onecycle.params import Section

headline = "map"
better = m.better


class Params(Section):
    """The calibrate section: what the threshold should reach.

    The default aim is what the lesson sweeps. Where labels are rare it rewards giving few of them;
    the f1 aims weigh a missed label more.

    Attributes:
        aim: accuracy_multi, f1_micro or f1_macro, to be highest; cost, to be lowest; or precision,
            to be reached with the most recall.
        cost: of the aim cost: what a missed label costs, where one wrongly given costs 1.
        precision: of the aim precision: share of the labels given that should be right.
        exact: the best threshold of all, in place of the best of the sweep's 29.
        per_class: a threshold for each label, in place of one for all.
        shrink: items with a label at which its own threshold and the one for all weigh the same.
    """

    aim: Aim = "accuracy_multi"
    cost: float = Field(1.0, gt=0)
    precision: float = Field(0.9, gt=0, lt=1)
    exact: bool = False
    per_class: bool = False
    shrink: float = Field(20.0, ge=0)


def fit(
    scores: Array,
    y: Array,
    params: Params,
    size_px: Array | None = None,
    groups: Array | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The thresholds, and the sweep in its bands.

    Raises:
        UserError: no item has a label, or the precision asked for is not reached.
    """
    logits, goal = finite(scores), Goal(params.aim, params.cost, params.precision)
    curve, (low, high) = thresholds.sweep_in_bands(logits, y, goal, groups)
    swept = thresholds.best_threshold(curve, goal)
    exact = optimum.best_for_all(logits, y, goal)
    common = exact if params.exact else swept
    if common is None:
        highest = curve["precision"].max()
        raise UserError(
            f"calibrate.precision: {params.precision} is reached at no threshold; the highest of "
            f"the sweep is {highest:.3f}. Lower it" + ("" if params.exact else ", or try exact")
        )
    own = optimum.best_for_each(logits, y, goal)
    shrunk = optimum.shrink(own, common, (y > 0).sum(axis=0), params.shrink)
    asked = {name: {name: getattr(params, name)} for name in ("cost", "precision")}
    decision: dict[str, Any] = {
        "kind": "multicategory",
        "aim": params.aim,
        **asked.get(params.aim, {}),
        "threshold": common,
        "threshold_low": low,
        "threshold_high": high,
        "sweep": swept,
        "exact": exact,
        "thresholds": shrunk.tolist(),
        "per_class": params.per_class,
    }
    return decision, curve


def default() -> dict[str, Any]:
    """A label is given where it is likelier than not."""
    return {"kind": "multicategory", "aim": None, "threshold": 0.5, "per_class": False}


def rivals(decision: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Likelier than not, the best of the sweep, the best of all, one for each label."""
    common = {"0.5": 0.5, "sweep": decision["sweep"], "exact": decision["exact"]}
    one = decision | {"per_class": False}
    found = {name: one | {"threshold": t} for name, t in common.items() if t is not None}
    return found | {"per class": decision | {"per_class": True}}


def goal_of(decision: dict[str, Any]) -> Goal:
    """What the decision was to reach."""
    asked = {name: decision[name] for name in ("cost", "precision") if name in decision}
    return Goal(decision["aim"], **asked)


def threshold_of(decision: dict[str, Any]) -> float | Floats:
    """The threshold that decides: one for all labels, or float64 [K]."""
    if decision.get("per_class"):
        return np.asarray(decision["thresholds"], dtype=np.float64)
    return float(decision["threshold"])


def decided(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> dict[str, Floats]:
    """What the labels given reach."""
    chosen = choose_labels(finite(scores), threshold_of(decision))
    return thresholds.measure(chosen, y, goal_of(decision), weights)


def curve(
    scores: Array, y: Array, decision: dict[str, Any], size_px: Array | None = None
) -> pd.DataFrame:
    """The sweep."""
    return thresholds.sweep(finite(scores), y, goal_of(decision))


def baseline(y_train: Array, n: int, width: int) -> Floats:
    """Logit of each label's frequency in train, one added to the yes and to the no (Laplace)."""
    yes = (y_train > 0).sum(axis=0)
    return np.tile(np.log((yes + 1.0) / (len(y_train) - yes + 1.0)), (n, 1))


def metrics(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> dict[str, Floats]:
    """'map' and 'map_11' of the scores; the others of the labels given at the threshold."""
    logits = finite(scores)
    chosen = choose_labels(logits, threshold_of(decision))
    area, eleven = ranking.average_precisions(logits, y, weights)
    reached = Counts.of(chosen, y, weights).measures()
    return {
        "map": ranking.mean_of_classes(area, y, weights),
        "map_11": ranking.mean_of_classes(eleven, y, weights),
    } | {name: reached[name] for name in ("accuracy_multi", "f1_micro", "f1_macro")}


def headline_parts(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> Floats:
    """Each label's average precision; NaN where the draw has no positive."""
    area = ranking.average_precisions(finite(scores), y, weights)[0]
    return np.where(weights @ (y > 0).astype(np.float64) > 0, area, np.nan)


def part_bias(scores: Array, y: Array, rows: Array) -> Floats:
    """Of each label's average precision; see `ranking.part_bias`."""
    return ranking.part_bias(finite(scores), y, rows)


def trivial(
    y_train: Array, y: Array, width: int, weights: Floats, size_px: Array | None = None
) -> dict[str, Floats]:
    """The baseline's rankings; the others of whatever constant answer is best for each.

    A baseline that could be beaten by an answer that looks at no item would flatter the model:
    for accuracy it is no label at all or, where that is right more often on `y`, train's majority;
    for f1_micro the most frequent labels, as many as are best on train; for f1_macro all labels.
    """
    frequent = (y_train > 0).mean(axis=0)
    answers = {
        "accuracy_multi": max(
            (np.zeros(width, dtype=bool), frequent > 0.5),
            key=lambda answer: (answer == (y > 0)).mean(),
        ),
        "f1_micro": _best_for_f1_micro(y_train),
        "f1_macro": np.ones(width, dtype=bool),
    }
    scores = baseline(y_train, len(y), width)
    return metrics(scores, y, default(), weights) | {
        name: Counts.of(np.tile(answer, (len(y), 1)), y, weights).measures()[name]
        for name, answer in answers.items()
    }


def _best_for_f1_micro(y_train: Array) -> Array:
    """The labels, bool [K], that make f1_micro highest if they are given to every item of train."""
    yes = (y_train > 0).sum(axis=0)
    order = np.argsort(-yes, kind="stable")
    given = np.arange(1, len(yes) + 1) * len(y_train)
    best = int((2 * yes[order].cumsum() / (given + yes.sum())).argmax())
    chosen = np.zeros(len(yes), dtype=bool)
    chosen[order[: best + 1]] = True
    return chosen


def losses(
    scores: Array, y: Array, decision: dict[str, Any], size_px: Array | None = None
) -> Floats:
    """Each item's surprise at its labels and at those that it lacks, in nats, the labels' mean."""
    logits = finite(scores)
    surprise: Floats = np.logaddexp(0.0, np.where(y > 0, -logits, logits)).mean(axis=1)
    return surprise


def answers(
    scores: Array,
    decision: dict[str, Any],
    vocab: Sequence[str],
    size_px: Array | None = None,
) -> pd.DataFrame:
    """The labels given, a list that may be empty; their probabilities; the likeliest label's."""
    logits = finite(scores)
    p = sigmoid(logits)
    chosen = [np.flatnonzero(row) for row in choose_labels(logits, threshold_of(decision))]
    return pd.DataFrame(
        {
            "predicted": [[vocab[k] for k in row.tolist()] for row in chosen],
            "probabilities": [own[row].tolist() for own, row in zip(p, chosen, strict=True)],
            "probability": p.max(axis=1),
        }
    )
