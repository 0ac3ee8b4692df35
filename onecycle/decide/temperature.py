"""One number that divides a classifier's logits so that its confidence can be believed."""

from __future__ import annotations

import numpy as np

from onecycle.decide.metrics import nll
from onecycle.decide.scores import Array, Floats, log_softmax

LIMIT = 100.0
"""T is sought in [1 / LIMIT, LIMIT]: beyond, probabilities are uniform or one-hot anyway."""
_STEPS = 60
"""Halvings of log T's range, 9.2: the step left, 1e-17, is below the float's own."""


def fit_temperature(logits: Floats, y: Array) -> float:
    """The temperature T that minimises the likelihood loss of softmax(logits / T).

    In b = 1 / T the loss is convex, with slope mean(E[logit] - logit of y): the sign of the slope
    halves the range until it is a point (Guo et al. 2017, temperature scaling).

    Args:
        logits: float64 [N, K], finite, of items the model was not trained on.
        y: int64 [N], the classes.

    Returns:
        T > 0. Exactly 1 where no T gives a lower loss than 1 does; and where every item is right,
        so that each lower T gives a lower loss: a certainty that few items are no evidence for.
    """
    own = logits[np.arange(len(y)), y.astype(np.int64)]
    if (own == logits.max(axis=1)).all():
        return 1.0
    low, high = -np.log(LIMIT), np.log(LIMIT)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        expected = (np.exp(log_softmax(logits * np.exp(-middle))) * logits).sum(axis=1)
        too_sharp = (expected - own).mean() > 0
        low, high = (middle, high) if too_sharp else (low, middle)
    fitted = float(np.exp((low + high) / 2))
    ones = np.ones((1, len(y)))
    return fitted if nll(logits / fitted, y, ones)[0] < nll(logits, y, ones)[0] else 1.0
