"""Which stage is next, and whether it has to run: the flow's decisions, without Prefect."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Work = Literal["run", "cached", "skipped"]


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml for one problem.

    Attributes:
        name: as DVC knows it, such as `train@pets`.
        needs: the names of the stages that it waits for: those whose outputs it reads, but for
            those that one of these waits for itself.
        clean: whether nothing that it depends on, and none of its outputs, has changed.
        meta: what dvc.yaml says of it under `meta`: `gpu`, `timeout` (seconds), `retries`.
    """

    name: str
    needs: tuple[str, ...] = ()
    clean: bool = False
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """What it does: the part of its name before the problem."""
        return self.name.partition("@")[0]

    @property
    def problem(self) -> str:
        """The problem that it is a stage of."""
        return self.name.partition("@")[2]


class Schedule:
    """Hands out each stage once all that it waits for have ended.

    Args:
        stages: in DVC's order, which decides between those that could be next.
        slots: how many stages may run at once; those that have nothing to do need none.
        look: tells of a stage's name whether it is clean now. Asked of a stage that was clean when
            one before it has run, for that may have written the same bytes again.
    """

    def __init__(self, stages: list[Stage], slots: int, look: Callable[[str], bool]) -> None:
        self.waiting, self.slots, self.look = list(stages), slots, look
        self.running: set[str] = set()
        self.pending: set[str] = set()  # handed out with nothing to do, and not yet ended
        self._completed: dict[str, bool] = {}
        self._after_change: set[str] = set()  # stages that ran, and all that follow them
        self._work: dict[str, Work] = {}

    @property
    def over(self) -> bool:
        """Whether every stage has ended."""
        return not (self.waiting or self.running or self.pending)

    def ready(self) -> Iterator[tuple[Stage, Work]]:
        """Hands out the stages that may start now, each with what is to be done."""
        for stage in list(self.waiting):
            if not all(need in self._completed for need in stage.needs):
                continue
            work = self._work[stage.name] = self._work.get(stage.name) or self._decide(stage)
            if work == "run" and len(self.running) >= self.slots:
                continue
            self.waiting.remove(stage)
            (self.running if work == "run" else self.pending).add(stage.name)
            yield stage, work

    def end(self, name: str, *, completed: bool) -> None:
        """A stage that was handed out has ended."""
        self.running.discard(name)
        self.pending.discard(name)
        self._completed[name] = completed

    def _decide(self, stage: Stage) -> Work:
        if not all(self._completed[need] for need in stage.needs):
            return "skipped"
        clean = stage.clean
        if not self._after_change.isdisjoint(stage.needs):
            self._after_change.add(stage.name)
            clean = clean and self.look(stage.name)
        if not clean:
            self._after_change.add(stage.name)
        return "cached" if clean else "run"
