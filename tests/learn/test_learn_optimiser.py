"""The optimiser and the gradients by formula: equal to torch's class and to autograd."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from onecycle.learn.collab import DotProduct
from onecycle.learn.optimiser import BETA2, EPS, AdamW
from onecycle.learn.recipe import CollabLearner


def layers() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    return [torch.nn.Parameter(torch.randn(4, width, generator=generator)) for width in (3, 1, 2)]


def test_it_takes_the_same_steps_as_torch_s_bit_by_bit():
    ours, theirs, generator = layers(), layers(), torch.Generator().manual_seed(4)
    groups = [(slice(0, 2), 0.3), (slice(2, 3), 0.0)]
    own = AdamW(
        [
            {"params": ours[some], "weight_decay": wd, "layer_group": at}
            for at, (some, wd) in enumerate(groups)
        ]
    )
    peer = torch.optim.AdamW(
        [{"params": theirs[some], "weight_decay": wd} for some, wd in groups],
        eps=EPS,
        fused=True,
    )
    for step in range(7):
        rates, momentum = [1e-2 * (step + 1), 1e-3], 0.95 - 0.01 * step
        own.set_rates(rates, momentum)
        for group, rate in zip(peer.param_groups, rates, strict=True):
            group["lr"], group["betas"] = rate, (momentum, BETA2)
        own.zero_grad()
        for at, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
            rests = at == 1 and step in (0, 4)  # no gradient: not moved, its count stands still
            gradient = None if rests else torch.randn(mine.shape, generator=generator)
            mine.grad, other.grad = gradient, gradient
        own.step()
        peer.step()
        assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))


def test_gradients_are_dropped_or_filled_with_zeros():
    (parameter, *_) = layers()
    own = AdamW([{"params": [parameter], "weight_decay": 0.0, "layer_group": 0}])
    parameter.grad = held = torch.ones_like(parameter)
    own.zero_grad(keep=True)
    assert parameter.grad is held and not held.any()
    own.zero_grad()
    assert parameter.grad is None


TRAIN = """
import sys, torch
from onecycle.learn.optimiser import AdamW
parameter = torch.nn.Parameter(torch.ones(2))
own = AdamW([{"params": [parameter], "weight_decay": 0.0, "layer_group": 0}])
own.set_rates([1e-3], 0.9)
parameter.grad = torch.ones(2)
own.step()
print("torch._dynamo" in sys.modules)
"""


def test_it_does_not_load_torch_s_compiler():
    said = subprocess.check_output([sys.executable, "-c", TRAIN], text=True)
    assert said == "False\n"


@settings(deadline=None, max_examples=60)
@given(
    arch=st.sampled_from(["dot", "dot_bias"]),
    bounds=st.sampled_from([None, [0.0, 5.5], [-1.0, 1.0]]),
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), min_size=1, max_size=9),
    cut=st.integers(0, 9),
    seed=st.integers(0, 99),
)
def test_the_formula_gives_autograd_s_gradients(arch, bounds, pairs, cut, seed):
    generator = torch.Generator().manual_seed(seed)
    model = DotProduct(3, 4, CollabLearner(arch=arch, factors=3, y_range=bounds)).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter[:] = torch.randn(parameter.shape, generator=generator)
    x = torch.tensor(pairs)
    y = torch.randn(len(pairs), 1, generator=generator, dtype=torch.float64)
    loss = torch.nn.functional.mse_loss(model(x), y)
    loss.backward()
    wanted = [parameter.grad for parameter in model.parameters()]
    model.zero_grad()
    found = torch.zeros(())
    for some in (slice(0, cut), slice(cut, None)):
        if len(x[some]):
            found = found + model.add_gradients(x[some], y[some], len(x[some]) / len(x))
    assert float(found) == pytest.approx(float(loss.detach()))
    for parameter, gradient in zip(model.parameters(), wanted, strict=True):
        assert torch.allclose(parameter.grad, gradient, rtol=1e-4, atol=1e-6)  # RangedSigmoid's
