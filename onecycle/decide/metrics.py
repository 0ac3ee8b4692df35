"""Metrics as functions of the items' weights.

Written by hand, and tested to equal scikit-learn's, because each must be had for thousands of
bootstrap draws: a draw is a row of weights (how often each item was drawn), so one matrix product
answers all draws, where scikit-learn would be called once per draw. Weights of ones give the
metric itself: value and interval come from one definition.

Throughout: N items, K classes, B rows of weights; `weights` is float64 [B, N], >= 0, no row all
zero; every metric returns float64 [B]. Those of labels given are `labelling.Counts`'s, of rankings
`ranking`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from onecycle.decide.scores import Array, Floats, log_softmax

ECE_BINS = 15
"""Equal-width bins of confidence, as in Guo et al. 2017, On Calibration of Modern Networks."""

TOP = 5
"""Guesses that `top_5_accuracy` allows, as ImageNet's."""

_HIGHER = {"accuracy", "top_5_accuracy", "balanced_accuracy", "map", "map_11", "accuracy_multi"}
_HIGHER |= {"f1_micro", "f1_macro"}
_LOWER = {"error_rate", "nll", "ece", "brier", "mse", "rmse", "mae"}
_LOWER |= {"error_px_mean", "error_px_median", "error_px_p90"}
_HIGHER |= {"precision", "recall", "answered", "coverage"}  # of decisions
_HIGHER |= {"auroc"}  # of known labels against others
_LOWER |= {"cost", "error_rate_answered"}
_SHARES = {"accuracy", "error_rate", "top_5_accuracy", "balanced_accuracy", "accuracy_multi"}
_SHARES |= {"answered", "coverage", "error_rate_answered"}
_AMONG = {"error_rate_answered": "answered"}


def better(name: str) -> Literal["higher", "lower"]:
    """Which way the metric `name` improves.

    Raises:
        KeyError: There is no such metric.
    """
    if name not in _HIGHER | _LOWER:
        raise KeyError(name)
    return "higher" if name in _HIGHER else "lower"


def is_share(name: str) -> bool:
    """Whether a metric, or the baseline's, is a mean of yes and no: of items, labels or both."""
    return name.removeprefix("baseline_") in _SHARES


def units_among(name: str, values: Mapping[str, float], units: int) -> int:
    """How many of the units, at least one, a metric is of: all, or about a share that is another's.

    Args:
        name: the metric's.
        values: of the metrics beside it, by name.
        units: all items or groups.
    """
    share = values[_AMONG[name]] if name in _AMONG else 1.0
    return max(1, round(units * share))


def limits(name: str) -> tuple[float, float]:
    """The least and the highest value that a metric, or the baseline's, can have."""
    plain = name.removeprefix("baseline_")
    if plain in _HIGHER or is_share(plain) or plain == "ece":
        return 0.0, 1.0
    return (0.0, np.inf) if plain in _LOWER else (-np.inf, np.inf)


# ---- any kind ----


def mean(values: Array, weights: Floats, total: Floats | None = None) -> Floats:
    """Weighted mean of `values` [N], in their unit; `total` [B]: the weights' sums, if known."""
    total = weights.sum(axis=1) if total is None else total
    means: Floats = weights @ values.astype(np.float64) / total
    return means


def quantile(values: Floats, q: float, weights: Floats) -> Floats:
    """Weighted quantile of `values` [N], q in (0, 1], by the inverse of the distribution function.

    With whole weights it equals numpy's 'inverted_cdf' on items repeated that often. NaN where all
    weights are zero.
    """
    order = np.argsort(values, kind="stable")
    cumulated = weights[:, order].cumsum(axis=1)
    below = (cumulated < q * cumulated[:, -1:]).sum(axis=1)
    found: Floats = np.where(cumulated[:, -1] > 0, values[order][below], np.nan)
    return found


