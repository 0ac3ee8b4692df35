"""Layer groups: which parts of a model learn together, at which rate, and which are frozen."""

from collections.abc import Sequence
from typing import Any

from torch import nn

NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


class Grouped(nn.Module):
    """A model that knows its layer groups; `group_names` names them, first to last."""

    group_names: tuple[str, ...]

    def layer_groups(self) -> list[nn.Module]:
        """From the input's side to the output's."""
        raise TypeError(f"{type(self).__name__} has to say what its layer groups are")


def param_groups(layer_groups: Sequence[nn.Module], wd: float) -> list[dict[str, Any]]:
    """Optimiser groups for each layer group: with weight decay; norms and biases without.

    A module's attribute `weight_decay`, if it has one that is not null, holds for all of its own
    parameters instead.
    """
    groups = []
    for at, layer_group in enumerate(layer_groups):
        by_decay: dict[float, list[nn.Parameter]] = {wd: [], 0.0: []}
        for module in layer_group.modules():
            own = getattr(module, "weight_decay", None)
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.requires_grad:
                    free = isinstance(module, NORMS) or name == "bias"
                    decay = own if own is not None else 0.0 if free else wd
                    by_decay.setdefault(decay, []).append(parameter)
        for decay, parameters in by_decay.items():
            groups.append({"params": parameters, "weight_decay": decay, "layer_group": at})
    return [group for group in groups if group["params"]]


def freeze(layer_group: nn.Module, train_norm: bool) -> None:
    """Takes the gradients from a layer group, but for its norm layers if they shall train."""
    for module in layer_group.modules():
        trains = train_norm and isinstance(module, NORMS)
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(trains)
