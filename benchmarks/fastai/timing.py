"""How the peers of benchmarks/speed are timed; runs in any environment that holds torch."""

import time
from collections.abc import Callable
from typing import Any

import torch

Measured = dict[str, Any]
Measure = Callable[[], Measured]
Settings = dict[str, Any]


def timed(work: Callable[[], int]) -> Measure:
    """Times what gives the number of its items."""

    def measure() -> Measured:
        start = time.perf_counter()
        items = work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return {"items": items, "seconds": time.perf_counter() - start}

    return measure
