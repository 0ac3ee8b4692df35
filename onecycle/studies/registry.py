"""The studies by name. A new one is a module with the members of `Study`, and a line here."""

from typing import Protocol

from onecycle.studies.arm import Arm, Asked
from onecycle.studies.finding import Done, Finding
from onecycle.studies.questions import (
    arch,
    baselines,
    epochs,
    group_kfold,
    kfold,
    lr,
    none,
    precision,
    rates,
    schedule,
    split_worth,
    threshold,
    transfer,
    weight_decay,
)


class Study(Protocol):
    """What a study answers for; its module's docstring is its question, in one line."""

    __doc__: str | None

    def arms(self, asked: Asked, done: Done) -> list[Arm]:
        """All arms that are known by now, the one that others are compared with first.

        It is asked again once those are trained, until it names none that is new: so arms may
        hang on what others came to. `done` is empty at first.

        Raises:
            UserError: the study has no meaning for this problem; what would have.
        """

    def read(self, asked: Asked, done: Done) -> Finding:
        """What all arms come to."""


STUDIES: dict[str, Study] = {
    "arch": arch,
    "baselines": baselines,
    "epochs": epochs,
    "group_kfold": group_kfold,
    "kfold": kfold,
    "lr": lr,
    "none": none,
    "precision": precision,
    "rates": rates,
    "schedule": schedule,
    "split_worth": split_worth,
    "threshold": threshold,
    "transfer": transfer,
    "weight_decay": weight_decay,
}
