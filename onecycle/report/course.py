"""The course of a training, in units of chance: what a reading is read from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from onecycle.decide.kinds import KINDS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Course:
    """A training in units of chance.

    Attributes:
        problem: its name in params.yaml.
        train: the loss of each epoch, float64 [epochs]; NaN where chance makes no mistake.
        valid: likewise.
        metric: likewise, in its own unit; negative where lower is better.
        phase: each epoch's phase.
        phases: what model.json says of each.
        paces: a phase's highest rate in units of the range test's before it, by the phase's name,
            where there was one that could be read.
    """

    problem: str
    train: Floats
    valid: Floats
    metric: Floats
    phase: list[str]
    phases: list[dict[str, Any]]
    paces: dict[str, float]

    @classmethod
    def of(
        cls, problem: str, history: pd.DataFrame, model: Mapping[str, Any], lr: Mapping[str, Any]
    ) -> "Course":
        """Takes history.csv, model.json and lr.json."""
        training, kind = model["training"], KINDS[model["y"]["kind"]]
        phases = training["phases"]
        tests = [each.get("range_test", {} if at else lr) for at, each in enumerate(phases)]
        sign = 1 if kind.better(training["metric"]) == "higher" else -1
        chance = float(training["chance"]) or np.nan
        return cls(
            problem=problem,
            train=history["train_loss"].to_numpy(np.float64) / chance,
            valid=history["valid_loss"].to_numpy(np.float64) / chance,
            metric=sign * history["metric"].to_numpy(np.float64),
            phase=history["phase"].tolist(),
            phases=phases,
            paces={
                each["name"]: each["rates"][-1] / test["used"]
                for each, test in zip(phases, tests, strict=True)
                if test.get("used")
            },
        )

    @property
    def pace(self) -> float:
        """The largest of the phases' paces; 0 where there is none."""
        return max(self.paces.values(), default=0.0)

    @property
    def fastest(self) -> dict[str, Any]:
        """What model.json says of the phase with the largest pace."""
        return max(self.phases, key=lambda each: self.paces.get(each["name"], 0.0))

    @property
    def rise(self) -> float:
        """By how much train's loss rose over the least before it, at most."""
        return float(np.max(self.train - np.minimum.accumulate(self.train)))

    @property
    def middle(self) -> Floats:
        """Medians of three epochs of valid's loss, float64 [epochs - 2]."""
        return np.median(np.lib.stride_tricks.sliding_window_view(self.valid, 3), axis=1)

    @property
    def back(self) -> float:
        """How far valid's loss ends over its least."""
        return float(self.middle[-1] - self.middle.min())

    @property
    def late(self) -> int:
        """Epochs in the last quarter, at least one."""
        return max(1, len(self.valid) // 4)

    @property
    def falling(self) -> float:
        """How far valid's loss ends below the least before the last quarter of the epochs."""
        return float(self.valid[: -self.late].min() - self.valid[-1])

    @property
    def ends(self) -> tuple[float, float]:
        """Train's and valid's last losses."""
        return float(self.train[-1]), float(self.valid[-1])

    def phase_of(self, epoch: int) -> dict[str, Any]:
        """What model.json says of an epoch's phase."""
        return next(each for each in self.phases if each["name"] == self.phase[epoch])
