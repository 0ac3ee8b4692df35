"""Range tests: the loss of every batch, and what fast.ai's `lr_find` makes of it."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch
from fastai.callback.schedule import minimum, slide, steep, valley
from fastai.learner import Learner
from fastai.losses import CrossEntropyLossFlat, MSELossFlat
from fastai.torch_core import set_seed
from ratings import learner, loaders
from torch import nn
from watching import Watch, quiet, small_loaders, three_groups

SUGGESTIONS = (valley, slide, minimum, steep)


class Played:
    """A loss that plays a given curve, whatever the model says."""

    def __init__(self, losses: np.ndarray) -> None:
        self.losses = iter(losses.tolist())

    def __call__(self, predicted: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
        """The next value."""
        return predicted.sum() * 0 + next(self.losses)


def bowl(best: float, noise: float, seed: int, steps: int = 100) -> np.ndarray:
    """A loss that is flat, falls until the rate is about `best`, and rises; with normal noise."""
    rates = 1e-7 * 1e8 ** (np.arange(steps) / steps)
    loss = 0.5 + 2 / (1 + 10 * rates / best) + 0.1 * (rates / best / 3) ** 2
    return loss * (1 + noise * np.random.default_rng(seed).normal(size=steps))


def constructed() -> Iterator[tuple[str, np.ndarray]]:
    """Curves made by formula."""
    yield "bowl, little noise", bowl(1e-2, 0.01, 1)
    yield "bowl, more noise", bowl(3e-3, 0.05, 2)
    yield "bowl, much noise", bowl(1e-1, 0.15, 3)
    yield "diverges early", bowl(3e-6, 0.03, 4)
    yield "60 steps", bowl(1e-2, 0.02, 5, 60)
    late = bowl(1.0, 0.03, 6)
    late[88:] = math.nan
    yield "NaN late", late


def real(table: pd.DataFrame, path: str) -> Iterator[tuple[str, Learner]]:
    """Learners on data: a line, five classes in a plane, MovieLens-100k."""
    x = torch.randn(512, 8)
    y = x @ torch.randn(8, 1) + 0.3 * torch.randn(512, 1)
    dls = small_loaders(x, y, 16)
    yield "linear regression", Learner(dls, nn.Linear(8, 1), MSELossFlat(), path=path)
    label = torch.randint(5, (640,))
    x = 2 * torch.randn(5, 2)[label] + torch.randn(640, 2)
    model = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.BatchNorm1d(32), nn.Linear(32, 5))
    dls = small_loaders(x, label, 32)
    yield "five classes", Learner(dls, model, CrossEntropyLossFlat(), path=path)
    dls = loaders(table, list(range(20_000, 100_000)), list(range(20_000)), 64, shuffle=True)
    dot_bias = learner(dls, 50, (0, 5.5))
    dot_bias.path = dls.path = type(dls.path)(path)
    yield "MovieLens-100k", dot_bias


def record(table: pd.DataFrame, path: str) -> list[dict[str, Any]]:
    """Every curve: its losses and rates, fast.ai's smoothing, its four suggestions."""
    curves = []
    for name, losses in constructed():
        learn = three_groups(10, path, Played(losses))
        curves.append({"name": name, "made": "by formula", **_range_test(learn, len(losses))})
    set_seed(7)
    for name, learn in real(table, path):
        learn.add_cb(Watch())
        curves.append({"name": name, "made": "by training", **_range_test(learn, 100)})
    return curves


def _range_test(learn: Learner, steps: int) -> dict[str, Any]:
    with quiet(learn):
        found = learn.lr_find(num_it=steps, show_plot=False, suggest_funcs=SUGGESTIONS)
    smooth = [float(each) for each in learn.recorder.losses]
    return {
        "steps": steps,
        "losses": learn.watch.raw,
        "rates": learn.recorder.lrs,
        "smooth": smooth,
        "suggestions": found._asdict(),
        "valley_start": _valley_start(smooth, steps),
    }


def _valley_start(smooth: list[float], steps: int) -> int:
    """Where fast.ai's valley begins, in points of the trimmed curve; -1 is a flaw of its own."""
    losses = np.array(smooth, dtype=np.float32)[steps // 10 : -5]
    bad = np.flatnonzero(np.isnan(losses))
    losses = losses[: bad[0]] if len(bad) else losses
    longest = np.ones(len(losses), dtype=int)
    for at in range(1, len(losses)):
        longest[at] = 1 + longest[:at][losses[:at] > losses[at]].max(initial=0)
    return int(longest.argmax() - longest.max())
