"""A training epoch by epoch: where its metric settles, and where its loss is least."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from onecycle.decide.kinds import KINDS
from onecycle.decide.scores import Floats
from onecycle.studies.arm import Asked
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.outcome import Outcome, Part


@dataclass(frozen=True)
class Course:
    """How a training went, epoch by epoch; all of them are counted from 1, over all phases.

    Attributes:
        judge: valid's scores after each epoch, named by its number.
        loss: of valid after each, the mean over seeds, float [E].
        train_loss: likewise.
        before: epochs of the phases before the last.
        seeds: trainings.
    """

    judge: Judge
    loss: Floats
    train_loss: Floats
    before: int
    seeds: int

    @classmethod
    def of(cls, asked: Asked, outcome: Outcome) -> "Course":
        """That of an arm that gave models."""
        runs = [of[0] for of in outcome.runs]
        valid = [run.parts["valid"] for run in runs]
        epochs = range(len(runs[0].told["history"]))
        parts = {str(at + 1): [_after(each, at) for each in valid] for at in epochs}
        judge = Judge(asked.kind, parts, KINDS[asked.kind].headline)
        loss, train_loss = (
            np.mean([run.rows(name) for run in runs], axis=0)
            for name in ("valid_loss", "train_loss")
        )
        phases = [row["phase"] for row in runs[0].told["history"]]
        return cls(judge, loss, train_loss, phases.index(asked.phases[-1]), len(runs))

    @property
    def last(self) -> list[str]:
        """The epochs of the last phase."""
        return [str(at + 1) for at in range(self.before, len(self.loss))]

    def within(self, epoch: str) -> int:
        """An epoch's number within the last phase."""
        return int(epoch) - self.before

    @cached_property
    def leads(self) -> dict[str, Estimate]:
        """Of each epoch but the last: the surest gain of a later one, those gains held at once."""
        found = {}
        for at, epoch in enumerate(self.last[:-1]):
            gains = self.judge.gains(self.last[at + 1 :], epoch)
            found[epoch] = max(gains.values(), key=lambda gain: gain.low)
        return found

    @property
    def settled(self) -> str:
        """The first epoch after which none is better beyond luck."""
        calm = [epoch for epoch, gain in self.leads.items() if gain.low <= 0]
        return calm[0] if calm else self.last[-1]

    @property
    def chosen(self) -> int:
        """How many epochs the last phase needs."""
        return self.within(self.settled)

    @property
    def least_loss(self) -> str:
        """The epoch of the last phase after which valid's loss is least."""
        return self.last[int(self.loss[self.before :].argmin())]

    @property
    def loss_rise(self) -> float:
        """Valid's loss at the end over its least in the last phase."""
        return float(self.loss[-1] / self.loss[int(self.least_loss) - 1])

    @property
    def best(self) -> str:
        """The epoch of the last phase with the best mean metric."""
        return self.judge.best(self.last)


def _after(part: Part, epoch: int) -> Part:
    """Valid as it was judged after an epoch."""
    if part.epochs is None:
        raise ValueError("valid was not judged after each epoch")
    return Part(part.ids, part.y, part.epochs[epoch], part.groups, part.size_px)
