"""Draws that hang on a seed alone, and leave torch's generators as they were."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from onecycle.learn.groups import Grouped


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds torch's generators inside, on CPU and current GPU, and restores them after."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def built(seed: int, build: Callable[[], Grouped]) -> Grouped:
    """Builds a model whose initial weights are drawn from a seed."""
    with seeded(seed):
        return build()
