"""Layer groups: which parts of a model learn together, at which rate, and which are frozen."""

from collections.abc import Sequence
from typing import Any

from torch import nn

NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


class Grouped(nn.Module):
    """A model that knows its layer groups; `group_names` names them, first to last."""

    group_names: tuple[str, ...]

    def layer_groups(self) -> list[nn.Module]:
        """From the input's side to the output's; together they hold every parameter once."""
        raise TypeError(f"{type(self).__name__} has to say what its layer groups are")

    def baked(self) -> "Grouped":
        """The model to predict with and to keep, where that is another than the one that trains."""
        return self


def param_groups(
    layer_groups: Sequence[nn.Module], wd: float, *, spare: bool = True
) -> list[dict[str, Any]]:
    """The optimiser's groups of all parameters that train: one for each layer group and decay.

    Args:
        layer_groups: of the model.
        wd: weight decay; a module with an attribute `weight_decay` has its own.
        spare: norm layers and biases do not decay.
    """
    groups = []
    for at, layer_group in enumerate(layer_groups):
        by_decay: dict[float, list[nn.Parameter]] = {}
        for module in layer_group.modules():
            own: float | None = getattr(module, "weight_decay", None)
            for name, parameter in module.named_parameters(recurse=False):
                if parameter.requires_grad:
                    spared = spare and (isinstance(module, NORMS) or name.endswith("bias"))
                    decay = own if own is not None else 0.0 if spared else wd
                    by_decay.setdefault(decay, []).append(parameter)
        for decay, parameters in by_decay.items():
            groups.append({"params": parameters, "weight_decay": decay, "layer_group": at})
    return groups


def freeze(layer_group: nn.Module, train_norm: bool) -> None:
    """Takes the gradients from a layer group, but for its norm layers if they shall train."""
    for module in layer_group.modules():
        trains = train_norm and isinstance(module, NORMS)
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(trains)
