"""Backbones: a classifier without its classifying end, and its two layer groups, both derived.

Nothing is listed by architecture. A classifier is tried on a picture without memory (torch's `meta`
device): what it calls, in which order and of which shapes tells where it is cut and which of its
layers belong together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from onecycle.errors import UserError
from onecycle.learn.archs import TIMM
from onecycle.learn.pretrained import SIDE, adapt, load_weights, renormalised
from onecycle.params import nearest

CLASSES = 997  # of the tried classifier: a number that none of its other layers has
MOST_AFTER = 4  # layers that may follow the map of features; where there are more, they still see
UNIT = 0.8  # a part with more than this share of the parameters is taken apart
EARLY_STRIDE = 8  # in pixels of the picture; a ResNet's layer2
PASSED = (nn.Dropout, nn.AdaptiveAvgPool2d)  # belong to the end, though they give maps
FEATURES = "features"
Shape = Sequence[int]


@dataclass(frozen=True)
class Layout:
    """What trying a classifier told.

    Attributes:
        cut: the node of its graph that gives the features; empty for timm's, built without an end.
        channels: of the features.
        mapped: whether the features are a map, [N, C, H, W], rather than a vector, [N, C].
        stem: name of the first convolution.
        early: names of the modules of the first layer group.
        late: names of the rest.
    """

    cut: str
    channels: int
    mapped: bool
    stem: str
    early: list[str]
    late: list[str]


class Backbone(nn.Module):
    """A classifier's features and its layer groups.

    Args:
        arch: a name of `onecycle.learn.archs`.
        channels: of the pictures: 1, 3 or more.
        weights: a state dict's file, for three channels; null: from scratch.

    Raises:
        UserError: the file holds no weights of that architecture, or timm is not to be had.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, arch: str, channels: int = 3, weights: Path | None = None) -> None:
        super().__init__()
        self.layout = layout(arch)
        model = classifier(arch, pooled=not self.layout.mapped)
        # From the normalisation of the image block to that which the weights expect.
        self.register_buffer("scale", torch.ones(1, channels, 1, 1))
        self.register_buffer("shift", torch.zeros(1, channels, 1, 1))
        if weights:
            load_weights(model, weights, arch)
            if channels == 3:
                self.scale, self.shift = renormalised(model, arch)
        self.rescales = self._rescales()
        self.register_load_state_dict_post_hook(Backbone._loaded)
        self.net = trim(model, self.layout.cut)
        if channels != 3:
            adapt(self.net, self.layout.stem, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Float [N, C, H, W] to features, [N, K, H', W']; a vector is a map of one pixel."""
        out = features(self.net(x * self.scale + self.shift if self.rescales else x))
        return out if self.layout.mapped else out[:, :, None, None]

    def _rescales(self) -> bool:
        return bool((self.scale != 1).any() or (self.shift != 0).any())

    def _loaded(self, _: object) -> None:
        self.rescales = self._rescales()

    def layer_groups(self) -> list[nn.Module]:
        """Early layers and late ones; parameters that no layer holds are early."""
        early, late = (
            nn.ModuleList([self.net.get_submodule(name) for name in names])
            for names in (self.layout.early, self.layout.late)
        )
        held = {id(each) for group in (early, late) for each in group.parameters()}
        rest = [each for each in self.net.parameters() if id(each) not in held]
        return [early.append(nn.ParameterList(rest)) if rest else early, late]


def classifier(arch: str, classes: int = 1000, *, pooled: bool = False) -> nn.Module:
    """A classifier with random weights, drawn from torch's generator.

    Args:
        arch: its name; timm's come without their end.
        classes: how many it tells apart.
        pooled: whether timm's pool their features.

    Raises:
        UserError: timm is not installed, or has no such model.
    """
    if not arch.startswith(TIMM):
        # These two ask, with a warning, whether to draw their weights.
        settings = {"init_weights": True} if arch in ("googlenet", "inception_v3") else {}
        made: nn.Module = get_model(arch, weights=None, num_classes=classes, **settings)
        return made
    try:
        import timm
    except ModuleNotFoundError:
        raise UserError(f"learner.arch: {arch} needs timm: pip install timm") from None
    name = arch.removeprefix(TIMM)
    if not timm.is_model(name):
        raise UserError(f"learner.arch: timm has no '{name}'; {nearest(name, timm.list_models())}")
    pool: dict[str, Any] = {} if pooled else {"global_pool": ""}
    try:
        made = timm.create_model(name, num_classes=0, **pool)
    except (AssertionError, ValueError, TypeError):  # it knows no features before its pooling
        made = timm.create_model(name, num_classes=0)
    return made


@cache
def layout(arch: str) -> Layout:
    """Tries a classifier and reads from that where it is cut and how it is grouped."""
    with torch.device("meta"), torch.no_grad(), torch.random.fork_rng(devices=[]):
        model = tried(arch, CLASSES)
        cut = "" if arch.startswith(TIMM) else find_cut(model)
        net = trim(model, cut).eval()
        shapes, shape = called(net)
        mapped = len(shape) == 4 and shape[1] != shape[2] == shape[3]
        if not mapped and not cut:
            net = tried(arch, pooled=True)
            shapes, shape = called(net)
    modules = dict(net.named_modules())
    stem = next(name for name in shapes if isinstance(modules[name], nn.Conv2d))
    early, late = divide(net, shapes)
    return Layout(cut, shape[1], mapped, stem, early, late)


def tried(arch: str, classes: int = 0, *, pooled: bool = False) -> nn.Module:
    """A classifier on the `meta` device."""
    try:
        model = classifier(arch, classes, pooled=pooled)
    except NotImplementedError:  # a RegNet reckons its widths with tensors
        with torch.device("cpu"):
            model = classifier(arch, classes, pooled=pooled).to("meta")
    return model.eval()


def find_cut(model: nn.Module) -> str:
    """The node behind which only pooling and the classifying layers come.

    That is the last map before the end; where many layers follow that (a vision transformer's one
    map is its input), the vector that the end classifies.
    """
    _, nodes = get_graph_node_names(model, suppress_diff_warning=True)
    whole = create_feature_extractor(
        model, train_return_nodes=nodes[:1], eval_return_nodes=nodes, suppress_diff_warning=True
    )
    found = whole.eval()(torch.zeros(1, 3, SIDE, SIDE))
    shapes = {name: it.shape if isinstance(it, Tensor) else () for name, it in found.items()}
    modules = dict(model.named_modules())
    layers = [name for name in shapes if name in modules and learns(modules[name])]
    end = next(name for name in reversed(layers) if CLASSES in shapes[name])
    before = list(shapes)[: list(shapes).index(end)]
    seen = [name for name in before if not isinstance(modules.get(name), PASSED)]
    cut: str = next(name for name in reversed(seen) if side(shapes[name]) > 1)
    after = set(before[before.index(cut) + 1 :])
    if len(after & set(layers)) <= MOST_AFTER:
        return cut
    vector: str = next(name for name in reversed(seen) if len(shapes[name]) == 2)
    return vector


def trim(model: nn.Module, cut: str) -> nn.Module:
    """The model up to a node of its graph; all of it without one."""
    if not cut:
        return model
    trimmed: nn.Module = create_feature_extractor(
        model, return_nodes={cut: FEATURES}, suppress_diff_warning=True
    )
    return trimmed


def features(out: Tensor | dict[str, Tensor]) -> Tensor:
    """The features that a trimmed model gives."""
    return out[FEATURES] if isinstance(out, dict) else out


def called(net: nn.Module) -> tuple[dict[str, Shape], Shape]:
    """The output shapes of a model's modules, in the order of their calls, and of the whole."""
    shapes: dict[str, Shape] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, inputs: object, out: object) -> None:
            shapes[name] = tuple(out.shape) if isinstance(out, Tensor) else ()

        return hook

    hooks = [it.register_forward_hook(note(name)) for name, it in net.named_modules() if name]
    shape = features(net(torch.zeros(1, 3, SIDE, SIDE))).shape
    for each in hooks:
        each.remove()
    return shapes, tuple(shape)


