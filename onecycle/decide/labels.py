"""Each label's own scores, where an item may have any number of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from onecycle.decide.intervals import count_units, untold
from onecycle.decide.labelling import Counts
from onecycle.decide.metrics import ratio
from onecycle.decide.ranking import average_precisions
from onecycle.decide.sample import Sample
from onecycle.decide.scores import Array, Floats, finite


def one_hot(lists: Sequence[Sequence[str]], vocab: Sequence[str]) -> Array:
    """Which labels each list has, bool [N, K]."""
    place = {label: k for k, label in enumerate(vocab)}
    hot: Array = np.zeros((len(lists), len(vocab)), dtype=np.bool_)
    for row, labels in enumerate(lists):
        hot[row, [place[label] for label in labels]] = True
    return hot


def scores(sample: Sample, given: Array, vocab: Sequence[str]) -> pd.DataFrame:
    """`label items given right`, then ap, ap_11, precision, recall and f1 with `_low` and `_high`.

    A row for each label that an item has or was given, the most frequent first.
    """
    true = sample.y > 0
    right, k = true & given, len(vocab)
    precision = sample.ratios(right, given, shares=True)
    recall = sample.ratios(right, true, shares=True)

    def values(weights: Floats) -> Floats:
        area, eleven = average_precisions(finite(sample.scores), true, weights)
        hits, size = weights @ right, weights @ (given.astype(np.float64) + true)
        found = np.concatenate([area, eleven, ratio(2 * hits, size)], axis=1)
        there = np.tile(weights @ true > 0, 3)
        return np.where(there, found, np.nan)

    units = np.tile(count_units(true, sample.groups), 3)
    table = untold(sample.resample(values).table(units=units, ends=(0, 1)), units)
    parts = {"ap": table[:k], "ap_11": table[k : 2 * k], "precision": precision, "recall": recall}
    parts["f1"] = table[2 * k :]
    counted = {"label": vocab, "items": true.sum(0), "given": given.sum(0), "right": right.sum(0)}
    for name, part in parts.items():
        for end, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
            counted[name + suffix] = part[end].to_numpy()
    found = pd.DataFrame(counted)
    found = found[(found["items"] > 0) | (found["given"] > 0)]
    return found.sort_values(["items", "label"], ascending=[False, True], ignore_index=True)


def beside_nothing(sample: Sample, given: Array) -> pd.DataFrame:
    """`who value low high`: accuracy_multi of the model, of no label at all, and what it adds."""
    none = np.zeros_like(given)

    def metrics(weights: Floats) -> dict[str, Floats]:
        model, nothing = (
            Counts.of(each, sample.y, weights).measures()["accuracy_multi"]
            for each in (given, none)
        )
        return {"model": model, "no label": nothing, "added": model - nothing}

    found = sample.measure(metrics)
    rows = [[name, each["value"], each["low"], each["high"]] for name, each in found.items()]
    return pd.DataFrame(rows, columns=["who", "value", "low", "high"])
