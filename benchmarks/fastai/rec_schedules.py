"""Schedules: every step's rates and momentum, as a real `Learner` had them; one Adam by hand."""

from typing import Any

import torch
from fastai.losses import MSELossFlat
from fastai.optimizer import Adam, Optimizer
from torch import nn
from watching import Watch, quiet, three_groups

ONE_CYCLES: list[dict[str, Any]] = [
    {"epochs": 1, "batches": 10, "lr": 1e-2},
    {"epochs": 3, "batches": 13, "lr": [1e-5, 1e-3], "pct_start": 0.3, "div": 5.0},
    {"epochs": 2, "batches": 25, "lr": [None, 3e-3], "pct_start": 0.99, "div_final": 1e3},
    {"epochs": 1, "batches": 3, "lr": 1.0, "pct_start": 0.5, "div": 10.0, "div_final": 100.0},
]
FINE_TUNES: list[dict[str, Any]] = [
    {"epochs": 3, "batches": 8, "base_lr": 2e-3, "freeze_epochs": 2},
    {"epochs": 2, "batches": 11, "base_lr": 1e-2, "freeze_epochs": 1, "lr_mult": 20},
]
FLAT_COS: list[dict[str, Any]] = [
    {"epochs": 2, "batches": 12, "lr": 1e-3},
    {"epochs": 1, "batches": 9, "lr": [1e-4, 1e-2], "pct_start": 0.5, "div_final": 100.0},
]


def record(path: str) -> dict[str, Any]:
    """Rates [steps][3 groups] and momenta [steps] of each case."""
    return {
        "one_cycle": [_one(case, path, "fit_one_cycle") for case in ONE_CYCLES],
        "fine_tune": [_one(case, path, "fine_tune") for case in FINE_TUNES],
        "flat_cos": [_one(case, path, "fit_flat_cos") for case in FLAT_COS],
        "slices": _slices(),
        "adam": _adam(),
    }


def _one(case: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    learn = three_groups(case["batches"], path, MSELossFlat())
    given = {key: value for key, value in case.items() if key not in ("epochs", "batches", "lr")}
    rate = case.get("lr")
    if rate is not None:
        given["lr" if method == "fit_flat_cos" else "lr_max"] = (
            slice(*rate) if isinstance(rate, list) else rate
        )
    with quiet(learn):
        getattr(learn, method)(case["epochs"], **given)
    seen: Watch = learn.watch
    return {**case, "rates": seen.rates, "momenta": seen.momenta}


def _slices() -> list[dict[str, Any]]:
    """What `slice(low, high)` and `slice(high)` mean for 1 to 6 groups."""
    found = []
    for low, high in ((1e-6, 1e-4), (1e-5, 3e-3), (None, 1e-2)):
        for groups in range(1, 7):
            lists = [[nn.Parameter(torch.zeros(1))] for _ in range(groups)]
            optimizer = Optimizer(lists, [], lr=0.0)
            optimizer.set_hyper("lr", slice(low, high))
            rates = [float(each["lr"]) for each in optimizer.hypers]
            found.append({"low": low, "high": high, "groups": groups, "rates": rates})
    return found


def _adam() -> dict[str, Any]:
    """Six steps of fast.ai's Adam with decoupled weight decay; the momentum changes each step."""
    generator = torch.Generator().manual_seed(3)
    start = torch.randn(4, generator=generator)
    gradients = torch.randn(6, 4, generator=generator)
    rates, momenta = [1e-3, 2e-3, 5e-3, 1e-2, 5e-3, 1e-3], [0.95, 0.92, 0.88, 0.85, 0.9, 0.95]
    weight = nn.Parameter(start.clone())
    optimizer, after = Adam([weight], lr=0.0, wd=0.1), []
    for gradient, rate, momentum in zip(gradients, rates, momenta, strict=True):
        optimizer.set_hypers(lr=rate, mom=momentum)
        weight.grad = gradient.clone()
        optimizer.step()
        after.append(weight.detach().tolist())
    return {
        "wd": 0.1,
        "start": start.tolist(),
        "gradients": gradients.tolist(),
        "rates": rates,
        "momenta": momenta,
        "after": after,
    }
