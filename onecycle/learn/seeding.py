"""Draws that hang on a seed alone, and leave torch's generators as they were."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from onecycle.learn.groups import Grouped


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds torch's generators inside, on CPU and current GPU, and restores them after."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def drawn_so_far(device: torch.device) -> dict[str, Tensor]:
    """The state of torch's generators: uint8 tensors `cpu` and, on a GPU, `cuda`."""
    found = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        found["cuda"] = torch.cuda.get_rng_state(device)
    return found


def go_on_drawing(state: dict[str, Tensor], device: torch.device) -> None:
    """Sets torch's generators as `drawn_so_far` gave them; one for another device is left out."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)


def built(seed: int, build: Callable[[], Grouped]) -> Grouped:
    """Builds a model whose initial weights are drawn from a seed."""
    with seeded(seed):
        return build()
