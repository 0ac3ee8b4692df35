"""What every kind of target shares: the array type, the check of scores, the link functions."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from onecycle.errors import UserError

Array: TypeAlias = NDArray[Any]
"""Numbers as they come: bool, integers or floats of any width."""
Floats: TypeAlias = NDArray[np.float64]
"""Numbers as this package computes them."""


def finite(scores: Array) -> Floats:
    """The scores in float64, once they are known to be numbers.

    Args:
        scores: float [N, K], the model's raw outputs.

    Returns:
        float64 [N, K], N at least 1.

    Raises:
        UserError: There are no items, or a score is not finite.
    """
    values = scores.astype(np.float64)
    if len(values) == 0:
        raise UserError("scores: expected at least one item, found none; enlarge this split")
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise UserError(
            f"scores, row {int(bad.argmax())}: expected finite numbers, {int(bad.sum())} of "
            f"{len(values)} rows have others; the training diverged, lower its learning rate"
        )
    return values


def difference(scores: Array, y: Array) -> Floats:
    """Scores less the truth, float [N, D] each, of numbers that are known to be finite.

    Raises:
        UserError: As `finite`.
        ValueError: The shapes differ; [N, 1] less [N] would be [N, N].
    """
    if scores.shape != y.shape:
        raise ValueError(f"scores {scores.shape} and y {y.shape} must have one shape")
    error: Floats = finite(scores) - y
    return error


def log_softmax(logits: Floats) -> Floats:
    """Log probabilities of classes that exclude each other; float64 [N, K] to [N, K], <= 0."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    normalised: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return normalised


def sigmoid(logits: Floats) -> Floats:
    """Probabilities of labels that do not exclude each other; float64, any shape, in [0, 1]."""
    probabilities: Floats = np.exp(-np.logaddexp(0.0, -logits))
    return probabilities
