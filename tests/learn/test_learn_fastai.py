"""Against fast.ai 2.8.12, as benchmarks/fastai/record.py recorded it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from onecycle.blocks.category import Category
from onecycle.blocks.multicategory import Multicategory
from onecycle.blocks.points import Points
from onecycle.decide.labelling import Counts
from onecycle.learn import augment, lr_finder, schedules
from onecycle.learn.collab import DotProduct
from onecycle.learn.groups import freeze, param_groups
from onecycle.learn.heads import RangedSigmoid
from onecycle.learn.lr_finder import RangeTest
from onecycle.learn.optimiser import AdamW
from onecycle.learn.recipe import CollabLearner, VisionLearner
from onecycle.learn.schedules import Schedule
from onecycle.learn.vision import vision_model

SAID = json.loads((Path(__file__).parent / "fixtures" / "fastai.json").read_text())
CURVES = {curve["name"]: curve for curve in SAID["curves"]}


def rerun(told: dict) -> tuple[RangeTest, lr_finder.Curve]:
    """Our range test over the batch losses that fast.ai saw."""
    test = RangeTest(steps=told["steps"])
    known = [float("nan") if each is None else each for each in told["losses"]]
    losses = iter([*known, *[1e9] * told["steps"]])  # were it not to stop, it would differ
    return test, lr_finder.run(test, lambda step, rate: next(losses))


@pytest.mark.parametrize("name", CURVES)
def test_range_tests_smooth_and_stop_alike(name):
    told = CURVES[name]
    _, curve = rerun(told)
    n = len(curve.rates)
    if np.isfinite(curve.smooth).all():  # a NaN stops ours, and only ours
        assert n == len(told["rates"])
    assert np.allclose(curve.rates, told["rates"][:n], rtol=1e-6)
    smooth = np.array(told["smooth"], dtype=float)[:n]
    assert np.allclose(curve.smooth, smooth, rtol=1e-5, equal_nan=True)


def comparable() -> list[tuple[str, str]]:
    """Every curve's suggestions, but for valleys that fast.ai begins before the first point."""
    ways = [(name, way) for name in CURVES for way in lr_finder.SUGGESTIONS]
    return [it for it in ways if it[1] != "valley" or CURVES[it[0]]["valley_start"] >= 0]


@pytest.mark.parametrize(("name", "way"), comparable())
def test_suggestions_agree_to_one_per_cent(name, way):
    told = CURVES[name]
    suggested = lr_finder.SUGGESTIONS[way](*lr_finder.trimmed(*rerun(told)))
    assert suggested == pytest.approx(told["suggestions"][way], rel=0.01)


def steps(schedule: Schedule, epochs: int, batches: int, rates: list[float]) -> np.ndarray:
    """Every step's rate of each layer group, and its momentum."""
    total = epochs * batches
    told = [schedule.at(step, total) for step in range(total)]
    return np.array([[*(rate * share for rate in rates), momentum] for share, momentum in told])


def recorded(told: dict) -> np.ndarray:
    return np.column_stack([told["rates"], told["momenta"]])


def plain(kind: str) -> list[dict]:
    """The records with fast.ai's own last rate; onecycle has no other."""
    return [told for told in SAID[kind] if told.get("div_final", 1e5) == schedules.DIV_FINAL]


@pytest.mark.parametrize("told", plain("one_cycle"))
def test_one_cycle_at_every_step(told):
    low, high = told["lr"] if isinstance(told["lr"], list) else (told["lr"], told["lr"])
    rates = schedules.head_first(high, 3) if low is None else schedules.spread(low, high, 3)
    it = Schedule(pct_start=told.get("pct_start"), div=told.get("div", 25.0))
    found = steps(it, told["epochs"], told["batches"], rates)
    np.testing.assert_allclose(found, recorded(told), rtol=1e-6)


@pytest.mark.parametrize("told", SAID["fine_tune"])
def test_fine_tune_at_every_step(told):
    cycles = fine_tuned(told)
    found = [steps(c.schedule, c.epochs, told["batches"], c.rates) for c in cycles]
    np.testing.assert_allclose(np.concatenate(found), recorded(told), rtol=1e-6)


