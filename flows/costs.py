"""What stages cost, what they took last time, and a budget that starts nothing beyond it.

`.onecycle/costs.json` keeps what each stage took when it last completed, its tries in that run
together. It is the machine's affair, and so never in a stage's outputs.
"""

import math
import threading
import time
from collections.abc import Container, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from flows import cuda
from flows.schedule import Stage
from onecycle.errors import UserError
from onecycle.paths import alone, home, read_json, write_json
from onecycle.progress import say

NAMED = 3  # stages that a refusal names, the dearest first
GB, MB = 10**9, 10**6  # bytes


@dataclass(frozen=True)
class Cost:
    """What a stage took.

    Attributes:
        seconds: from its start to its end; without those that it waited for another process.
        cpu_s: seconds of all its processes on all cores.
        gpu_s: seconds that it held a GPU, which it has to itself, busy or not.
        peak_rss_bytes: the most memory that its largest process had.
    """

    seconds: float = 0.0
    cpu_s: float = 0.0
    gpu_s: float = 0.0
    peak_rss_bytes: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        """Both, one after the other."""
        return Cost(
            self.seconds + other.seconds,
            self.cpu_s + other.cpu_s,
            self.gpu_s + other.gpu_s,
            max(self.peak_rss_bytes, other.peak_rss_bytes),
        )

    def __str__(self) -> str:
        gpu = f", {self.gpu_s:,.0f} s of GPU" if self.gpu_s else ""
        return f"{self.seconds:,.0f} s, {self.cpu_s:,.0f} s of CPU{gpu}, {self.memory}"

    @property
    def memory(self) -> str:
        """The peak, in GB or MB; empty where it is not known."""
        peak = self.peak_rss_bytes
        return f"{peak / GB:.1f} GB" if peak >= GB else f"{peak / MB:.0f} MB" if peak else ""


class Ledger:
    """What the stages of one run take, beside what they took before; any thread may use it.

    Attributes:
        before: what each stage took when it last completed, as known at this run's begin.
        spent: what each stage has taken in this run, all its tries.
        budget_s: the seconds of stages, added up, beyond which none is started.
    """

    def __init__(self) -> None:
        self.before = known(kept())
        self.spent: dict[str, Cost] = {}
        self.budget_s = math.inf
        self._running: dict[str, float] = {}  # since when
        self._gpu: set[str] = set()  # stages that have one
        self._lock = threading.Lock()

    def limit(
        self, budget_s: float | None, stages: Iterable[Stage], forced: Container[str]
    ) -> str | None:
        """Sets the budget.

        Args:
            budget_s: in seconds; null: there is none.
            stages: of the run, in DVC's order.
            forced: those that run though nothing has changed; a download then often brings the
                same again, so that what follows it is not counted.

        Returns:
            Why nothing is to be started, if what will run took more than that last time.
        """
        if budget_s is None:
            return None
        self.budget_s = budget_s
        running: dict[str, float] = {}
        changing: set[str] = set()
        for stage in stages:
            follows = not changing.isdisjoint(stage.needs)
            if follows or not stage.clean:
                changing.add(stage.name)
            if stage.name in changing or stage.name in forced:
                running[stage.name] = self._expected(stage.name)
        if sum(running.values()) <= budget_s:
            return None
        dearest = sorted(running, key=lambda name: -running[name])[:NAMED]
        named = ", ".join(f"{name} {running[name]:,.0f} s" for name in dearest)
        return (
            f"nothing is started: what would run took {sum(running.values()):,.0f} s last time "
            f"({named}), and budget_s is {budget_s:,.10g}: raise it, or ask for less in params.yaml"
        )

    def claim(self, stage: Stage) -> str | None:
        """A stage is about to start.

        Returns:
            Why it must not, if with it the run would go beyond its budget.
        """
        expected = self._expected(stage.name)
        with self._lock:
            now = time.monotonic()
            others = (max(self._expected(it), now - at) for it, at in self._running.items())
            out = sum(each.seconds for each in self.spent.values()) + sum(others)
            if out >= self.budget_s or out + expected > self.budget_s:
                took = f"it took {expected:,.0f} s last time, " if expected else ""
                return (
                    f"it is not started: {took}the run has spent {out:,.0f} s, and budget_s is "
                    f"{self.budget_s:,.10g}: raise it, or run again, for what completed is kept"
                )
            self._running[stage.name] = now
            if stage.meta.get("gpu") and cuda.devices():
                self._gpu.add(stage.name)
        return None

    def spend(self, name: str, cost: Cost) -> None:
        """A stage, or one try of it, has ended, well or not."""
        with self._lock:
            self._running.pop(name, None)
            if name in self._gpu:
                cost = replace(cost, gpu_s=cost.seconds)
            self.spent[name] = self.spent.get(name, Cost()) + cost

    def keep(self, name: str) -> None:
        """A stage has completed: keeps what it took; what hinders that is told and ends nothing."""
        try:
            file = kept()
            file.parent.mkdir(exist_ok=True)
            with alone(file.parent):
                costs = known(file) | {name: self.spent[name]}
                write_json(file, {key: asdict(costs[key]) for key in sorted(costs)})
        except (OSError, UserError) as error:
            say(f"what {name} took is not kept: {error}")

    def memory(self, name: str) -> str:
        """The peak of a stage, in words; empty where it did not run."""
        return self.spent.get(name, Cost()).memory

    @property
    def total(self) -> Cost:
        """All stages of this run."""
        return sum(self.spent.values(), Cost())

    def _expected(self, name: str) -> float:
        return self.before.get(name, Cost()).seconds


def kept() -> Path:
    """The file that keeps what stages took, for all working trees."""
    return home() / "costs.json"


def known(file: Path) -> dict[str, Cost]:
    """What each stage took when it last completed; nothing where the file is missing or damaged."""
    try:
        return {name: Cost(**found) for name, found in read_json(file).items()}
    except FileNotFoundError:
        return {}
    except (OSError, UserError, TypeError, AttributeError) as error:
        say(f"what stages took before is not known: {error}")
        return {}
