"""Layer groups: which parts of a model learn together, at which rate, and which are frozen."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

Model = Callable[[Tensor], Tensor]
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

    def folded(self) -> "Grouped":
        """A copy that predicts the same with less work, where there is one."""
        return self

    def is_still(self, *, train_norm: bool) -> bool:
        """Whether all but the last group, once frozen, gives the same whenever it is asked.

        Args:
            train_norm: whether its norm layers train; all of it is then in train mode.
        """
        return False

    def parted(self) -> tuple[Model, Model]:
        """What gives the features of an input, as it is now, and what makes scores of them."""
        raise TypeError(f"{type(self).__name__} has no body and head")


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Whatever is done inside, a model's weights, gradients, modes and freezing end as before."""
    state = copy.deepcopy(model.state_dict())
    modes = [(each, each.training) for each in model.modules()]  # from the root on
    trains = [(it, it.requires_grad, it.grad) for it in model.parameters()]
    try:
        yield
    finally:
        model.load_state_dict(state)
        for module, mode in modes:
            module.train(mode)
        for parameter, on, gradient in trains:
            parameter.requires_grad_(on).grad = gradient


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
