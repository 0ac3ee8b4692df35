"""The learner: one model, its data, and the loops that train, test rates and predict."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from onecycle.errors import NotFiniteError
from onecycle.learn import device, lr_finder, recipe, schedules
from onecycle.learn.check import look
from onecycle.learn.checkpoint import Checkpoints, State
from onecycle.learn.datasets import Dataset, Datasets, Loader
from onecycle.learn.device import Compute
from onecycle.learn.fit import Fit, Row
from onecycle.learn.groups import Grouped, Model, freeze, param_groups, untouched
from onecycle.learn.optimiser import AdamW
from onecycle.learn.recipe import Training, VisionLearner
from onecycle.learn.schedules import Cycle, Schedule
from onecycle.learn.seeding import seeded
from onecycle.learn.step import Stepper
from onecycle.learn.task import Task

AT_ONCE = 1 << 14  # examples that are predicted at once, where they are no pictures or maps
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


class Learner:
    """A model, the data it learns from, and where it computes.

    Args:
        model: what learns.
        data: the data sets of a split.
        params: batch size, weight decay, seed and what else the section `learner` says.
        compute: device and precision.

    Attributes:
        history: the rows of history.csv so far.
        checkpoints: where it is written down from time to time while it trains; null: nowhere.
        told: what whoever trains it wants to find again in a checkpoint: anything JSON can hold.
        watched: valid's scores after every epoch, float32 [N, outputs]; null: nobody wants them.
        others: with what else than now it was trained, if it was.
        begun: the middle of a cycle from which `fit` will go on; null: from its beginning.
        pause: asked between batches that are predicted, whether to end; null: nobody is.
    """

    def __init__(self, model: Grouped, data: Datasets, params: Training, compute: Compute) -> None:
        self.model = model.to(compute.device).to(memory_format=torch.channels_last)
        self.data, self.recipe, self.compute = data, params, compute
        self.groups = self.model.layer_groups()
        self.epoch = 0  # over all phases; with the seed it decides the order of samples
        self.frozen = 0  # so many groups, from the first, do not train
        self.stepper = Stepper(data.blocks.y.loss, params, compute)
        self.steps = 0  # likewise
        self.history: list[Row] = []
        self.checkpoints: Checkpoints | None = None
        self.told: dict[str, Any] = {}
        self.watched: list[Floats] | None = None
        self.others: list[dict[str, Any]] = []
        self.pause: Callable[[], bool] | None = None
        self.begun: State | None = None

    def freeze_to(self, group: int) -> None:
        """Freezes all layer groups before `group`; below 0 it counts from the last.

        Norm layers of frozen groups train on, if the recipe has `train_norm`.

        Raises:
            ValueError: there is no such group.
        """
        if not -len(self.groups) <= group < len(self.groups):
            raise ValueError(f"the model has {len(self.groups)} layer groups, none is {group}")
        self.frozen = group % len(self.groups)
        for each in self.groups:
            each.requires_grad_(True)
        for each in self.groups[: self.frozen]:
            freeze(each, self.train_norm)

    def freeze(self) -> None:
        """Freezes all but the last layer group, the head."""
        self.freeze_to(-1)

    def unfreeze(self) -> None:
        """Lets everything train."""
        self.freeze_to(0)

    @property
    def pretrained(self) -> bool:
        """Whether the body starts from weights that another data set gave."""
        return isinstance(self.recipe, VisionLearner) and self.recipe.weights is not None

    @property
    def train_norm(self) -> bool:
        """Whether norm layers of frozen groups train."""
        return not isinstance(self.recipe, VisionLearner) or self.recipe.train_norm

    def rate_table(self, rates: Sequence[float]) -> str:
        """A line for each layer group: its name, its highest rate, and what of it is frozen."""
        names, norms = self.model.group_names, ", but for its norms" if self.train_norm else ""
        wide = max(map(len, names))
        told = [f"  frozen{norms}" if at < self.frozen else "" for at in range(len(names))]
        rows = zip(names, rates, told, strict=True)
        return "\n".join(f"  {name:<{wide}}  {rate:.2e}{it}" for name, rate, it in rows)

    def fine_tune(
        self, epochs: int, lr: float = 2e-3, frozen_epochs: int = 1, lr_mult: float = 100
    ) -> list[Row]:
        """fast.ai's: the head alone, then everything, at half the rate and less in early layers.

        Args:
            epochs: passes with everything unfrozen.
            lr: the head's highest rate while the rest is frozen.
            frozen_epochs: passes before.
            lr_mult: the head's rate over the first layers', once everything learns.
        """
        groups = len(self.groups)
        self.freeze()
        head = Schedule(pct_start=0.99)
        rates = schedules.head_first(lr, groups)
        history = self.fit(Cycle("frozen", frozen_epochs, rates, head)) if frozen_epochs else []
        self.unfreeze()
        rates = schedules.spread(lr / 2 / lr_mult, lr / 2, groups)
        return history + self.fit(Cycle("unfrozen", epochs, rates, Schedule(pct_start=0.3, div=5)))

    def fit_one_cycle(self, epochs: int, lr: float | tuple[float, float]) -> list[Row]:
        """One cycle of what is not frozen.

        Args:
            epochs: passes over train.
            lr: the highest rate of all layer groups, or of the first and of the last.
        """
        low, high = lr if isinstance(lr, tuple) else (lr, lr)
        name = "frozen" if self.frozen else "unfrozen"
        return self.fit(Cycle(name, epochs, schedules.spread(low, high, len(self.groups))))

    def fit(self, cycle: Cycle) -> list[Row]:
        """Trains one cycle; the optimiser starts afresh, as fast.ai's does after (un)freezing.

        A signal ends it after the step at hand; with `checkpoints`, what was learnt is kept.

        Returns:
            A row of history.csv for each epoch.

        Raises:
            NotFiniteError: the loss is not finite.
            UserError: memory does not hold two items.
        """
        begun, self.begun = self.begun, None
        return Fit(self, cycle, begun).run()

    @property
    def made_with(self) -> dict[str, Any]:
        """What decides the bytes of a training beside data, parameters and code."""
        return device.made_with(self.compute, recipe.packages(self.recipe))

    def lr_find(self, test: lr_finder.RangeTest | None = None) -> lr_finder.Curve:
        """Runs a range test of what is not frozen; it leaves no trace."""
        test = test or lr_finder.RangeTest()
        with self.untouched(), self.seeded():
            task, optimiser = self.task(), self.optimiser()
            batches = self._endless(self.loader(task.train.data))

            def train_step(_: int, rate: float) -> float:
                optimiser.set_rates([rate] * len(self.groups), schedules.HIGH)
                return float(self.stepper.step(task.train.model, optimiser, *next(batches)))

            return lr_finder.run(test, train_step)

    def check(self) -> str:
        """Looks at the first batch; what it saw, in words. It leaves no trace.

        Raises:
            UserError: the batch, or the loss on it, is not finite.
        """
        with self.untouched(), self.seeded(), torch.no_grad():
            self.to_train()
            x, y = next(self.loader(self.data.train).epoch(self.epoch))
            some = slice(self.stepper.micro)
            return look(self.model, (x[some], y[some]), self.data.train, self.compute)

    def watch(self, task: Task) -> tuple[float, float]:
        """Loss and metric of valid while a task is trained."""
        if task.valid is None:
            scores = self.predict(self.data.valid)
        else:
            self.model.eval()
            scores = self._scores(task.valid.model, task.valid.data)
        if self.watched is not None:
            self.watched.append(scores)
        return self._measured(scores, self.data.valid)

    def validate(self, part: Dataset) -> tuple[float, float]:
        """Loss and metric of a part."""
        return self._measured(self.predict(part), part)

    def _measured(self, scores: Floats, part: Dataset) -> tuple[float, float]:
        """Loss and metric of the scores of a part."""
        if not np.isfinite(scores).all():
            raise NotFiniteError(f"train: epoch {self.epoch}: scores are not finite; lower lr")
        loss = self.data.blocks.y.loss(torch.from_numpy(scores), part.y)
        return float(loss), self.data.blocks.y.metric(scores, part.y.numpy())

    def predict(self, part: Dataset) -> Floats:
        """Scores of every example of a part, float32 [N, outputs]."""
        return self._scores(self.to_predict(), part)

    def to_predict(self) -> Grouped:
        """The model that predicts: in eval mode, with the least work."""
        return self.model.eval().baked().folded()

    @property
    def at_once(self) -> int:
        """Pictures that are predicted at once."""
        return min(self.recipe.batch_size, self.stepper.micro)

    def ask(self, model: Model, x: Tensor) -> Floats:
        """What a model in eval mode makes of a batch of inputs, float32 [N, outputs]."""
        with torch.inference_mode(), self.compute.autocast():
            scores: Floats = model(x.to(self.compute.device)).float().cpu().numpy()
        return scores

    def _scores(self, model: Model, part: Dataset) -> Floats:
        """What a model in eval mode makes of a part, float32 [N, outputs]."""
        narrow = part.blocks.view is None and part.x.dim() <= 2
        loader = Loader(part, AT_ONCE if narrow else self.at_once)
        scores = []
        for x, _ in loader:
            if self.pause and self.pause():
                raise KeyboardInterrupt
            scores.append(self.ask(model, x))
        return np.concatenate([np.empty((0, self.data.blocks.y.outputs), "f4"), *scores])

    def seeded(self) -> AbstractContextManager[None]:
        """Dropout draws from the recipe's seed and the epoch inside, and from nothing else."""
        state = np.random.SeedSequence([self.recipe.seed, self.epoch]).generate_state(1)
        return seeded(int(state[0]))

    @contextmanager
    def untouched(self) -> Iterator[None]:
        """Whatever is trained inside, the model, its freezing and the epoch end as they began."""
        epoch, frozen, micro = self.epoch, self.frozen, self.stepper.micro
        try:
            with untouched(self.model):
                yield
        finally:
            self.epoch, self.frozen, self.stepper.micro = epoch, frozen, micro

    def task(self) -> Task:
        """What trains from here on; the frozen body is asked for what it won't say otherwise."""
        frozen = 0 < self.frozen == len(self.groups) - 1
        still = frozen and self.model.is_still(train_norm=self.train_norm)
        return Task(self.model, self.data, self.recipe.batch_size, self.compute, still=still)

    def loader(self, data: Dataset) -> Loader:
        """Batches to train on."""
        return Loader(data, self.recipe.batch_size, self.recipe.seed)

    def optimiser(self) -> AdamW:
        """A fresh AdamW over the parameters that train."""
        spare = not self.recipe.wd_norm_bias
        self.stepper.restart()
        return AdamW(param_groups(self.groups, self.recipe.wd, spare=spare))

    def _epoch(self, loader: Loader) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of the current epoch, the model set to train."""
        self.to_train()
        yield from loader.epoch(self.epoch)

    def to_train(self) -> None:
        """Norm layers of frozen groups neither train nor count, if the recipe says so."""
        self.model.train()
        for group in [] if self.train_norm else self.groups[: self.frozen]:
            group.eval()

    def _endless(self, loader: Loader) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self._epoch(loader)
            self.epoch += 1
