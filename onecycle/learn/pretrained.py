"""Pretrained weights: loaded without pickled objects, and made to fit other channels than RGB."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torchvision.models import WeightsEnum, get_model_weights

from onecycle.blocks.image import MEAN, STD
from onecycle.errors import UserError
from onecycle.learn.archs import TIMM

HALF = (0.5, 0.5, 0.5)
SIDE = 224  # pixels; what most backbones were made for


def imagenet_weights(arch: str) -> WeightsEnum:
    """torchvision's first ImageNet weights of an architecture, for pictures of the usual size.

    Some begin with weights for larger pictures, whose positions fit no other size.
    """
    known = [it for it in get_model_weights(arch) if it.name.startswith("IMAGENET1K")]
    return next((it for it in known if it.meta["min_size"][0] <= SIDE), known[0])


def adapt(net: nn.Module, stem: str, channels: int) -> None:
    """Gives the first convolution as many input channels as the pictures have.

    One channel gets the sum of the RGB weights: a grey picture is then seen as in RGB. With more,
    the first three keep theirs, and each other one gets their mean; all are scaled by 3 / channels,
    so that what follows sees activations of the size it knows.
    """
    old = net.get_submodule(stem)
    if not isinstance(old, nn.Conv2d) or old.in_channels != 3:
        raise UserError(f"learner.arch: its first layer, {stem}, takes no RGB picture")
    weight = old.weight.detach()
    mean = weight.mean(1, keepdim=True)
    if channels == 1:
        made = 3 * mean
    else:
        extra = mean.expand(-1, max(0, channels - 3), -1, -1)
        made = torch.cat([weight, extra], 1)[:, :channels] * 3 / channels
    old.weight = nn.Parameter(made.contiguous())
    old.in_channels = channels


def renormalised(model: nn.Module, arch: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift, [1, 3, 1, 1] each, from ImageNet's normalisation to the weights' own.

    Args:
        model: the classifier.
        arch: its name.
    """
    if hasattr(model, "transform_input"):  # torchvision's two that come from TensorFlow
        mean, std = HALF, HALF
    elif arch.startswith(TIMM):
        said = getattr(model, "pretrained_cfg", {})
        mean, std = said.get("mean", MEAN), said.get("std", STD)
    else:
        shown = imagenet_weights(arch).transforms()
        mean, std = shown.mean, shown.std
    ours, theirs = (np.array(MEAN), np.array(STD)), (np.array(mean), np.array(std))
    scale, shift = ours[1] / theirs[1], (ours[0] - theirs[0]) / theirs[1]
    made = [torch.tensor(each, dtype=torch.float32).view(1, 3, 1, 1) for each in (scale, shift)]
    return made[0], made[1]


def load_weights(model: nn.Module, file: Path, arch: str) -> None:
    """Loads a state dict (never other pickled objects) into a classifier.

    Raises:
        UserError: it is none, or of another architecture.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        missing = model.load_state_dict(state, strict=not arch.startswith(TIMM)).missing_keys
        if missing:
            raise KeyError(f"it lacks {missing[:3]}")
    except Exception as error:  # torch raises what the file's damage led it to
        first = str(error).splitlines()[0]
        raise UserError(
            f"{file}: learner.weights holds no weights of {arch} ({first}); "
            "check learner.arch and the file's checksum"
        ) from error
