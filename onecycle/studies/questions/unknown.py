"""How sure models are of items of known labels and of others, and who gets no answer by that."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from onecycle.decide import abstention
from onecycle.decide.metrics import quantile, ratio
from onecycle.decide.scores import Array, Floats, finite, log_softmax, sigmoid
from onecycle.decide.temperature import fit_temperature
from onecycle.errors import UserError
from onecycle.studies.outcome import Part


@dataclass(frozen=True)
class Sure:
    """How sure one seed's model is of each item, the higher the surer.

    Attributes:
        valid: of known items, that thresholds are chosen on, float64 [V].
        right: whether their likeliest label is theirs, bool [V].
        known: of known items that judge, float64 [N].
        unknown: of items whose label the model never saw, float64 [U].
    """

    valid: Floats
    right: Array
    known: Floats
    unknown: Floats

    def none(self, threshold: float) -> tuple[Array, Array]:
        """Which known and which unknown items get no answer: those less sure."""
        return self.known < threshold, self.unknown < threshold

    def threshold(self, share: float) -> float:
        """Below which a share of fresh known items is expected to be, at most.

        Of V items like theirs a fresh one is below the k-th lowest by a chance of k / (V + 1).
        """
        k = int(share * (len(self.valid) + 1) + 1e-9)
        return float(np.sort(self.valid)[k - 1]) if k else -np.inf

    def abstention(self, max_error: float) -> float | None:
        """Below which calibrate gives no answer; null where it refuses the error asked for."""
        try:
            return abstention.below(self.valid, self.right, max_error)
        except UserError:
            return None

    @cached_property
    def curve(self) -> tuple[Floats, Floats]:
        """Share of known items without an answer, 0 to 1 by .005, and of unknown ones then."""
        at = np.linspace(0, 1, 201)
        limits = np.quantile(self.known, at, method="inverted_cdf")
        below = np.searchsorted(np.sort(self.unknown), limits, side="left") / len(self.unknown)
        return at, np.where(at == 1, 1.0, below)


def by_softmax(valid: Part, known: Part, unknown: Part) -> dict[str, Sure]:
    """Of scores that exclude each other: highest probability, highest score, least entropy.

    Probabilities are tempered, as calibrate does.
    """
    scores = [finite(each.scores) for each in (valid, known, unknown)]
    right = scores[0].argmax(axis=1) == valid.y
    temperature = fit_temperature(scores[0], valid.y)
    logs = [log_softmax(each / temperature) for each in scores]
    return {
        "softmax": _sure(right, [np.exp(each.max(axis=1)) for each in logs]),
        "softmax_score": _sure(right, [each.max(axis=1) for each in scores]),
        "softmax_entropy": _sure(right, [(np.exp(each) * each).sum(axis=1) for each in logs]),
    }


def by_sigmoid(valid: Part, known: Part, unknown: Part) -> dict[str, Sure]:
    """Of scores that don't, trained on lists of one label: the highest probability."""
    scores = [finite(each.scores) for each in (valid, known, unknown)]
    right = scores[0].argmax(axis=1) == single(valid).y
    return {"binary": _sure(right, [sigmoid(each.max(axis=1)) for each in scores])}


def _sure(right: Array, of: Sequence[Floats]) -> Sure:
    valid, known, unknown = of
    return Sure(valid, right, known, unknown)


def single(part: Part) -> Part:
    """A part whose lists of one label are that label."""
    return Part(**(part.arrays() | {"y": part.y.argmax(axis=1)}))


def auroc(known: Floats, unknown: Floats, weights: Floats) -> Floats:
    """The chance that a known item is surer than an unknown one, ties by halves.

    Args:
        known: float64 [N].
        unknown: float64 [U].
        weights: float64 [B, N + U], of the known items and then of the unknown.

    Returns:
        float64 [B]; NaN where a row has no known item, or no unknown one.
    """
    order = np.argsort(unknown, kind="stable")
    of_known, of_unknown = weights[:, : len(known)], weights[:, len(known) :][:, order]
    mass = np.concatenate([np.zeros((len(weights), 1)), of_unknown.cumsum(axis=1)], axis=1)
    sides = [np.searchsorted(unknown[order], known, side=side) for side in ("left", "right")]
    below = (mass[:, sides[0]] + mass[:, sides[1]]) / 2
    pairs = of_known.sum(axis=1) * mass[:, -1]
    found: Floats = ratio((of_known * below).sum(axis=1), pairs)
    return np.where(pairs > 0, found, np.nan)


def beyond(known: Floats, unknown: Floats, share: float, weights: Floats) -> Floats:
    """The share of unknown items less sure than all known ones but the least sure `share`.

    Shapes as in `auroc`; NaN likewise.
    """
    order = np.argsort(unknown, kind="stable")
    of_unknown = weights[:, len(known) :][:, order]
    mass = np.concatenate([np.zeros((len(weights), 1)), of_unknown.cumsum(axis=1)], axis=1)
    limits = quantile(known, share, weights[:, : len(known)])
    at = np.searchsorted(unknown[order], limits, side="left")
    found: Floats = ratio(mass[np.arange(len(weights)), at], mass[:, -1])
    return np.where(np.isfinite(limits) & (mass[:, -1] > 0), found, np.nan)
