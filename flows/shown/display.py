"""What a run shows on the console: live bars in a terminal, plain lines elsewhere."""

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from onecycle import progress
from onecycle.foreign import masked, shown

STYLES = {"Failed": "bold red", "Skipped": "yellow", "Cancelled": "yellow", "Restored": "cyan"}
WIDTH = 130  # of tables where there is no terminal to ask


def console() -> Console:
    """The console, with a fixed width where it is no terminal.

    A deployment's run has none: Prefect's log has all, and its worker may end before it.
    """
    if os.environ.get("PREFECT__FLOW_RUN_ID"):
        return Console(file=Path(os.devnull).open("w"), width=WIDTH)
    found = Console(highlight=False)
    return found if found.is_terminal else Console(width=WIDTH, highlight=False)


def tell(text: str, out: Console | None = None) -> None:
    """Tells of what went wrong beside a run: on the console, and in Prefect's log within a run."""
    from prefect.exceptions import MissingContextError  # it reads the environment
    from prefect.logging import get_run_logger

    text = masked(shown(text))
    (out or console()).print(text, markup=False, soft_wrap=True)
    with suppress(MissingContextError):
        get_run_logger().warning("%s", text)


def leave(status: int) -> NoReturn:
    """Ends this process at once, whatever its threads do, and leaves the terminal as it was."""
    if sys.stderr.isatty():
        sys.stderr.write("\x1b[?25h\n")  # the bars hide the cursor
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


class Display:
    """Follows the stages of one run; a context manager. All methods may be called by any thread.

    Args:
        total: how many stages there are.
        out: where to write.
    """

    def __init__(self, total: int, out: Console) -> None:
        self.out, self.live = out, out.is_terminal and not out.is_dumb_terminal
        self.bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[said]}", markup=False),
            console=out,
            transient=True,
            disable=not self.live,
        )
        self.total = total
        self.all = self.bars.add_task("all stages", total=total, said="")
        self.running: dict[str, tuple[float, TaskID]] = {}
        self.ended = 0
        self._took: dict[str, str] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> "Display":
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bars.stop()

    def start(self, stage: str) -> None:
        """A stage starts."""
        if stage not in self.running:  # else it is tried again
            bar = self.bars.add_task(f"  {stage}", total=None, said="")
            self.running[stage] = (time.monotonic(), bar)

    def line(self, stage: str, text: str) -> None:
        """A stage printed a line: in a terminal the last one stands beside its bar."""
        if not self.live:
            self.out.print(f"{stage:<26} {text}", markup=False, soft_wrap=True)
            return
        share, bar = progress.told(text), self.running[stage][1]
        self.bars.update(bar, said=text[:60])
        if share is not None:
            self.bars.update(bar, completed=round(100 * share), total=100)

    def took(self, stage: str, memory: str) -> None:
        """A stage had so much memory, in words."""
        self._took[stage] = memory

    def end(self, stage: str, state: str, message: str) -> None:
        """A stage ended; one that had nothing to do is only counted."""
        with self._lock:
            self.ended += 1
            began, bar = self.running.pop(stage, (None, None))
            if bar is not None:
                self.bars.remove_task(bar)
            self.bars.update(self.all, completed=self.ended, said=f"{self.ended} of {self.total}")
            if state == "Cached":
                return
            seconds = "" if began is None else f"{time.monotonic() - began:,.0f} s"
            styled = f"[{STYLES.get(state, 'green')}]{state:<9}[/]"
            said = escape(message)
            memory = f"{self._took[stage]:>6}  " if self._took.get(stage) else ""
            head = f"{self.ended:>3} of {self.total}  {styled} {stage:<26} {seconds:>6}  {memory}"
            self.out.print(head + said, soft_wrap=not self.live)
