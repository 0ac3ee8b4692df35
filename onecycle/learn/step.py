"""One step of training: forward, backward and update, in as many pieces as memory holds."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from onecycle.errors import UserError
from onecycle.learn.device import Compute
from onecycle.learn.groups import Model
from onecycle.learn.optimiser import AdamW
from onecycle.learn.recipe import Training
from onecycle.progress import say

# What is said, beside an OutOfMemoryError, where there is no memory: by the CPU, cuBLAS and cuDNN.
NO_MEMORY = ("can't allocate memory", "ALLOC_FAILED", "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOC")


class Stepper:
    """Trains a model batch by batch.

    Where memory runs out, a batch is taken in halves, and on. The gradient is that of the whole
    batch all the same; only batch norm sees the pieces, each for itself.

    Args:
        loss: mean loss of scores [N, …] and targets [N, …].
        recipe: batch size and micro-batch.
        compute: device and precision.

    Attributes:
        micro: items that are taken at once; what memory forced it to is kept.
        scaler: keeps float16's small gradients from vanishing; does nothing for other types.
    """

    def __init__(
        self,
        loss: Callable[[Tensor, Tensor], Tensor],
        recipe: Training,
        compute: Compute,
    ) -> None:
        self.loss, self.compute = loss, compute
        self.micro = recipe.micro_batch or recipe.batch_size
        self.restart()

    def restart(self) -> None:
        """Forgets what float16 needed: a fresh optimiser begins."""
        self.scaler = torch.amp.GradScaler(
            self.compute.device.type, enabled=self.compute.dtype == torch.float16
        )

    def step(self, model: Model, optimiser: AdamW, x: Tensor, y: Tensor) -> Tensor:
        """Trains one batch; gives its mean loss, a scalar on the device.

        A loss that is not finite moves nothing.

        Args:
            model: what learns, or the part of it that does.
            optimiser: moves it.
            x: the batch's inputs.
            y: its targets.

        Raises:
            UserError: memory does not even hold two items.
        """
        loss = None
        while loss is None:
            try:
                loss = self._gradients(model, optimiser, x, y)
            except RuntimeError as error:
                if not ran_out(error):
                    raise
                said = str(error).splitlines()[0]
            if loss is None:  # out of `except`, where the error held on to what memory there was
                self._halve(len(x), said)
        if self.scaler.is_enabled():  # it looks for itself
            self.scaler.step(optimiser)  # type: ignore[arg-type]  # needs its groups and step alone
            self.scaler.update()
        elif loss.device.type == "cpu":
            if math.isfinite(float(loss)):
                optimiser.step()
        else:  # what a GPU found is not waited for
            optimiser.step((~torch.isfinite(loss)).float())
        return loss

    def _gradients(self, model: Model, optimiser: AdamW, x: Tensor, y: Tensor) -> Tensor:
        """The gradient of the whole batch, piece by piece; gives the mean loss."""
        device, total = self.compute.device, torch.zeros((), device=self.compute.device)
        # The sums of the formula's gradients have no fixed order on a GPU.
        formula = getattr(model, "add_gradients", None) if device.type == "cpu" else None
        optimiser.zero_grad(keep=formula is not None)
        for x_piece, y_piece in zip(pieces(x, self.micro), pieces(y, self.micro), strict=True):
            share = len(x_piece) / len(x)
            if formula:
                total += formula(x_piece, y_piece, share)
                continue
            with self.compute.autocast():
                scores = model(x_piece.to(device, non_blocking=True))
            loss = self.loss(scores, y_piece.to(device, non_blocking=True)) * share
            self.scaler.scale(loss).backward()
            total += loss.detach()
        return total

    def _halve(self, items: int, said: str) -> None:
        at_once = min(self.micro, items)
        if at_once < 4:  # batch norm needs two
            raise UserError(
                "memory does not hold two items at once: lower learner.size, or take a smaller "
                f"learner.arch ({said})"
            )
        self.micro = (at_once + 1) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        say(f"memory ran out: {self.micro} items at once from here, the batch stays {items}")


def ran_out(error: RuntimeError) -> bool:
    """Whether an error tells of memory."""
    named = isinstance(error, torch.OutOfMemoryError)
    return named or any(said in str(error) for said in NO_MEMORY)


def pieces(batch: Tensor, size: int) -> list[Tensor]:
    """A batch in pieces of `size`, [size, …]; a last single one joins its neighbour."""
    if len(batch) <= size:
        return [batch]
    cuts = list(range(size, len(batch), size))
    if cuts and len(batch) - cuts[-1] < 2:
        cuts.pop()
    return list(torch.tensor_split(batch, cuts))
