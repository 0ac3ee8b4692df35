"""What was tried, a line of JSON each: a harness that is killed goes on where it was."""

import json
import threading
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from kills.ground import Ground, cores
from onecycle.progress import say

Row = dict[str, Any]
Task = TypeVar("Task", bound=Hashable)


class Results:
    """Rows in a file.

    Args:
        file: of JSON lines; a last one that is torn is left out.
    """

    def __init__(self, file: Path) -> None:
        self.file, self._alone = file, threading.Lock()

    def rows(self) -> list[Row]:
        """All, in the order in which they were added."""
        if not self.file.exists():
            return []
        text = self.file.read_text(encoding="utf-8")
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def add(self, row: Row) -> None:
        """Adds one."""
        with self._alone:
            rows = self.rows()
            self.file.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(json.dumps(each) + "\n" for each in [*rows, row])
            self.file.write_text(text, encoding="utf-8")


def side_by_side(
    tasks: Iterable[Task],
    grounds: dict[str, Ground],
    problem: Callable[[Task], str],
    do: Callable[[Task, Ground], Row],
    results: Results,
) -> None:
    """Does tasks on as many cores as there are, those of a problem one after another.

    Args:
        tasks: those that are left.
        grounds: by problem.
        problem: of a task.
        do: does a task; its row is kept.
        results: where.
    """
    slots = threading.Semaphore(cores())
    queues: dict[str, list[Task]] = {name: [] for name in grounds}
    for task in tasks:
        queues[problem(task)].append(task)
    total, done = sum(map(len, queues.values())), 0

    def follow(name: str) -> None:
        nonlocal done
        for task in queues[name]:
            with slots:
                row = do(task, grounds[name])
            results.add(row)
            done += 1
            held = "held" if held_up(row) else f"DID NOT HOLD: {row['wrong']}"
            say(f"{results.file.stem}: {done:,} of {total:,}: {row['what']}: {held}")

    with ThreadPoolExecutor(len(queues)) as pool:
        list(pool.map(follow, queues))


def held_up(row: Row) -> bool:
    """Whether a trial ended as it should in every way."""
    return not any(row["wrong"].values())
