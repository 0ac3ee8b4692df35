"""When to give no answer: below the confidence at which too many answers would be wrong."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from onecycle.decide.scores import Array, Floats
from onecycle.errors import UserError

_POINTS = 200
"""Rows of the curve at most."""


def below(confidence: Floats, right: Array, max_error: float) -> float:
    """The confidence below which no answer is given.

    It is the lowest at which (1 + wrong) / answered is at most `max_error`, of the items that are
    at least so confident. The 1 makes up for having looked: on as many fresh items like these, the
    number of wrong answers, over the number answered here, is then at most `max_error` on average,
    however many items there are (the argument of knockoff+, Barber and Candès 2015, Controlling the
    False Discovery Rate via Knockoffs, section 3: wrong items, seen from the least confident, are
    as likely fresh ones as these). Plain wrong / answered errs more than asked, for the place was
    chosen where luck was good.

    On average means over all fits, one that is refused giving no wrong answer. Where few items are
    as good as asked, most fits are refused and the others were lucky: in a simulation with 150
    items of which 47 err .02, asked for .02, 31 % were fitted, and err .032; asked for .05 (97 %),
    .044; for .1 (all), .094.

    Args:
        confidence: float64 [N], of items that the model was not trained on.
        right: bool [N], whether the likeliest label is theirs.
        max_error: in (0, 1).

    Returns:
        In [0, 1]; 0 where every item is answered; half way to the next item below otherwise.

    Raises:
        UserError: no confidence will do.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # of those equally confident
    answered = np.arange(1, len(ranked) + 1)
    bound = (1 + (~right[order]).cumsum()) / answered
    fine = np.flatnonzero(last & (bound <= max_error))
    if not len(fine):
        needed = math.ceil(round(1 / max_error, 9))
        least = math.ceil(1000 * bound[last].min()) / 1000  # up: what is said will do
        up = f"Raise max_error to {least:g}, the least that can be, " if least < 1 else ""
        raise UserError(
            f"calibrate.max_error: {max_error} can't be promised at any confidence: of the "
            f"{len(ranked)} items to fit on at least {needed} must be answered without an error, "
            f"or more with few. {up or 'Train on, '}enlarge valid (or calib), or leave max_error "
            "out"
        )
    at = int(fine[-1])
    if at == len(ranked) - 1:
        return 0.0
    middle = float((ranked[at] + ranked[at + 1]) / 2)
    return middle if middle > ranked[at + 1] else float(ranked[at])


def risk_curve(confidence: Floats, right: Array) -> pd.DataFrame:
    """The error among the answered against their share, by falling confidence.

    Args:
        confidence: float64 [N].
        right: bool [N].

    Returns:
        `answered` (share of the items), `error` (among them), `confidence` (the least of them), by
        rising share; at most 200 rows.
    """
    order = np.argsort(-confidence, kind="stable")
    ranked, count = confidence[order], np.arange(1, len(order) + 1)
    error = (~right[order]).cumsum() / count
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    some = ends[np.unique(np.linspace(0, len(ends) - 1, _POINTS).round().astype(int))]
    columns = {"answered": count / len(order), "error": error, "confidence": ranked}
    return pd.DataFrame({name: values[some] for name, values in columns.items()})
