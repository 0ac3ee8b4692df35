"""The one-cycle schedule: the rate rises and falls once, momentum the other way round.

Source: Smith, *A disciplined approach to neural network hyper-parameters*, 2018; constants are
fast.ai's `fit_one_cycle`.
"""

import math
from collections.abc import Sequence

MOMENTUM = (0.95, 0.85, 0.95)


def cosine(start: float, end: float, share: float) -> float:
    """Goes from start to end along half a cosine; `share` of the way, 0 to 1."""
    return start + (1 + math.cos(math.pi * (1 - share))) * (end - start) / 2


def one_cycle(
    share: float, pct_start: float = 0.25, div: float = 25.0, div_final: float = 1e5
) -> tuple[float, float]:
    """The rate, as a share of the highest, and the momentum.

    Args:
        share: steps done before this one, as a share of all, 0 to 1.
        pct_start: share of the steps in which the rate rises, above 0 and below 1.
        div: the highest rate is `div` times the first.
        div_final: and `div_final` times the last.
    """
    high, low, last = MOMENTUM
    if share < pct_start:
        way = share / pct_start
        return cosine(1 / div, 1, way), cosine(high, low, way)
    way = (share - pct_start) / (1 - pct_start)
    return cosine(1, 1 / div_final, way), cosine(low, last, way)


def spread(low: float, high: float, groups: int) -> list[float]:
    """Discriminative rates: `groups` rates from low to high by equal factors."""
    if groups == 1:
        return [high]
    return [low * (high / low) ** (at / (groups - 1)) for at in range(groups)]


def head_first(rate: float, groups: int) -> list[float]:
    """fast.ai's `slice(rate)`: the head learns at `rate`, all before it at a tenth."""
    return [rate / 10] * (groups - 1) + [rate]


def rate_table(names: Sequence[str], rates: Sequence[float]) -> str:
    """One line that tells each layer group's rate."""
    return ", ".join(f"{name} {rate:.2e}" for name, rate in zip(names, rates, strict=True))
