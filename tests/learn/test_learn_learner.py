"""The learner: same bytes for a seed, freezing that freezes, tests without side effects."""

import copy
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from onecycle.blocks.category import Category
from onecycle.blocks.image import Images
from onecycle.errors import UserError
from onecycle.learn import device, learner, saved, schedules
from onecycle.learn.collab import DotProduct
from onecycle.learn.datablock import DataBlock
from onecycle.learn.groups import Grouped, freeze, param_groups
from onecycle.learn.heads import SoftArgmax
from onecycle.learn.learner import Cycle, Learner
from onecycle.learn.lr_finder import RangeTest
from onecycle.learn.recipe import CollabLearner, VisionLearner
from onecycle.learn.vision import imagenet_url, vision_model
from onecycle.pixels.store import PixelStore, write_store

RECIPE = VisionLearner(arch="resnet18", weights=None, size=32, batch_size=8, precision="fp32")


class Tiny(Grouped):
    """Two groups, with a norm layer in each."""

    group_names = ("body", "head")

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.BatchNorm1d(8),
            nn.Dropout(0.2),
            nn.Linear(8, 2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))

    def layer_groups(self) -> list[nn.Module]:
        return [self.body, self.head]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """40 pictures, dark ones and light ones."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    files = []
    for at in range(40):
        level = 60 if at % 2 else 190
        pixels = generator.normal(level, 25, (20, 20, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{at}.png")
        files.append((f"{at:02}", folder / f"{at}.png"))
    write_store(folder / "pixels", files, None)
    return PixelStore(folder / "pixels")


def made(store, recipe=RECIPE, model=None):
    block = DataBlock(Images(store, recipe.height_width), Category(["dark", "light"]), recipe)
    items = pd.DataFrame({"id": [f"{at:02}" for at in range(40)], "x": "", "group": None})
    items["y"] = ["dark" if at % 2 else "light" for at in range(40)]
    train, valid = block.part(items[:28]), block.part(items[28:].reset_index(drop=True))
    model = model or learner.built(recipe.seed, Tiny)
    return Learner(model, block, device.choose("fp32")), train, valid


def weights(each: Learner) -> dict[str, torch.Tensor]:
    return copy.deepcopy(each.model.state_dict())


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def fitted(store, **changes):
    each, train, valid = made(store, RECIPE.model_copy(update=changes))
    with each.seeded():
        history = each.fit(Cycle("unfrozen", 2, [1e-2, 1e-2]), train, valid)
    return each, history


def test_it_learns(store):
    each, train, valid = made(store)
    history = each.fit(Cycle("unfrozen", 6, [1e-2, 1e-2]), train, valid)
    assert [row["epoch"] for row in history] == list(range(6))
    assert history[-1]["metric"] == 1.0 and history[-1]["valid_loss"] < history[0]["valid_loss"]
    assert history[-1]["lr"] < history[0]["lr"] * 0.1


def test_a_seed_gives_the_same_bytes_and_another_gives_others(store):
    first, second, third = fitted(store), fitted(store), fitted(store, seed=1)
    assert same(weights(first[0]), weights(second[0])) and first[1] == second[1]
    assert not same(weights(first[0]), weights(third[0]))


def test_the_world_s_random_state_is_left_alone(store):
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    fitted(store)
    each, train, _ = made(store)
    each.range_test(RangeTest(steps=30), train, frozen=False)
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])


def test_a_range_test_changes_nothing(store):
    each, train, valid = made(store)
    before = weights(each)
    rates, losses = each.range_test(RangeTest(steps=40), train, frozen=True)
    assert len(rates) == len(losses) > 20 and same(before, weights(each)) and each.epoch == 0
    with each.seeded():
        after_test = each.fit(Cycle("unfrozen", 2, [1e-2, 1e-2]), train, valid)
    assert after_test == fitted(store)[1]


def test_frozen_trains_the_head_and_norms_only(store):
    each, train, valid = made(store)
    before = weights(each)
    each.fit(Cycle("frozen", 1, [1e-2, 1e-2]), train, valid)
    changed = {
        name for name, value in weights(each).items() if not torch.equal(before[name], value)
    }
    assert "body.0.weight" not in changed and "body.0.bias" not in changed
    assert {"body.1.weight", "body.1.running_mean", "head.4.weight"} <= changed


def test_norms_of_a_frozen_body_stay_if_told(store):
    each, train, valid = made(store, RECIPE.model_copy(update={"train_norm": False}))
    before = weights(each)
    each.fit(Cycle("frozen", 1, [1e-2, 1e-2]), train, valid)
    after = weights(each)
    assert all(torch.equal(before[n], after[n]) for n in before if n.startswith("body."))
    assert not torch.equal(before["head.4.weight"], after["head.4.weight"])


def test_weight_decay_spares_norms_and_biases():
    groups = param_groups(Tiny().layer_groups(), 0.3)
    assert [(len(g["params"]), g["weight_decay"], g["layer_group"]) for g in groups] == [
        (1, 0.3, 0),
        (3, 0.0, 0),
        (1, 0.3, 1),
        (3, 0.0, 1),
    ]


def test_an_embedding_s_bias_does_decay():
    model = DotProduct(3, 4, CollabLearner(arch="dot_bias"))
    (group,) = param_groups(model.layer_groups(), 0.1)
    assert len(group["params"]) == 4 and group["weight_decay"] == 0.1


def test_each_group_gets_its_rate():
    model = Tiny()
    optimiser = torch.optim.AdamW(param_groups(model.layer_groups(), 0.1))
    learner.set_rates(optimiser, [1e-4, 1e-2], 0.9)
    assert [group["lr"] for group in optimiser.param_groups] == [1e-4, 1e-4, 1e-2, 1e-2]
    assert all(group["betas"] == (0.9, 0.99) for group in optimiser.param_groups)


def test_freezing_leaves_norms_their_gradients():
    model = Tiny()
    freeze(model.body, train_norm=True)
    assert [p.requires_grad for p in model.body.parameters()] == [False, False, True, True]


def test_a_loss_that_is_not_finite_names_the_rate_to_lower(store):
    each, train, valid = made(store)
    with pytest.raises(UserError, match=r"lower train.unfrozen.lr \(highest now 1.00e\+30\)"):
        each.fit(Cycle("unfrozen", 3, [1e30, 1e30]), train, valid)


def test_every_example_of_a_whole_number_of_batches_is_seen_once(store):
    each, train, _ = made(store, RECIPE.model_copy(update={"batch_size": 7, "augment": None}))
    seen = torch.cat([x for x, _ in each._batches(train)])
    assert len(seen) == 28 and len(torch.unique(seen.flatten(1), dim=0)) == 28


def test_prediction_keeps_the_order_and_needs_no_batch_to_be_whole(store):
    each, train, _ = made(store)
    scores = each.predict(train)
    each.model.eval()
    x, _ = train.batch(torch.tensor([25]))
    with torch.inference_mode():
        assert np.allclose(each.model(x).numpy(), scores[25:26], atol=1e-5)
    assert scores.shape == (28, 2)


@pytest.mark.parametrize("arch", ["resnet18", "squeezenet1_1"])
def test_a_saved_model_predicts_the_same(store, tmp_path, arch):
    recipe = RECIPE.model_copy(update={"arch": arch, "size": 48})
    block = DataBlock(Images(store, recipe.height_width), Category(["dark", "light"]), recipe)
    each, train, _ = made(store, recipe, saved.build(block))
    saved.save(each, tmp_path, {})
    again = saved.load(tmp_path, store_folder(store))
    assert np.array_equal(again.predict(again.block.part(train.items)), each.predict(train))
    first = (tmp_path / "model.safetensors").read_bytes()
    saved.save(again, tmp_path, {})
    assert (tmp_path / "model.safetensors").read_bytes() == first


def store_folder(store: PixelStore):
    from pathlib import Path

    return Path(store._flat.filename).parent


def test_damaged_weights_are_named(store, tmp_path):
    block = DataBlock(Images(store, (48, 48)), Category(["dark", "light"]), RECIPE)
    each, _, _ = made(store, RECIPE, saved.build(block))
    saved.save(each, tmp_path, {})
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"model.safetensors: is damaged"):
        saved.load(tmp_path, store_folder(store))


def test_the_head_and_groups_of_a_backbone():
    model = vision_model(RECIPE, 5)
    assert [len(list(group.children())) for group in model.layer_groups()] == [6, 2, 8]
    assert model.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 5)
    ranged = vision_model(RECIPE.model_copy(update={"y_range": [-1.0, 1.0]}), 2).eval()
    assert ranged(torch.randn(4, 3, 64, 64) * 100).abs().max() <= 1


def test_soft_argmax_finds_the_hot_cell():
    heat = torch.zeros(2, 1, 4, 8)
    heat[0, 0, 3, 0] = heat[1, 0, 0, 7] = 100
    expected = torch.tensor([[-7 / 8, 3 / 4], [7 / 8, -3 / 4]])  # centres of the cells
    assert torch.allclose(SoftArgmax()(heat), expected)


def test_the_heatmap_head_gives_points():
    recipe = RECIPE.model_copy(update={"head": "heatmap"})
    points = vision_model(recipe, 2).eval()(torch.randn(3, 3, 64, 64))
    assert points.shape == (3, 2) and points.abs().max() < 1


def test_weights_of_another_architecture_are_refused(tmp_path):
    file = tmp_path / "w.pth"
    torch.save(nn.Linear(2, 2).state_dict(), file)
    with pytest.raises(UserError, match="holds no weights of resnet18"):
        vision_model(RECIPE, 2, file)


def test_pickled_objects_are_never_loaded(tmp_path):
    file = tmp_path / "w.pth"
    torch.save(Tiny(), file)
    with pytest.raises(UserError, match="holds no weights"):
        vision_model(RECIPE, 2, file)


def test_rate_tables_name_the_groups():
    assert schedules.rate_table(["body", "head"], [1e-4, 1e-3]) == "body 1.00e-04, head 1.00e-03"


def test_the_dot_product_is_its_formula():
    model = DotProduct(3, 4, CollabLearner(arch="dot_bias", factors=5))
    pairs = torch.tensor([[1, 2], [0, 4]])
    u, v = model.user.weight[pairs[:, 0]], model.item.weight[pairs[:, 1]]
    score = (u * v).sum(1) + model.user_bias.weight[[1, 0], 0] + model.item_bias.weight[[2, 4], 0]
    assert torch.allclose(model(pairs)[:, 0], torch.sigmoid(score) * 5.5)


ARCHS = get_args(VisionLearner.model_fields["arch"].annotation)


@pytest.mark.parametrize("arch", ARCHS)
def test_every_backbone_has_groups_a_head_and_imagenet_weights(arch):
    model = vision_model(RECIPE.model_copy(update={"arch": arch}), 3).eval()
    assert all(len(list(group.parameters())) for group in model.layer_groups())
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 3)
    assert imagenet_url(arch).startswith("https://") and arch in imagenet_url(arch)
