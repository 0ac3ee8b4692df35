"""Any number of labels: logits [N, K] against a one-hot bool or float [N, K]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide import metrics as m
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
    """'map' of the scores; the others of the labels given at the threshold."""
    logits = finite(scores)
    chosen = choose_labels(logits, decision["threshold"])
    return {
        "map": m.mean_average_precision(logits, y, weights),
        "accuracy_multi": m.accuracy_multi(chosen, y, weights),
        "f1_micro": m.f1_micro(chosen, y, weights),
        "f1_macro": m.f1_macro(chosen, y, weights),
    }


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
