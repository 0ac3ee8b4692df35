"""Any number of labels: logits [N, K] against a one-hot bool or float [N, K]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide import metrics as m
from onecycle.decide import ranking
from onecycle.decide.scores import Array, Floats, finite, sigmoid
from onecycle.decide.thresholds import Aim, best_threshold, choose_labels, sweep
from onecycle.params import Section

headline = "map"
better = m.better


class Params(Section):
    """The calibrate section: what the threshold should make highest.

    The default is what the lesson sweeps. Where labels are rare it rewards giving few of them;
    the f1 aims weigh a missed label more.
    """

    aim: Aim = "accuracy_multi"


def fit(
    scores: Array, y: Array, params: Params, size_px: Array | None = None
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The threshold, and the sweep it was chosen from."""
    curve = sweep(finite(scores), y)
    threshold = best_threshold(curve, params.aim)
    return {"kind": "multicategory", "threshold": threshold, "aim": params.aim}, curve


def default() -> dict[str, Any]:
    """A label is given where it is likelier than not."""
    return {"kind": "multicategory", "threshold": 0.5, "aim": None}


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
    chosen = choose_labels(logits, decision["threshold"])
    area, eleven = ranking.average_precisions(logits, y, weights)
    return {
        "map": ranking.mean_of_classes(area, y, weights),
        "map_11": ranking.mean_of_classes(eleven, y, weights),
        "accuracy_multi": m.accuracy_multi(chosen, y, weights),
        "f1_micro": m.f1_micro(chosen, y, weights),
        "f1_macro": m.f1_macro(chosen, y, weights),
    }


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
        name: getattr(m, name)(np.tile(answer, (len(y), 1)), y, weights)
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
    """The labels given, a list that may be empty, and the likeliest label's probability."""
    logits = finite(scores)
    chosen = choose_labels(logits, decision["threshold"])
    labels = [[vocab[k] for k in np.flatnonzero(row).tolist()] for row in chosen]
    return pd.DataFrame({"predicted": labels, "probability": sigmoid(logits).max(axis=1)})
