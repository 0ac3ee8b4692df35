"""AdamW by torch's own function, without what torch's class does around it.

The class loads torch's compiler on its first use, which takes 2 s in every process that trains, and
.1 ms a step, which is as long as the update of a small recommender.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.adamw import adamw

BETA2, EPS = 0.99, 1e-5  # fast.ai's
STATE = ("mean", "square", "steps")  # of a parameter


class AdamW:
    """Adam with decoupled weight decay, fused; equal to `torch.optim.AdamW` bit by bit.

    Args:
        param_groups: mappings of `params`, `weight_decay` and `layer_group`. `set_rates` adds `lr`
            and `momentum`.

    Attributes:
        param_groups: the same.
    """

    def __init__(self, param_groups: list[dict[str, Any]]) -> None:
        self.param_groups = param_groups
        self._state: dict[Tensor, tuple[Tensor, Tensor, Tensor]] = {}

    def set_rates(self, rates: Sequence[float], momentum: float) -> None:
        """Sets each layer group's rate, and the momentum of all."""
        for group in self.param_groups:
            group["lr"] = rates[group["layer_group"]]
            group["momentum"] = momentum

    def zero_grad(self, *, keep: bool = False) -> None:
        """Drops all gradients; or keeps their memory and fills it with zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if keep and parameter.grad is not None:
                    parameter.grad.zero_()
                else:
                    parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """All that steps have left: tensors `N.mean`, `N.square` and `N.steps`.

        N counts parameters in the order of the groups.
        """
        return {
            f"{at}.{name}": value
            for at, parameter in enumerate(self._all())
            if parameter in self._state
            for name, value in zip(STATE, self._state[parameter], strict=True)
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        """What `state` gave, of an optimiser of the same groups."""
        for at, parameter in enumerate(self._all()):
            if f"{at}.{STATE[0]}" in state:
                # Copied, for moving averages lie in memory as their parameter does.
                for name, value in zip(STATE, self._of(parameter), strict=True):
                    value.copy_(state[f"{at}.{name}"])

    def _all(self) -> Iterator[Tensor]:
        for group in self.param_groups:
            yield from group["params"]

    @torch.no_grad()
    def step(self, spoilt: Tensor | None = None) -> None:
        """Updates every parameter that has a gradient.

        Args:
            spoilt: a scalar on the device; where it is 1, nothing is updated. Null: all is well.
        """
        for group in self.param_groups:
            moved = [each for each in group["params"] if each.grad is not None]
            if not moved:
                continue
            means, squares, steps = zip(*map(self._of, moved), strict=True)
            adamw(
                moved,
                [each.grad for each in moved],
                list(means),
                list(squares),
                [],
                list(steps),
                fused=True,
                amsgrad=False,
                maximize=False,
                lr=group["lr"],
                beta1=group["momentum"],
                beta2=BETA2,
                weight_decay=group["weight_decay"],
                eps=EPS,
                found_inf=spoilt,
            )

    def _of(self, parameter: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Moving averages of its gradient and of that squared, and how often it was updated."""
        if parameter not in self._state:
            mean, square = torch.zeros_like(parameter), torch.zeros_like(parameter)
            steps = torch.zeros((), device=parameter.device)
            self._state[parameter] = (mean, square, steps)
        return self._state[parameter]
