"""Picture models: any classifier cut and grouped, heads, saving."""

import copy
import sys

import numpy as np
import pytest
import torch
import torchvision
from small import RECIPE, Tiny, blocks_of, made
from torch import nn

from onecycle.blocks.image import MEAN, STD
from onecycle.errors import UserError
from onecycle.learn import saved
from onecycle.learn.archs import TORCHVISION
from onecycle.learn.backbone import Backbone, layout
from onecycle.learn.groups import param_groups
from onecycle.learn.heads import SoftArgmax
from onecycle.learn.pretrained import adapt, renormalised
from onecycle.learn.seeding import built
from onecycle.learn.vision import imagenet_url, vision_model

# Of each way to be built, a quick one; all 80 were tried by hand.
FAMILIES = (
    "alexnet convnext_tiny efficientnet_b0 googlenet mobilenet_v3_small regnet_x_400mf "
    "resnet18 shufflenet_v2_x0_5 squeezenet1_1 swin_t vit_b_32"
).split()


def test_the_list_of_backbones_is_torchvision_s():
    assert sorted(TORCHVISION) == sorted(torchvision.models.list_models(torchvision.models))


@pytest.mark.parametrize("arch", FAMILIES)
def test_any_classifier_is_cut_and_grouped(arch):
    found = layout(arch)
    body = Backbone(arch).eval()
    with torch.inference_mode():
        features = body(torch.zeros(1, 3, 224, 224))
    assert features.shape[:2] == (1, found.channels) and features.ndim == 4
    assert (features.shape[2] > 1) == found.mapped == (arch != "vit_b_32")
    early, late = body.layer_groups()
    groups = param_groups([early, late], 0.1)
    learnt = [id(each) for group in groups for each in group["params"]]
    assert len(learnt) == len(set(learnt)) == len(list(body.parameters()))
    assert {group["layer_group"] for group in groups} == {0, 1}


def test_what_is_cut_off_gives_the_classifier_s_own_answer():
    """The end of a ResNet and of a vision transformer, put back by hand."""
    for arch, end in (("resnet18", "fc"), ("vit_b_32", "heads")):
        torch.manual_seed(0)
        whole = torchvision.models.get_model(arch, weights=None).eval()
        body = Backbone(arch).eval()
        body.net.load_state_dict(whole.state_dict(), strict=False)
        x = torch.randn(2, 3, 224, 224)
        with torch.inference_mode():
            answer = getattr(whole, end)(body(x).mean((2, 3)))
            assert torch.allclose(answer, whole(x), atol=1e-4)


def test_dropout_and_stochastic_depth_follow_the_mode():
    body = Backbone("efficientnet_b0")
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(body.eval()(x), body(x))
        body.train()
        for each in body.modules():
            if isinstance(each, nn.BatchNorm2d):
                each.eval()
        assert not torch.equal(body(x), body(x))


@pytest.mark.parametrize("channels", [1, 2, 4, 7])
def test_the_first_convolution_takes_any_number_of_channels(channels):
    model = vision_model(RECIPE, 3, channels).eval()
    assert model(torch.zeros(2, channels, 64, 64)).shape == (2, 3)


@pytest.mark.parametrize("channels", [1, 6])
def test_channels_that_are_all_alike_are_seen_as_in_rgb(channels):
    torch.manual_seed(0)
    rgb = nn.Sequential(nn.Conv2d(3, 4, 3))
    other = copy.deepcopy(rgb)
    adapt(other, "0", channels)
    grey = torch.randn(2, 1, 9, 9)
    seen = other(grey.expand(-1, channels, -1, -1))
    assert torch.allclose(seen, rgb(grey.expand(-1, 3, -1, -1)), atol=1e-6)


def test_every_backbones_imagenet_weights_and_their_normalisation_are_known():
    for arch in TORCHVISION:
        assert imagenet_url(arch).startswith("https://")
        scale, shift = renormalised(nn.Identity(), arch)
        assert scale.isfinite().all() and shift.isfinite().all()
    halves = renormalised(nn.Identity(), "efficientnet_v2_l")  # mean and deviation .5
    assert torch.allclose(halves[0].flatten().double(), 2 * torch.tensor(STD))
    assert torch.allclose(halves[1].flatten().double(), 2 * torch.tensor(MEAN) - 1)


def grey_of(body: Backbone) -> torch.Tensor:
    return body.net.conv_stem.weight.sum(1, keepdim=True)


def test_who_has_no_timm_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match="timm:resnet18d needs timm: pip install timm"):
        vision_model(RECIPE.model_copy(update={"arch": "timm:resnet18d"}), 3)