def mse(error: Floats, weights: Floats) -> Floats:
    """Squared `error` [N, D], the mean over an item's D coordinates, then over items."""
    return mean((error**2).mean(axis=1), weights)


def mae(error: Floats, weights: Floats) -> Floats:
    """Absolute `error` [N, D], averaged as in `mse`, in the error's unit."""
    return mean(np.abs(error).mean(axis=1), weights)


def mean_where(values: Floats, present: Array) -> Floats:
    """Mean over the present classes of each row, [..., K] to [...]; NaN where none is."""
    count = present.sum(axis=-1)
    total = np.where(present, values, 0.0).sum(axis=-1)
    means: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means


def ratio(top: Floats, bottom: Floats) -> Floats:
    """Element by element `top` / `bottom`, 0 where `bottom` is 0."""
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


# ---- category: logits [N, K], y int [N] ----


def _right(logits: Floats, y: Array) -> Array:
    """Whether each item's top class is its own, bool [N]."""
    return np.asarray(logits.argmax(axis=1) == y)


def accuracy(logits: Floats, y: Array, weights: Floats) -> Floats:
    """Share of items whose top class is theirs; the first class wins a tie."""
    return mean(_right(logits, y), weights)


def error_rate(logits: Floats, y: Array, weights: Floats) -> Floats:
    """1 - `accuracy`, fast.ai's headline."""
    return mean(~_right(logits, y), weights)


def top_5_accuracy(logits: Floats, y: Array, weights: Floats) -> Floats:
    """Share of items whose class is among the `TOP` highest; of a tie the first classes are."""
    own = logits[np.arange(len(y)), y.astype(np.int64)][:, None]
    before = np.arange(logits.shape[1]) < y[:, None]
    ahead = ((logits > own) | ((logits == own) & before)).sum(axis=1)
    return mean(ahead < TOP, weights)


def balanced_accuracy(logits: Floats, y: Array, weights: Floats) -> Floats:
    """Mean recall over the classes that are present in the draw."""
    belongs = _one_hot(y, logits.shape[1])
    present = weights @ belongs
    return mean_where(ratio(weights @ (belongs * _right(logits, y)[:, None]), present), present > 0)


def nll(logits: Floats, y: Array, weights: Floats) -> Floats:
    """Mean negative log likelihood (cross entropy), in nats."""
    return mean(-log_softmax(logits)[np.arange(len(y)), y.astype(np.int64)], weights)


def brier(logits: Floats, y: Array, weights: Floats) -> Floats:
    """Mean over items of the squared distance of probabilities to the one-hot, in [0, 2]."""
    distance = np.exp(log_softmax(logits)) - _one_hot(y, logits.shape[1])
    return mean((distance**2).sum(axis=1), weights)


def ece(logits: Floats, y: Array, weights: Floats) -> Floats:
    """Expected calibration error: mean over bins of |confidence - accuracy|, by their share."""
    confidence, right, bins = confidences(logits, y)
    gap = _one_hot(bins, ECE_BINS) * (confidence - right)[:, None]
    error: Floats = np.abs(weights @ gap).sum(axis=1) / weights.sum(axis=1)
    return error


def confidences(logits: Floats, y: Array) -> tuple[Floats, Array, Array]:
    """Each item's top probability float64 [N], whether it is right bool [N], its bin int [N]."""
    confidence = np.exp(log_softmax(logits).max(axis=1))
    return confidence, _right(logits, y), bins_of(confidence)


def bins_of(confidence: Floats) -> Array:
    """The bin of each confidence [N], int [N]: bin i holds (i, i + 1] / `ECE_BINS`."""
    bins: Array = np.clip(np.ceil(confidence * ECE_BINS) - 1, 0, ECE_BINS - 1).astype(np.int64)
    return bins


def _one_hot(index: Array, width: int) -> Floats:
    """Which class each item is of: int [N] below `width` to 0.0 or 1.0 [N, width]."""
    belongs: Floats = (index[:, None] == np.arange(width)).astype(np.float64)
    return belongs
