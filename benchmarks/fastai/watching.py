"""What the recording and the jobs share: small learners, and a callback that sees every step.

Runs in the environment of benchmarks/fastai/requirements.lock.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.torch_core import params
from torch import nn
from torch.utils.data import TensorDataset


class Watch(Callback):
    """Keeps each training step's loss and rates, and each epoch's valid loss."""

    order = 55  # after the Recorder (50), before schedules (60), whose stop would hide a last step

    def __init__(self) -> None:
        self.raw: list[float] = []
        self.rates: list[list[float]] = []
        self.momenta: list[float] = []
        self.valid_losses: list[float] = []

    def after_batch(self) -> None:
        """Keeps a training step."""
        if self.training:
            self.raw.append(float(self.loss.detach()))
            self.rates.append([float(each["lr"]) for each in self.opt.hypers])
            self.momenta.append(float(self.opt.hypers[-1]["mom"]))

    def after_validate(self) -> None:
        """Keeps an epoch's valid loss, as fast.ai prints it; a range test has none."""
        if self.recorder.loss.value is not None:
            self.valid_losses.append(float(self.recorder.loss.value))


def quiet(learn: Learner) -> AbstractContextManager[object]:
    """Without bars and lines."""
    stack = ExitStack()
    stack.enter_context(learn.no_bar())
    stack.enter_context(learn.no_logging())
    return stack


def small_loaders(x: torch.Tensor, y: torch.Tensor, batch_size: int) -> DataLoaders:
    """Loaders over tensors; the last batch's rows are valid too."""
    train, valid = TensorDataset(x, y), TensorDataset(x[-batch_size:], y[-batch_size:])
    return DataLoaders(
        DataLoader(train, bs=batch_size, shuffle=True), DataLoader(valid, bs=batch_size)
    )


def three_groups(batches: int, path: str, loss: Callable[..., torch.Tensor]) -> Learner:
    """A learner with three layer groups of one linear layer each, and `batches` steps an epoch."""
    x, y = torch.randn(batches * 2, 3), torch.randn(batches * 2, 1)
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 1))
    return Learner(
        small_loaders(x, y, 2),
        model,
        loss_func=loss,
        splitter=lambda model: [params(each) for each in model],
        cbs=Watch(),
        path=path,
    )
