"""The learner: one model, its data, and the loops that train, test rates and predict."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from onecycle.errors import UserError
from onecycle.learn import lr_finder, schedules
from onecycle.learn.datablock import DataBlock, Part
from onecycle.learn.device import Compute
from onecycle.learn.groups import Grouped, freeze, param_groups
from onecycle.progress import say, track

BETA2, EPS = 0.99, 1e-5  # fast.ai's Adam
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True)
class Cycle:
    """One phase of training.

    Attributes:
        name: `frozen` or `unfrozen`, as history.csv says.
        epochs: passes over train.
        rates: the highest learning rate of each layer group.
        pct_start: share of the steps in which the rate rises.
        div: highest rate over first rate.
    """

    name: str
    epochs: int
    rates: list[float]
    pct_start: float = 0.25
    div: float = 25.0


class Learner:
    """A model, the data it learns from, and where it computes.

    Args:
        model: what learns.
        block: the data's blocks and the learner's parameters.
        compute: device and precision.
    """

    def __init__(self, model: Grouped, block: DataBlock, compute: Compute) -> None:
        self.model = model.to(compute.device).to(memory_format=torch.channels_last)
        self.block, self.compute = block, compute
        self.recipe = block.learner
        self.groups = self.model.layer_groups()
        self.epoch = 0  # over all phases; with the seed it decides the order of samples
        self._still: list[nn.Module] = []  # groups whose norm layers neither train nor count
        self._scaler = scaler(compute)

    def fit(self, cycle: Cycle, train: Part, valid: Part) -> list[dict[str, float | str]]:
        """Trains one cycle; the optimiser starts afresh, as fast.ai's does after (un)freezing.

        Returns:
            A row of history.csv for each epoch.

        Raises:
            UserError: the loss is not finite.
        """
        steps = steps_per_epoch(train, self.recipe.batch_size)
        total = steps * cycle.epochs
        history: list[dict[str, float | str]] = []
        optimiser = self._optimiser(cycle.name == "frozen")
        epochs = (self._batches(train) for _ in range(cycle.epochs))
        losses: list[Tensor] = []
        steps_of_all = track(chain.from_iterable(epochs), cycle.name, total)
        for step, (x, y) in enumerate(steps_of_all):
            share, momentum = schedules.one_cycle(step / total, cycle.pct_start, cycle.div)
            set_rates(optimiser, [rate * share for rate in cycle.rates], momentum)
            losses.append(self._step(optimiser, x, y))
            if len(losses) == steps:
                history.append(self._report(cycle, share, losses, valid, len(history) + 1))
                losses = []
        return history

    def _report(
        self, cycle: Cycle, share: float, losses: list[Tensor], valid: Part, nth: int
    ) -> dict[str, float | str]:
        train_loss = float(torch.stack(losses).mean())
        if not np.isfinite(train_loss):
            raise UserError(
                f"train: the loss of epoch {self.epoch} is {train_loss}; "
                f"lower train.{cycle.name}.lr (highest now {cycle.rates[-1]:.2e})"
            )
        valid_loss, metric = self.validate(valid)
        lr = cycle.rates[-1] * share
        say(
            f"{cycle.name}: epoch {nth} of {cycle.epochs}, train loss {train_loss:.4f}, "
            f"valid loss {valid_loss:.4f}, {self.block.y.metric_name} {metric:.4f}"
        )
        row: dict[str, float | str] = {"epoch": self.epoch, "phase": cycle.name, "lr": lr}
        self.epoch += 1
        return {**row, "train_loss": train_loss, "valid_loss": valid_loss, "metric": metric}

    def range_test(
        self, test: lr_finder.RangeTest, train: Part, *, frozen: bool
    ) -> tuple[lr_finder.Floats, lr_finder.Floats]:
        """Runs a range test; model, epoch and torch's generators end as they began."""
        before, epoch = copy.deepcopy(self.model.state_dict()), self.epoch
        optimiser = self._optimiser(frozen)
        batches = self._endless(train)

        def train_step(_: int, rate: float) -> float:
            set_rates(optimiser, [rate] * len(self.groups), schedules.MOMENTUM[0])
            return float(self._step(optimiser, *next(batches)))

        try:
            with self.seeded():
                return lr_finder.run(test, train_step)
        finally:
            self.model.load_state_dict(before)
            self.epoch = epoch

    def validate(self, part: Part) -> tuple[float, float]:
        """Loss and metric of a part."""
        scores = self.predict(part)
        if not np.isfinite(scores).all():
            raise UserError(f"train: epoch {self.epoch} gave scores that are not finite; lower lr")
        loss = self.block.y.loss(torch.from_numpy(scores), part.y)
        return float(loss), self.block.y.metric(scores, part.y.numpy())

    def predict(self, part: Part) -> Floats:
        """Scores of every example of a part, float32 [N, outputs]."""
        self.model.eval()
        scores = []
        with torch.inference_mode(), self.compute.autocast():
            for rows in torch.split(torch.arange(len(part)), self.recipe.batch_size):
                x, _ = part.batch(rows)
                scores.append(self.model(x.to(self.compute.device)).float().cpu())
        return torch.cat(scores).numpy() if scores else np.empty((0, self.block.y.outputs), "f4")

    @contextmanager
    def seeded(self) -> Iterator[None]:
        """Dropout draws from the recipe's seed inside; torch's generators are restored after."""
        with seeded(self.recipe.seed):
            yield

    def _step(self, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
        """Trains one batch; gives its loss, a scalar on the device."""
        device = self.compute.device
        with self.compute.autocast():
            scores = self.model(x.to(device, non_blocking=True))
        loss = self.block.y.loss(scores, y.to(device, non_blocking=True))
        optimiser.zero_grad()
        self._scaler.scale(loss).backward()
        self._scaler.step(optimiser)
        self._scaler.update()
        return loss.detach()

    def _optimiser(self, frozen: bool) -> torch.optim.Optimizer:
        """A fresh AdamW over the parameters that train, after (un)freezing the body."""
        train_norm = getattr(self.recipe, "train_norm", True)
        body = self.groups[:-1] if frozen else []
        self._still = [] if train_norm else body
        for group in self.groups:
            group.requires_grad_(True)
        for group in body:
            freeze(group, train_norm)
        self._scaler = scaler(self.compute)
        parameters = param_groups(self.groups, self.recipe.wd)
        return torch.optim.AdamW(
            parameters, lr=0.0, betas=(schedules.MOMENTUM[0], BETA2), eps=EPS, fused=True
        )

    def _batches(self, train: Part) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch in an order drawn from (seed, epoch); a last short batch is left out."""
        self.model.train()
        for group in self._still:
            group.eval()
        generator = np.random.default_rng([self.recipe.seed, self.epoch])
        order = torch.from_numpy(generator.permutation(len(train)))
        size = self.recipe.batch_size
        for step in range(steps_per_epoch(train, size)):
            yield train.batch(order[step * size : (step + 1) * size], generator)

    def _endless(self, train: Part) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self._batches(train)
            self.epoch += 1


def scaler(compute: Compute) -> torch.amp.GradScaler:
    """Keeps float16's small gradients from vanishing; does nothing for other types."""
    return torch.amp.GradScaler(compute.device.type, enabled=compute.dtype == torch.float16)


def steps_per_epoch(train: Part, batch_size: int) -> int:
    """Whole batches, or one short one where train is smaller than a batch.

    Raises:
        UserError: there are fewer than two examples, too few for batch norm.
    """
    if len(train) < 2:
        raise UserError(f"train has {len(train)} items; training needs at least 2")
    return max(1, len(train) // batch_size)


def set_rates(optimiser: torch.optim.Optimizer, rates: Sequence[float], momentum: float) -> None:
    """Sets each layer group's rate, and the momentum of all."""
    for group in optimiser.param_groups:
        group["lr"] = rates[group["layer_group"]]
        group["betas"] = (momentum, BETA2)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds torch's generators inside, on CPU and current GPU, and restores them after."""
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def built(seed: int, build: Callable[[], Grouped]) -> Grouped:
    """Builds a model whose initial weights are drawn from a seed."""
    with seeded(seed):
        return build()