def test_timm_is_an_extra():
    for arch, mapped in (("timm:test_resnet", True), ("timm:test_vit", False)):
        model = vision_model(RECIPE.model_copy(update={"arch": arch}), 3).eval()
        assert model.body.layout.mapped == mapped
        side = 64 if mapped else 160
        assert model(torch.zeros(2, 3, side, side)).shape == (2, 3)
    padded = "timm:tf_mobilenetv3_small_minimal_100"  # pads in its forward
    grey, rgb = (vision_model(on(padded), 3, channels).body.eval() for channels in (1, 3))
    grey.net.load_state_dict(rgb.net.state_dict() | {"conv_stem.weight": grey_of(rgb)})
    x = torch.randn(1, 1, 64, 64)
    assert torch.allclose(grey(x), rgb(x.expand(-1, 3, -1, -1)), atol=1e-4)
    with pytest.raises(UserError, match="timm has no 'resnet18x'"):
        vision_model(RECIPE.model_copy(update={"arch": "timm:resnet18x"}), 3)


@pytest.mark.parametrize("arch", ["resnet18", "squeezenet1_1"])
def test_a_saved_model_predicts_the_same(store, tmp_path, arch):
    recipe = RECIPE.model_copy(update={"arch": arch, "size": 48})
    each = made(store, recipe, saved.build(blocks_of(store, recipe), recipe))
    saved.save(each, tmp_path, {})
    again, train = saved.load(tmp_path, store.folder), each.data.train
    read = again.data.blocks.encode(train.items)
    assert np.array_equal(again.predict(read), each.predict(train))
    first = (tmp_path / "model.safetensors").read_bytes()
    saved.save(again, tmp_path, {})
    assert (tmp_path / "model.safetensors").read_bytes() == first


def test_damaged_weights_are_named(store, tmp_path):
    each = made(store, RECIPE, saved.build(blocks_of(store), RECIPE))
    saved.save(each, tmp_path, {})
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"model.safetensors: is damaged"):
        saved.load(tmp_path, store.folder)


def test_the_head_and_groups_of_a_backbone():
    model = vision_model(RECIPE, 5)
    assert [len(list(group.children())) for group in model.layer_groups()] == [4, 2, 8]
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
        vision_model(RECIPE, 2, weights=file)


def test_pickled_objects_are_never_loaded(tmp_path):
    file = tmp_path / "w.pth"
    torch.save(Tiny(), file)
    with pytest.raises(UserError, match="holds no weights"):
        vision_model(RECIPE, 2, weights=file)


def test_every_backbone_has_imagenet_weights_of_its_own():
    urls = {imagenet_url(arch) for arch in TORCHVISION}
    assert len(urls) == len(TORCHVISION) and all(url.startswith("https://") for url in urls)


def test_weights_made_for_another_normalisation_see_what_they_expect(tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.googlenet(init_weights=False, transform_input=True).eval()
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    ours = Backbone("googlenet", 3, tmp_path / "w.pth").eval()
    x = torch.randn(1, 3, 96, 96)
    with torch.inference_mode():
        assert torch.allclose(theirs.fc(ours(x).mean((2, 3))), theirs(x), atol=1e-4)
        plain = Backbone("resnet18")
        assert torch.equal(plain.scale, torch.ones(1, 3, 1, 1)) and not plain.shift.any()


@pytest.mark.parametrize("arch", ["regnet_x_400mf", "resnet18"])
def test_a_seed_draws_the_same_weights_whatever_was_built_before(arch):
    layout.cache_clear()
    first, second = (built(7, lambda: vision_model(on(arch), 2)) for _ in range(2))
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))


def on(arch, **changes):
    return RECIPE.model_copy(update={"arch": arch, **changes})


@pytest.mark.parametrize("arch", ["vit_b_32", "inception_v3"])
def test_a_size_that_a_backbone_can_t_see_is_refused(arch, capsys):
    with pytest.raises(UserError, match=rf"learner.size: {arch} can't see pictures of \(48, 48\)"):
        vision_model(on(arch, size=48), 2)
    assert not capsys.readouterr().err


def test_a_range_test_leaves_a_traced_body_its_graph(store):
    recipe = on("resnet18", size=48)
    each = made(store, recipe, saved.build(blocks_of(store, recipe), recipe))
    each.model.eval()
    net = each.model.body.net
    before = net.graph
    each.check()
    assert net.graph is before is net.eval_graph


def test_a_head_that_needs_a_map_refuses_a_vector():
    recipe = RECIPE.model_copy(update={"arch": "vit_b_32", "head": "heatmap"})
    with pytest.raises(UserError, match="needs a map of features"):
        vision_model(recipe, 2)
