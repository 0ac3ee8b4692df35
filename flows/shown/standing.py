"""Where a problem's metrics stand: beside the last run's, and beside the champion's.

The last run's are in `.onecycle/published/<problem>.json`, whichever working tree it was in.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.versions.champion import Champion
from onecycle.decide.kinds import KINDS
from onecycle.decide.metrics import better
from onecycle.errors import DamagedError
from onecycle.paths import Paths, home, read_json, write_json
from onecycle.report.results import Row, decimals, row

MARKS = "▲ better than it was, ▼ worse, = the same to that digit; it may be luck: see the interval."
OTHER = "† Then on other items, or split otherwise: the two do not compare."


@dataclass(frozen=True)
class Metrics:
    """What was measured at some time.

    Attributes:
        of: the run or version that it was measured of.
        values: by name.
        split: a sha256 of which item is in which part; null where it is not known.
    """

    of: str
    values: dict[str, float]
    split: str | None

    @classmethod
    def read(cls, of: str, metrics: str, lineage: str) -> "Metrics":
        """From the text of `metrics.json` and `lineage.json`."""
        return cls(of, json.loads(metrics), json.loads(lineage)["split"]["sha256"])


@dataclass(frozen=True)
class Standing:
    """A problem's metrics now, and before.

    Attributes:
        problem: its name.
        kind: of its target.
        intervals: as intervals.json has them.
        now: measured by this run.
        last: by the run before; null if there was none.
        best: the champion's; null if there is none.
    """

    problem: str
    kind: str
    intervals: dict[str, Any]
    now: Metrics
    last: Metrics | None
    best: Metrics | None

    @classmethod
    def read(cls, problem: str, run: str) -> "Standing":
        """Reads what the stages wrote, the last run published and the registry holds.

        Args:
            problem: its name.
            run: this one's name.

        Raises:
            OSError: a file is missing.
            ValueError, KeyError, TypeError: a file is not what a stage or a run writes.
            UserError: the champion's metrics can't be had.
        """
        files = _files(problem)
        now = Metrics.read(run, *(file.read_text() for file in files))
        champion = Champion.of(problem)
        return cls(
            problem=problem,
            kind=read_json(Paths(problem).model("decision.json"))["kind"],
            intervals=read_json(Paths(problem).report("intervals.json")),
            now=now,
            last=last(problem),
            best=Metrics.read(champion.name, *champion.read(files)) if champion else None,
        )

    @property
    def headline(self) -> str:
        """The metric that the problem is judged by."""
        return KINDS[self.kind].headline

    @property
    def rows(self) -> list[tuple[Row, str, str]]:
        """Every metric in words, with its difference to the last run and to the champion."""
        names = [name for name in self.intervals if not name.startswith("baseline_")]
        return [(row(self.intervals, self.kind, name), *self.differences(name)) for name in names]

    def differences(self, metric: str) -> tuple[str, str]:
        """A metric's difference to the last run's and to the champion's, such as `+0.012 ▲`."""
        return self._difference(metric, self.last), self._difference(metric, self.best)

    def _difference(self, metric: str, before: Metrics | None) -> str:
        if before is None or metric not in before.values or metric not in self.now.values:
            return ""
        change = self.now.values[metric] - before.values[metric]
        said = f"{change:+,.{decimals(self.intervals[metric])}f}"
        mark = " ▲" if (change > 0) == (better(metric) == "higher") else " ▼"
        same = not said.strip("+-0.,")
        return ("=" if same else said + mark) + ("" if before.split == self.now.split else " †")


def last(problem: str) -> Metrics | None:
    """What the last run published of a problem; what is damaged is none."""
    try:
        return Metrics(**read_json(_kept(problem)))
    except (FileNotFoundError, DamagedError, TypeError):
        return None


def keep(standing: Standing) -> None:
    """Keeps what was measured now as the last."""
    now = standing.now
    write_json(_kept(standing.problem), {"of": now.of, "values": now.values, "split": now.split})


def _files(problem: str) -> tuple[Path, Path]:
    paths = Paths(problem)
    return paths.report("metrics.json"), paths.model("lineage.json")


def _kept(problem: str) -> Path:
    return home() / "published" / f"{problem}.json"
