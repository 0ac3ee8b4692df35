"""Pretrained weights: loaded without pickled objects, and made to fit other channels than RGB."""

from pathlib import Path

import torch
from torch import nn

from onecycle.errors import UserError
from onecycle.learn.archs import TIMM


def adapt(net: nn.Module, stem: str, channels: int) -> None:
    """Gives the first convolution as many input channels as the pictures have.

    One channel gets the sum of the RGB weights: a grey picture is then seen as in RGB. With more,
    the first three keep theirs, and each other one gets their mean; all are scaled by 3 / channels,
    so that what follows sees activations of the size it knows.
    """
    old = net.get_submodule(stem)
    if not isinstance(old, nn.Conv2d) or old.in_channels != 3:
        raise UserError(f"learner.arch: its first layer, {stem}, takes no RGB picture")
    made = nn.Conv2d(
        channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]  # torch types them as tuples of any length
        old.stride,  # type: ignore[arg-type]
        old.padding,  # type: ignore[arg-type]
        old.dilation,  # type: ignore[arg-type]
        bias=old.bias is not None,
    )
    with torch.no_grad():
        mean = old.weight.mean(1, keepdim=True)
        if channels == 1:
            made.weight.copy_(3 * mean)
        else:
            extra = mean.expand(-1, max(0, channels - 3), -1, -1)
            weight = torch.cat([old.weight, extra], 1)[:, :channels]
            made.weight.copy_(weight * 3 / channels)
        if old.bias is not None and made.bias is not None:
            made.bias.copy_(old.bias)
    parent, _, name = stem.rpartition(".")
    setattr(net.get_submodule(parent), name, made)


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
