"""A frozen body that stays as it is: asked once, and nothing else comes of it."""

import numpy as np
import pytest
import torch
from small import RECIPE, blocks_of, made
from torch import nn

from onecycle.learn import saved, task
from onecycle.learn.device import Compute
from onecycle.learn.fold import folded
from onecycle.learn.groups import Grouped
from onecycle.learn.lr_finder import RangeTest
from onecycle.learn.schedules import Cycle
from onecycle.learn.vision import VisionModel

STILL = {"train_norm": False, "augment": None}
CYCLE = Cycle("frozen", 3, [1e-3, 1e-3, 1e-2])


def learner(store, **changes):
    recipe = RECIPE.model_copy(update=changes)
    each = made(store, recipe, saved.build(blocks_of(store, recipe), recipe))
    with torch.no_grad():  # as if it had seen something: fresh norms fold into nothing
        generator = torch.Generator().manual_seed(1)
        for name, values in each.model.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                values += 0.3 * torch.rand(values.shape, generator=generator)
    each.freeze()
    return each


def asked_in(each, monkeypatch, of="body") -> list[int]:
    """The sizes of the batches that a module of the model, or a copy of it, is given from here."""
    sizes: list[int] = []
    kind = type(getattr(each.model, of))
    forward = kind.forward
    monkeypatch.setattr(kind, "forward", lambda it, x: (sizes.append(len(x)), forward(it, x))[1])
    return sizes


def trained(each):
    history = each.fit(CYCLE)
    return [[row["train_loss"], row["valid_loss"]] for row in history], each.model.state_dict()


CASES = {
    "rests, unvaried": (STILL, 28 + 12),
    "rests, varied": ({"train_norm": False}, 3 * 24 + 12),
    "no norms, varied": ({"arch": "squeezenet1_1"}, 3 * 24 + 12),
    "no norms, unvaried, a map": (
        {"arch": "squeezenet1_1", "augment": None, "head": "heatmap", "size": 64},
        28 + 12,
    ),
    "norms train": ({"augment": None}, 3 * (24 + 12)),
}


@pytest.mark.parametrize(("changes", "asked"), CASES.values(), ids=CASES)
def test_the_body_is_asked_for_what_it_has_not_said(store, monkeypatch, changes, asked):
    """28 pictures train, of which 24 are in whole batches; 12 are watched; three epochs."""
    with monkeypatch.context() as plainly:
        plainly.setattr(VisionModel, "is_still", Grouped.is_still)
        losses, weights = trained(learner(store, **changes))
    each = learner(store, **changes)
    sizes = asked_in(each, monkeypatch)
    found, state = trained(each)
    assert sum(sizes) == asked
    np.testing.assert_allclose(found, losses, rtol=2e-4)
    for name, values in state.items():
        torch.testing.assert_close(values, weights[name], rtol=2e-3, atol=2e-4)


def test_a_range_test_asks_it_once_for_train_and_leaves_no_trace(store, monkeypatch):
    each = learner(store, **STILL)
    before = {name: values.clone() for name, values in each.model.state_dict().items()}
    sizes = asked_in(each, monkeypatch)
    curve = each.lr_find(RangeTest(steps=40))
    assert len(curve.losses) > 10 and sum(sizes) == 28
    assert all(torch.equal(before[name], it) for name, it in each.model.state_dict().items())


def test_features_that_are_too_many_are_made_anew(store, monkeypatch):
    losses, _ = trained(learner(store, **STILL))
    monkeypatch.setattr(task, "MOST_BYTES", 1024 * 4 * 20)  # 20 pictures' of a ResNet-18, pooled
    each = learner(store, **STILL)
    sizes = asked_in(each, monkeypatch)
    found, _ = trained(each)
    assert sum(sizes) == 8 + 3 * 24 + 12  # a first batch tells; the 12 of valid are kept
    np.testing.assert_allclose(found, losses, rtol=2e-4)


@pytest.mark.parametrize("changes", [STILL, {"train_norm": False}], ids=["asked once", "varied"])
def test_a_body_in_half_precision_hands_its_head_float32(store, changes):
    """What the body says in bfloat16 is widened on both ways: by the whole model and in parts."""
    losses, _ = trained(learner(store, **changes))
    each = learner(store, **changes)
    each.compute = Compute(each.compute.device, torch.bfloat16)
    each.stepper.compute = each.compute
    found, _ = trained(each)
    np.testing.assert_allclose(found, losses, rtol=0.1)


def test_a_part_of_the_body_frozen_or_none_is_trained_as_a_whole(store):
    each = learner(store, **STILL)
    for group in (0, 1):
        each.freeze_to(group)
        assert each.task().train.model is each.model


@pytest.mark.parametrize("arch", ["resnet18", "efficientnet_b0", "densenet121", "squeezenet1_1"])
def test_folded_norms_give_the_same_scores(store, arch):
    model = learner(store, arch=arch).model.eval()
    weights = {name: values.clone() for name, values in model.state_dict().items()}
    copied = folded(model)
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(copied(x), model(x), rtol=1e-3, atol=1e-4)
    assert all(torch.equal(weights[name], it) for name, it in model.state_dict().items())
    norms, left = (
        sum(isinstance(it, nn.BatchNorm2d) for it in each.modules()) for each in (model, copied)
    )
    assert left <= norms * 0.6 and (left == 0 or arch == "densenet121")


class Twice(nn.Module):
    """A convolution whose output goes to two places, and one that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.norm_a, self.norm_b = nn.BatchNorm2d(3), nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.a(x)
        return self.norm_a(a) + a + self.norm_b(self.b(x)) + self.b(a)


def test_a_convolution_that_is_used_twice_keeps_its_norm():
    net = torch.fx.symbolic_trace(Twice()).eval()
    for each in (net.norm_a, net.norm_b):
        each.running_mean.fill_(0.5)
    x = torch.randn(1, 3, 4, 4)
    torch.testing.assert_close(folded(net)(x), net(x))
