"""What a phase trains, and on what: never more of the model than what can change.

A frozen body whose norms rest makes the same of a picture every time. So it is asked once for each
picture that is shown unvaried, and the head alone is trained on, or watched by, what it said.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from onecycle.learn.datasets import Dataset, Datasets, Loader
from onecycle.learn.device import Compute
from onecycle.learn.groups import Grouped, Model
from onecycle.progress import track

MOST_BYTES = 1 << 30  # of features that are kept for a part; more are made anew in every epoch


@dataclass(frozen=True)
class Asked:
    """A data set, and what gives scores of its batches."""

    model: Model
    data: Dataset


class Task:
    """What a phase trains, and what it is watched on.

    Args:
        model: the whole.
        data: its parts train and valid.
        batch_size: pictures at once.
        compute: device and precision.
        still: whether all but the head is frozen, and gives the same whenever it is asked.
    """

    def __init__(
        self, model: Grouped, data: Datasets, batch_size: int, compute: Compute, *, still: bool
    ) -> None:
        self._whole, self._data, self._size, self._compute = model, data, batch_size, compute
        self._parts = model.parted() if still else None

    @cached_property
    def train(self) -> Asked:
        """What is trained."""
        if self._parts is None:
            return Asked(self._whole, self._data.train)
        view = self._data.blocks.view
        varied = view is not None and view.augment is not None
        return self._asked(*self._parts, self._data.train, varied=varied)

    @cached_property
    def valid(self) -> Asked | None:
        """What is watched; null: valid, asked of the whole model."""
        return self._parts and self._asked(*self._parts, self._data.valid, varied=False)

    def _asked(self, see: Model, answer: Model, part: Dataset, *, varied: bool) -> Asked:
        seen = None if varied else features(see, part, self._size, self._compute)
        if seen is None:
            return Asked(lambda x: answer(see(x)), part)
        return Asked(answer, replace(part, x=seen, blocks=replace(part.blocks, view=None)))


@torch.no_grad()
def features(see: Model, part: Dataset, batch_size: int, compute: Compute) -> Tensor | None:
    """What `see` makes of each example, float32 [N, …] in main memory; null if that is too much."""
    found: list[Tensor] = []
    for x, _ in track(Loader(part, batch_size), "features, in batches"):
        with compute.autocast():
            found.append(see(x.to(compute.device)).float().cpu())
        if found[0].nbytes / len(found[0]) * len(part) > MOST_BYTES:
            return None
    return torch.cat(found)
