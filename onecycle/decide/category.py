"""One class of several: logits [N, K] against a class index int64 [N]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide import metrics as m
from onecycle.decide.scores import Array, Floats, finite, log_softmax
from onecycle.decide.temperature import fit_temperature
from onecycle.params import Section

headline = "accuracy"
better = m.better


class Params(Section):
    """The calibrate section: whether to fit a temperature."""

    temperature: bool = True


def fit(
    scores: Array, y: Array, params: Params, size_px: Array | None = None
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The temperature, and the reliability bins before and after it."""
    logits = finite(scores)
    temperature = fit_temperature(logits, y) if params.temperature else 1.0
    before, after = _reliability(logits, y), _reliability(logits / temperature, y)
    curve = pd.concat([before.assign(when="before"), after.assign(when="after")])
    return {"kind": "category", "temperature": temperature}, curve.reset_index(drop=True)


def _reliability(logits: Floats, y: Array) -> pd.DataFrame:
    """Per bin that has items: its bounds, items, mean confidence and accuracy."""
    confidence, right, bins = m.confidences(logits, y)
    table = pd.DataFrame({"bin": bins, "confidence": confidence, "accuracy": right})
    table = table.astype({"accuracy": float}).groupby("bin").mean()
    table.insert(0, "low", table.index / m.ECE_BINS)
    table.insert(1, "high", (table.index + 1) / m.ECE_BINS)
    table.insert(2, "n", np.unique(bins, return_counts=True)[1])
    return table.reset_index(drop=True)


def default() -> dict[str, Any]:
    """The decision that changes nothing."""
    return {"kind": "category", "temperature": 1.0}


def baseline(y_train: Array, n: int, width: int) -> Floats:
    """Log of the classes' frequencies in train, one added to each count (Laplace)."""
    counts = np.bincount(y_train.astype(np.int64), minlength=width) + 1.0
    return np.tile(np.log(counts / counts.sum()), (n, 1))


def metrics(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> dict[str, Floats]:
    """Accuracy and its kin; nll, ece and brier of the tempered probabilities."""
    logits = finite(scores) / decision["temperature"]
    top = {"top_5_accuracy": m.top_5_accuracy(logits, y, weights)}
    return {
        "accuracy": m.accuracy(logits, y, weights),
        "error_rate": m.error_rate(logits, y, weights),
        **(top if logits.shape[1] > m.TOP else {}),
        "balanced_accuracy": m.balanced_accuracy(logits, y, weights),
        "nll": m.nll(logits, y, weights),
        "ece": m.ece(logits, y, weights),
        "brier": m.brier(logits, y, weights),
    }


def headline_parts(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> Floats:
    """The accuracy, one part."""
    return m.accuracy(finite(scores), y, weights)[:, None]


def part_bias(scores: Array, y: Array, rows: Array) -> Floats:
    """None: a mean over items is expected to be the same on part of them."""
    return np.zeros(1)


def trivial(
    y_train: Array, y: Array, width: int, weights: Floats, size_px: Array | None = None
) -> dict[str, Floats]:
    """The metrics of the baseline."""
    return metrics(baseline(y_train, len(y), width), y, default(), weights)


def losses(
    scores: Array, y: Array, decision: dict[str, Any], size_px: Array | None = None
) -> Floats:
    """Each item's surprise at its label, in nats."""
    logits = finite(scores) / decision["temperature"]
    surprise: Floats = -log_softmax(logits)[np.arange(len(y)), y.astype(np.int64)]
    return surprise


def answers(
    scores: Array,
    decision: dict[str, Any],
    vocab: Sequence[str],
    size_px: Array | None = None,
) -> pd.DataFrame:
    """The top class's label and its probability."""
    logits = finite(scores) / decision["temperature"]
    labels = [vocab[index] for index in logits.argmax(axis=1)]
    probability = np.exp(log_softmax(logits).max(axis=1))
    return pd.DataFrame({"predicted": labels, "probability": probability})