def fine_tuned(told: dict) -> list[schedules.Cycle]:
    """The cycles that `fine_tune` would fit."""
    from onecycle.learn.learner import Learner

    class Dry(Learner):
        def __init__(self) -> None:
            self.groups, self.cycles = [0, 0, 0], []

        def freeze_to(self, group: int) -> None:
            pass

        def fit(self, cycle: schedules.Cycle) -> list:
            self.cycles.append(cycle)
            return []

    dry = Dry()
    named = {"lr_mult": told["lr_mult"]} if "lr_mult" in told else {}
    dry.fine_tune(told["epochs"], told["base_lr"], told["freeze_epochs"], **named)
    return dry.cycles


@pytest.mark.parametrize("told", plain("flat_cos"))
def test_flat_cos_at_every_step(told):
    low, high = told["lr"] if isinstance(told["lr"], list) else (told["lr"], told["lr"])
    rates = schedules.spread(low, high, 3)
    it = Schedule(schedule="flat_cos", pct_start=told.get("pct_start"))
    found = steps(it, told["epochs"], told["batches"], rates)
    np.testing.assert_allclose(found, recorded(told), rtol=1e-6)


@pytest.mark.parametrize("told", SAID["slices"])
def test_slices_spread_alike(told):
    groups = told["groups"]
    if told["low"] is None:
        found = schedules.head_first(told["high"], groups)
    else:
        found = schedules.spread(told["low"], told["high"], groups)
    assert found == pytest.approx(told["rates"], rel=1e-6)


def test_adam_takes_the_same_steps():
    told = SAID["adam"]
    parameter = torch.nn.Parameter(torch.tensor(told["start"], dtype=torch.float64))
    holder = torch.nn.Module()
    holder.weight = parameter
    optimiser = AdamW(param_groups([holder], told["wd"]))
    for gradient, rate, momentum, after in zip(
        told["gradients"], told["rates"], told["momenta"], told["after"], strict=True
    ):
        parameter.grad = torch.tensor(gradient, dtype=torch.float64)
        optimiser.set_rates([rate], momentum)
        optimiser.step()
        assert parameter.tolist() == pytest.approx(after, rel=1e-4)


@pytest.mark.parametrize("arch", ["resnet18", "resnet34", "resnet50", "squeezenet1_1"])
def test_layer_groups_freezing_and_decay_are_the_same(arch):
    told = SAID["models"][arch]["groups"]
    groups = vision_model(VisionLearner(arch=arch, weights=None), 37).layer_groups()
    sizes = [(len(list(g.parameters())), sum(p.numel() for p in g.parameters())) for g in groups]
    assert sizes == [(each["tensors"], each["values"]) for each in told]
    decays = dict.fromkeys(range(3), 0)
    for each in param_groups(groups, 0.1):
        if each["weight_decay"]:
            decays[each["layer_group"]] += sum(p.numel() for p in each["params"])
    assert list(decays.values()) == [each["values_that_decay"] for each in told]
    for at, group in enumerate(groups[:2]):
        freeze(group, train_norm=True)
        trains = sum(p.numel() for p in group.parameters() if p.requires_grad)
        assert trains == told[at]["values_that_train_frozen"]


def test_a_resnet_s_parameters_one_by_one():
    told = SAID["models"]["resnet18"]["parameters"]
    groups = vision_model(VisionLearner(arch="resnet18", weights=None), 37).layer_groups()
    for group in groups[:2]:
        freeze(group, train_norm=True)
    trains = {id(p): p.requires_grad for g in groups for p in g.parameters()}
    for group in groups:
        group.requires_grad_(True)
    decays = {id(p): g["weight_decay"] > 0 for g in param_groups(groups, 0.1) for p in g["params"]}
    ours = sorted(
        (at, list(p.shape), int(trains[id(p)]), int(decays[id(p)]))
        for at, group in enumerate(groups)
        for p in group.parameters()
    )
    theirs = sorted(tuple(each[1:]) for each in told)
    assert ours == theirs


def test_an_embedding_s_biases_decay_as_theirs():
    told = SAID["models"]["dot_bias"]["parameters"]
    model = DotProduct(6, 8, CollabLearner(arch="dot_bias", factors=5))
    (group,) = param_groups(model.layer_groups(), 0.1)
    shapes = sorted(list(each.shape) for each in group["params"])
    assert group["weight_decay"] and shapes == sorted(each[2] for each in told)
    assert all(each[4] for each in told)


