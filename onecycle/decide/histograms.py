"""Histograms of what a model is given and what it makes of it, for a later look at drift.

They are counts in fixed bins, so that those of parts add up to those of the whole, exactly, and
those of two days can be held against each other. A histogram is `edges` (E numbers) and `counts`
(E + 1 of them): what lies below the first edge, in each [edge, next edge), at or above the last.

| of | histogram | bins |
|---|---|---|
| pictures | `width_px`, `height_px`, as published | half octaves from 8 to 32,768 |
| | `aspect`, width / height | quarter octaves from 1/8 to 8 |
| | `brightness`, `channel_0` …: means of the stored pixels | 16 levels, from 0 to 256 |
| | `contrast`: their standard deviation, of all channels | 8 levels, from 0 to 128 |
| one label | `probability` of the likeliest; `entropy` as a share of log K | .05, from 0 to 1 |
| many labels | `probability` of the likeliest; `labels_given`, how many | .05; 1, to 20 |
| a point | `x`, `y` in [-1, 1] | .1, from -1 to 1 |
| a rating | `predicted` | twentieths of the range; without one .5, from -10 to 10 |

Beside them stand plain counts: of each label that was given, of known users and items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import pandas as pd

from onecycle.decide.scores import Array, Floats, finite, log_softmax

Histograms = dict[str, Any]
SIDES_PX = 2.0 ** np.arange(3, 15.5, 0.5)
ASPECTS = 2.0 ** np.arange(-3, 3.25, 0.25)
LEVELS = np.arange(0.0, 257, 16)
CONTRASTS = np.arange(0.0, 129, 8)
SHARES = np.arange(21) / 20
GIVEN = np.arange(21.0)
COORDINATES = np.arange(-10, 11) / 10
NUMBERS = np.arange(-20, 21) / 2


def histogram(values: Array, edges: Floats) -> dict[str, list[float]]:
    """Counts of values [N] in bins; what is not finite is left out."""
    values = values[np.isfinite(values)]
    places = np.searchsorted(edges, values, side="right")
    counts = np.bincount(places, minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def traits(pixels: Array, published: tuple[float, float]) -> Floats:
    """What is counted of a picture, float64 [4 + C].

    Args:
        pixels: uint8 [H, W, C], as it is stored.
        published: its width and height in pixels.

    Returns:
        Width, height, brightness, contrast and each channel's mean.
    """
    # From counts of integers: no order of adding up matters. OpenCV lets go of the interpreter.
    counts = [cv2.calcHist([pixels], [at], None, [256], [0, 256]) for at in range(pixels.shape[2])]
    shares, levels = np.stack(counts).reshape(-1, 256).astype(np.float64), np.arange(256.0)
    shares /= shares.sum(axis=1, keepdims=True)
    channels = shares @ levels
    brightness = channels.mean()
    contrast = np.sqrt(shares.mean(axis=0) @ (levels - brightness) ** 2)
    return np.array([*published, brightness, contrast, *channels])


def of_pictures(found: Sequence[Floats]) -> Histograms:
    """Histograms of the traits of pictures."""
    if not found:
        return {}
    width, height, brightness, contrast, *channels = np.stack(found).T
    shown = {
        "width_px": histogram(width, SIDES_PX),
        "height_px": histogram(height, SIDES_PX),
        "aspect": histogram(width / height, ASPECTS),
        "brightness": histogram(brightness, LEVELS),
        "contrast": histogram(contrast, CONTRASTS),
    }
    return shown | {f"channel_{at}": histogram(it, LEVELS) for at, it in enumerate(channels)}


def of_pairs(rows: Array) -> Histograms:
    """Counts of users and items that train has, of pairs int64 [N, 2]; row 0 is unseen."""
    user, item = (rows > 0).T
    return {
        "users": {"known": int(user.sum()), "unknown": int((~user).sum())},
        "items": {"known": int(item.sum()), "unknown": int((~item).sum())},
    }


def of_scores(
    scores: Array,
    answers: pd.DataFrame,
    decision: Mapping[str, Any],
    y_range: Sequence[float] | None = None,
) -> Histograms:
    """Histograms of scores [N, K] and of the kind's answers to them.

    Args:
        scores: the model's raw outputs.
        answers: as the kind gives them, a row each.
        decision: with its kind.
        y_range: the least and the greatest number that the model gives; null: any.
    """
    if len(scores) == 0:
        return {}
    return SCORED[decision["kind"]](finite(scores), answers, decision, y_range)


def merged(parts: Iterable[Histograms]) -> Histograms:
    """The histograms of the whole from those of its parts; what none has is left out."""
    whole: Histograms = {}
    for part in parts:
        for name, value in part.items():
            if isinstance(value, dict):
                whole[name] = merged([whole.get(name, {}), value])
            elif isinstance(value, list) and name == "edges":
                whole[name] = value
            elif isinstance(value, list):
                before = whole.get(name, [0] * len(value))
                whole[name] = [one + other for one, other in zip(before, value, strict=True)]
            else:
                whole[name] = whole.get(name, 0) + value
    return whole


def _labels(answers: pd.DataFrame) -> dict[str, int]:
    """How often each label was the answer, `none` where there was none, sorted by name."""
    given: Counter[str] = Counter()
    for answer in answers["answer" if "answer" in answers else "predicted"]:
        labels = [answer] if pd.api.types.is_scalar(answer) else list(answer)
        given.update([each for each in labels if isinstance(each, str)] or ["none"])
    return dict(sorted(given.items()))


def _category(
    scores: Floats, answers: pd.DataFrame, decision: Mapping[str, Any], _: object
) -> Histograms:
    log = log_softmax(scores / decision["temperature"])
    entropy = -(np.exp(log) * log).sum(axis=1) / max(np.log(scores.shape[1]), 1e-12)
    return {
        "probability": histogram(np.exp(log.max(axis=1)), SHARES),
        "entropy": histogram(entropy, SHARES),
        "labels": _labels(answers),
    }


def _multicategory(_: Floats, answers: pd.DataFrame, __: object, ___: object) -> Histograms:
    given = np.array([len(labels) for labels in answers["predicted"]])
    return {
        "probability": histogram(answers["probability"].to_numpy(), SHARES),
        "labels_given": histogram(given, GIVEN),
        "labels": _labels(answers),
    }


def _points(scores: Floats, _: object, __: object, ___: object) -> Histograms:
    return {name: histogram(scores[:, at], COORDINATES) for at, name in enumerate("xy")}


def _rating(scores: Floats, _: object, __: object, y_range: Sequence[float] | None) -> Histograms:
    edges = NUMBERS if y_range is None else np.linspace(y_range[0], y_range[1], 21)
    return {"predicted": histogram(scores[:, 0], edges)}


SCORED: dict[str, Callable[..., Histograms]] = {
    "category": _category,
    "multicategory": _multicategory,
    "points": _points,
    "rating": _rating,
}