def side(shape: Shape) -> int:
    """Pixels of a square map's side, wherever its channels stand; 1 of what is no map."""
    sizes = list(shape)[1:] if len(shape) == 4 else []
    return next((size for size in sizes if sizes.count(size) > 1), 1)


def divide(net: nn.Module, shapes: dict[str, Shape]) -> tuple[list[str], list[str]]:
    """Names of the early modules and of the late ones, in the order of their calls.

    Early is what still sees at least every eighth pixel: a ResNet up to layer2, as in fast.ai.
    Where that is nothing or everything (a transformer sees patches throughout), they are halves.
    """
    units = apart(net, "", shapes, sum(each.numel() for each in net.parameters()))
    border = sum(stride(unit, shapes) <= EARLY_STRIDE for unit in units)
    border = border if 0 < border < len(units) else len(units) // 2
    return units[:border], units[border:]


def apart(net: nn.Module, name: str, shapes: dict[str, Shape], total: int) -> list[str]:
    """A module; taken apart if it holds most of all `total` parameters."""
    size = sum(each.numel() for each in net.get_submodule(name).parameters())
    inner = children(net, name, shapes)
    if size <= UNIT * total or not inner:
        return [name]
    return [unit for part in inner for unit in apart(net, part, shapes, total)]


def children(net: nn.Module, name: str, shapes: dict[str, Shape]) -> list[str]:
    """A module's called children that have parameters, in the order of their calls."""
    prefix = f"{name}." if name else ""
    inner = [prefix + child for child, _ in net.get_submodule(name).named_children()]
    order = dict.fromkeys(unit for each in shapes for unit in inner if within(each, unit))
    return [unit for unit in order if learns(net.get_submodule(unit))]


def learns(module: nn.Module) -> bool:
    """Whether a module has parameters."""
    return any(True for _ in module.parameters())


def within(name: str, unit: str) -> bool:
    """Whether a module is a unit or inside of it."""
    return name == unit or name.startswith(f"{unit}.")


def stride(unit: str, shapes: dict[str, Shape]) -> float:
    """Pixels of the picture between two of the last map inside a unit; infinite without a map."""
    sides = [side(shape) for name, shape in shapes.items() if within(name, unit)]
    maps = [each for each in sides if each > 1]
    return SIDE / maps[-1] if maps else float("inf")
