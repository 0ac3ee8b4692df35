"""One cycle of training, step by step: it can be written down after any step and gone on with."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch import Tensor

from onecycle import faults
from onecycle.errors import NotFiniteError
from onecycle.faults import point
from onecycle.learn import resume
from onecycle.learn.checkpoint import State
from onecycle.learn.datasets import Epoch
from onecycle.learn.schedules import Cycle
from onecycle.learn.seeding import drawn_so_far, go_on_drawing
from onecycle.learn.stopping import stoppable
from onecycle.progress import say, track

if TYPE_CHECKING:
    from onecycle.learn.learner import Learner

Row = dict[str, float | str]


@dataclass(frozen=True)
class Step:
    """A step that was begun: what it takes to do it again.

    Attributes:
        x: inputs.
        y: targets.
        rows: of the data set, int64 [N].
        draws: the state of torch's generators before it.
        loss: what came of it, a scalar on the device.
    """

    x: Tensor
    y: Tensor
    rows: Tensor
    draws: dict[str, Tensor]
    loss: Tensor


class Fit:
    """A cycle of a learner; its optimiser starts afresh, as fast.ai's does after (un)freezing.

    Args:
        learner: what learns.
        cycle: how.
        begun: the state of this very cycle to go on from; null: it begins.
    """

    def __init__(self, learner: "Learner", cycle: Cycle, begun: State | None = None) -> None:
        self.learner, self.cycle, self.begun = learner, cycle, begun
        self.task = learner.task()
        self.loader = learner.loader(self.task.train.data)
        self.steps = len(self.loader)  # of an epoch
        self.total = self.steps * cycle.epochs
        self.optimiser = learner.optimiser()
        self.rows: list[Row] = []
        self.losses: list[Tensor] = []  # of the epoch at hand
        self.epoch: Epoch | None = None
        self.last: Step | None = None

    @property
    def done(self) -> int:
        """Steps of the cycle."""
        return len(self.rows) * self.steps + len(self.losses)

    def run(self) -> list[Row]:
        """Trains to the end; a row of history.csv for each epoch.

        Raises:
            NotFiniteError: a loss is not finite.
            UserError: memory does not hold two items.
            KeyboardInterrupt: a signal came; what was learnt is kept.
        """
        with self.learner.seeded():
            if self.begun:
                self._restore(self.begun)
            for _ in track(self._all(), self.cycle.name, self.total, self.done):
                pass
        return self.rows

    def _all(self) -> Iterator[None]:
        """Does the steps that are left, one after the other."""
        kept, trial = self.learner.checkpoints, faults.on()  # asked once: a step may take .3 ms
        with stoppable() as stop:
            while len(self.rows) < self.cycle.epochs:
                for x, y in self._batches():
                    self._look()
                    self._step(x, y)
                    if trial:
                        point("stepped")
                    if stop():
                        self._stop()
                    if kept and kept.due():
                        self._keep()
                    yield
                self._look()
                point("epoch ends")
                try:
                    self.learner.pause = stop
                    self._report()
                except KeyboardInterrupt:
                    self._stop()
                finally:
                    self.learner.pause = None
            if stop():  # it came while the last epoch was measured
                self._stop()

    def _stop(self) -> NoReturn:
        """Ends, as a signal has asked; what was learnt is kept."""
        self._keep()
        say(f"{self.cycle.name}: stopped at {self.done:,} of {self.total:,} steps")
        raise KeyboardInterrupt

    def _batches(self) -> Epoch:
        """What is left of the epoch at hand; the model is set to train."""
        self.learner.to_train()
        begun = self.begun.said["drawn"] if self.begun and self.losses else None
        self.begun = None
        self.epoch = self.loader.epoch(self.learner.epoch, len(self.losses), begun)
        return self.epoch

    def _step(self, x: Tensor, y: Tensor) -> None:
        learner, cycle = self.learner, self.cycle
        share, momentum = cycle.schedule.at(self.done, self.total)
        self.optimiser.set_rates([rate * share for rate in cycle.rates], momentum)
        draws = drawn_so_far(learner.compute.device)
        loss = learner.stepper.step(self.task.train.model, self.optimiser, x, y)
        assert self.epoch
        self.last = Step(x, y, self.epoch.rows, draws, loss)
        self.losses.append(loss)
        learner.steps += 1

    def _look(self) -> None:
        """Whether the last step's loss is finite: asked late, for a GPU is not waited for here."""
        last, self.last = self.last, None
        if last is None or math.isfinite(last.loss):
            return
        del self.losses[-1]
        self.learner.steps -= 1
        learner, groups = self.learner, self.optimiser.param_groups
        step = {
            "loss": str(float(last.loss)),
            "phase": self.cycle.name,
            "epoch": learner.epoch,
            "step": len(self.losses),
            "rates": {learner.model.group_names[it["layer_group"]]: it["lr"] for it in groups},
            "momentum": groups[0]["momentum"],
            "features": self.loader.data is not learner.data.train,  # and no pictures
            "items": self.loader.data.items["id"].iloc[last.rows.tolist()].tolist(),
        }
        batch = {"batch.x": last.x, "batch.y": last.y}
        before = self.state(last.draws)
        raise NotFiniteError(
            f"train: the loss of step {step['step']} of epoch {learner.epoch} is {step['loss']}; "
            f"lower train.{self.cycle.name}.lr (highest now {self.cycle.rates[-1]:.2e})",
            State(before.tensors | batch, before.said | {"not_finite": step}),
        )

    def _report(self) -> None:
        """Measures an epoch whose steps are done."""
        learner, cycle = self.learner, self.cycle
        train_loss = float(torch.stack(self.losses).mean())
        share, _ = cycle.schedule.at(self.done - 1, self.total)
        valid_loss, metric = learner.watch(self.task)
        say(
            f"{cycle.name}: epoch {len(self.rows) + 1} of {cycle.epochs}, train loss "
            f"{train_loss:.4f}, valid loss {valid_loss:.4f}, "
            f"{learner.data.blocks.y.metric_name} {metric:.4f}"
        )
        row: Row = {"epoch": learner.epoch, "phase": cycle.name, "lr": cycle.rates[-1] * share}
        row |= {"train_loss": train_loss, "valid_loss": valid_loss, "metric": metric}
        learner.epoch += 1
        learner.history.append(row)
        self.rows.append(row)
        self.losses = []

    # ---- on disk and back ----

    def _keep(self) -> None:
        self._look()
        if self.learner.checkpoints:
            self.learner.checkpoints.write(self.state(drawn_so_far(self.learner.compute.device)))

    def state(self, draws: dict[str, Tensor]) -> State:
        """The learner's and this cycle's.

        Args:
            draws: the state of torch's generators.
        """
        learner = resume.state(self.learner)
        tensors = learner.tensors | {f"draws.{name}": each for name, each in draws.items()}
        tensors |= {f"optimiser.{name}": each for name, each in self.optimiser.state().items()}
        said: dict[str, Any] = {
            "cycle": self.cycle.name,
            "rows": self.rows,
            "losses": torch.stack(self.losses).tolist() if self.losses else [],
            "drawn": self.epoch.drawn if self.epoch else None,
            "scaler": self.learner.stepper.scaler.state_dict(),
        }
        return State(tensors, learner.said | said)

    def _restore(self, begun: State) -> None:
        """What `state` gave; the learner has its own part already."""
        said, device = begun.said, self.learner.compute.device
        self.rows = said["rows"]
        self.losses = [torch.tensor(each, device=device) for each in said["losses"]]
        self.optimiser.restore(begun.under("optimiser."))
        if said["scaler"]:  # not of other types than float16
            self.learner.stepper.scaler.load_state_dict(said["scaler"])
        go_on_drawing(begun.under("draws."), device)
        say(
            f"going on from epoch {self.learner.epoch}, step {len(self.losses)} of {self.steps} of "
            f"{self.cycle.name} ({said['steps']} steps done in all)"
        )