def test_losses_and_accuracies():
    many, one = SAID["multicategory"], SAID["category"]
    logits, truth = torch.tensor(many["logits"]), torch.tensor(many["truth"], dtype=torch.float32)
    labels = [str(at) for at in range(5)]
    assert float(Multicategory(labels).loss(logits, truth)) == pytest.approx(many["loss"], rel=1e-6)
    ones = np.ones((1, len(truth)))
    for thresh, expected in many["accuracy_multi"]:
        above = torch.sigmoid(logits).numpy() > thresh
        found = Counts.of(above, truth.numpy(), ones).measures()["accuracy_multi"]
        assert float(found[0]) == pytest.approx(expected, rel=1e-6)
    logits, truth = torch.tensor(one["logits"]), torch.tensor(one["truth"])
    category = Category(labels)
    assert float(category.loss(logits, truth)) == pytest.approx(one["loss"], rel=1e-6)
    assert category.metric(logits.numpy(), truth.numpy()) == pytest.approx(one["accuracy"])


@pytest.mark.parametrize("told", SAID["points"])
def test_points_are_scaled_and_mirrored_alike(told):
    size = np.tile(np.array(told["size_px"], float), (len(told["pixels"]), 1))
    scaled = Points().encode(told["pixels"], size)
    assert np.allclose(scaled, told["scaled"], atol=1e-6)
    boxes = augment.crop_boxes(size[:, ::-1], (112, 96), "squish")
    assert np.allclose(augment.move_points(scaled.numpy(), augment.centred(boxes)), told["squish"])
    boxes = augment.crop_boxes(size[:, ::-1], (112, 96), "crop")
    cropped = augment.move_points(scaled.numpy(), augment.centred(boxes))
    assert np.allclose(cropped, told["crop"], atol=2 / 96)  # theirs are cut at whole pixels
    flip = augment.Augment(flip=1, p=0)
    mirrored = augment.varied(np.ones((len(size), 2)), flip, np.random.default_rng(0))
    assert np.allclose(augment.move_points(scaled.numpy(), mirrored), told["mirrored"], atol=1e-6)


@pytest.mark.parametrize("told", SAID["sigmoid_range"])
def test_ranges_squeeze_alike(told):
    found = RangedSigmoid(told["low"], told["high"])(torch.tensor(told["x"]))
    assert found.tolist() == pytest.approx(told["y"], rel=1e-5)


def test_the_dot_product_rates_alike():
    told = SAID["dot_bias"]
    names = {"u_weight": "user", "i_weight": "item", "u_bias": "user_bias", "i_bias": "item_bias"}
    state = {
        f"{ours}.weight": torch.tensor(told["weights"][f"{theirs}.weight"])
        for theirs, ours in names.items()
    }
    factors = state["user.weight"].shape[1]
    users, items = (len(state[f"{each}.weight"]) - 1 for each in ("user", "item"))
    recipe = CollabLearner(arch="dot_bias", factors=factors, y_range=[0.0, 5.5])
    model = DotProduct(users, items, recipe)
    model.load_state_dict(state)
    found = model(torch.tensor(told["pairs"]))[:, 0]
    assert found.tolist() == pytest.approx(told["ratings"], rel=1e-5)


@pytest.mark.real
def test_the_book_s_recommender_loses_within_noise_of_theirs(mirror):
    """Both with a true shuffle; three seeds each, by epoch."""
    from benchmarks.movielens import BOOK, random_fifth
    from onecycle.blocks.pair import Pairs
    from onecycle.blocks.rating import Rating
    from onecycle.learn import device, saved
    from onecycle.learn.datasets import Blocks, Datasets
    from onecycle.learn.learner import Learner

    train, test = (it.reset_index(drop=True) for it in random_fifth(mirror / "ml-100k.zip", 42))
    blocks = Blocks(Pairs.from_items(train["x"]), Rating())
    data = Datasets(blocks, {"train": blocks.encode(train), "valid": blocks.encode(test)})
    recipe = BOOK.model_copy(update={"seed": 1})
    learner = Learner(saved.build(blocks, recipe), data, recipe, device.choose("fp32"))
    history = pd.DataFrame(learner.fit_one_cycle(5, 5e-3))
    theirs = np.array(SAID["movielens"]["true_shuffle"])
    spread = 4 * theirs.std(0, ddof=1) + 0.002
    assert (np.abs(history["valid_loss"] - theirs.mean(0)) < spread).all()
