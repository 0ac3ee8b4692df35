"""One class of several: logits [N, K] against a class index int64 [N]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from onecycle.decide import metrics as m
from onecycle.decide.abstention import below, risk_curve
from onecycle.decide.scores import Array, Floats, finite, log_softmax
from onecycle.decide.temperature import fit_temperature
from onecycle.params import Section

headline = "accuracy"
better = m.better


class Params(Section):
    """The calibrate section.

    Attributes:
        temperature: whether to fit one.
        max_error: the share of the answers given that may be wrong, 0 to 1: the least confident
            items get none. Null: every item gets one.
    """

    temperature: bool = True
    max_error: float | None = Field(None, gt=0, lt=1)


def fit(
    scores: Array,
    y: Array,
    params: Params,
    size_px: Array | None = None,
    groups: Array | None = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """The temperature and who gets no answer, and reliability before and after the temperature."""
    logits = finite(scores)
    temperature = fit_temperature(logits, y) if params.temperature else 1.0
    before, after = (m.confidences(each, y)[:2] for each in (logits, logits / temperature))
    table = pd.concat(
        [reliability(*before).assign(when="before"), reliability(*after).assign(when="after")],
        ignore_index=True,
    )
    abstain = None
    if params.max_error is not None:
        limit = below(*after, params.max_error)
        abstain = {"below": limit, "max_error": params.max_error}
    return {"kind": "category", "temperature": temperature, "abstain": abstain}, table


def reliability(confidence: Floats, right: Array) -> pd.DataFrame:
    """Per bin of confidence that has items: its bounds, items, mean confidence and accuracy.

    Args:
        confidence: float64 [N].
        right: bool [N].
    """
    bins = m.bins_of(confidence)
    table = pd.DataFrame({"bin": bins, "confidence": confidence, "accuracy": right})
    table = table.astype({"accuracy": float}).groupby("bin").mean()
    table.insert(0, "low", table.index / m.ECE_BINS)
    table.insert(1, "high", (table.index + 1) / m.ECE_BINS)
    table.insert(2, "n", np.unique(bins, return_counts=True)[1])
    return table.reset_index(drop=True)


def default() -> dict[str, Any]:
    """The decision that changes nothing."""
    return {"kind": "category", "temperature": 1.0, "abstain": None}


def rivals(decision: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The model's own probabilities, the tempered ones, and giving no answer where it does so."""
    found = {"own": default(), "tempered": decision | {"abstain": None}}
    return found | ({"abstaining": decision} if decision["abstain"] else {})


def decided(
    scores: Array,
    y: Array,
    decision: dict[str, Any],
    weights: Floats,
    size_px: Array | None = None,
) -> dict[str, Floats]:
    """Nll, ece and brier of the tempered probabilities; the error of the answers given."""
    logits = finite(scores) / decision["temperature"]
    return {
        "nll": m.nll(logits, y, weights),
        "ece": m.ece(logits, y, weights),
        "brier": m.brier(logits, y, weights),
        "error_rate": m.error_rate(logits, y, weights),
    } | _answered(logits, y, decision, weights)


def _answered(
    logits: Floats, y: Array, decision: dict[str, Any], weights: Floats
) -> dict[str, Floats]:
    """The share that gets an answer and the error among it; nothing where all get one.

    Without a single answer there is no error; in a resample without one it is NaN.
    """
    if not decision.get("abstain"):
        return {}
    confidence, right, _ = m.confidences(logits, y)
    given = confidence >= decision["abstain"]["below"]
    found = {"answered": m.mean(given, weights)}
    if given.any():
        total = weights @ given.astype(np.float64)
        wrong = weights @ (given & ~right).astype(np.float64)
        found["error_rate_answered"] = wrong / np.where(total > 0, total, np.nan)
    return found


def curve(
    scores: Array, y: Array, decision: dict[str, Any], size_px: Array | None = None
) -> pd.DataFrame:
    """The error among the answered against their share."""
    confidence, right, _ = m.confidences(finite(scores) / decision["temperature"], y)
    return risk_curve(confidence, right)


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
    } | _answered(logits, y, decision, weights)


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
    """The likeliest label, its probability; the answer is that label, or null below the limit."""
    logits = finite(scores) / decision["temperature"]
    labels = [vocab[index] for index in logits.argmax(axis=1)]
    probability = np.exp(log_softmax(logits).max(axis=1))
    limit = (decision.get("abstain") or {"below": 0.0})["below"]
    given = [label if p >= limit else None for label, p in zip(labels, probability, strict=True)]
    columns = {"predicted": labels, "probability": probability}
    return pd.DataFrame(columns | {"answer": pd.Series(given, dtype=object)})
