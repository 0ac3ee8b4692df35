"""Runs one stage in processes of its own, and can stop it: what the flow's tasks do."""

import json
import math
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Container
from enum import IntEnum
from pathlib import Path
from typing import IO

from flows import supervisor
from flows.costs import Cost, Ledger

GRACE_S = 5.0  # between SIGTERM and SIGKILL: time to end in order, and for a checkpoint
POLL_S = 0.1
OWN = "error: "  # how a stage's own word on its failure begins
DVC = "dvc: "  # how DVC's words begin
WAITING = "waiting: "  # how the word on a stage that another process holds begins


class Outcome(IntEnum):
    """How a stage ended, as the exit status of `flows.repro`."""

    COMPLETED = 0
    FAILED = 1
    CACHED = 100  # nothing had changed
    RESTORED = 101  # DVC fetched the outputs of an earlier, equal run


class StageError(Exception):
    """A stage failed: the message says why and what to do."""


class Runner:
    """Runs stages; may be told to stop them all.

    Args:
        forced: the stages that run though nothing has changed.
        grace_s: seconds that a stopped stage has between SIGTERM and SIGKILL.
        patient: whether a stage that failed by what may heal is tried again: nobody waits.
    """

    def __init__(
        self, forced: Container[str] = (), grace_s: float = GRACE_S, *, patient: bool = False
    ) -> None:
        self.forced, self.grace_s, self.patient = forced, grace_s, patient
        self.costs = Ledger()
        self._stopping = threading.Event()
        self._sessions: set[int] = set()  # of what runs

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Has every stage that runs stopped, and none started; returns at once."""
        self._stopping.set()

    def pause(self, seconds: float) -> bool:
        """Waits for a time; whether `stop` was called."""
        return self._stopping.wait(seconds)

    def kill(self) -> None:
        """Ends whatever runs, with no time to do so in order."""
        self.stop()
        for session in list(self._sessions):
            supervisor.clear_session(session, 0)

    def command(self, name: str) -> list[str]:
        """What runs a stage; its exit status is an `Outcome`."""
        force = ["--force"] if name in self.forced else []
        return [sys.executable, "-m", "flows.repro", name, *force]

    def run(self, name: str, line: Callable[[str], None], timeout_s: float = math.inf) -> Outcome:
        """Runs a stage's command under the supervisor.

        However this ends, no process of the stage is left.

        Args:
            name: the stage, such as `train@pets`.
            line: called with each line that it prints.
            timeout_s: seconds after which it is stopped.

        Raises:
            StageError: it failed, took too long, or was stopped.
        """
        if self.stopping:
            raise StageError("stopped")
        clock, said = Clock(), list[str]()
        used, tell = os.pipe()
        with os.fdopen(used) as told:
            try:
                process = supervisor.start(
                    self.command(name), self.grace_s, tell, stderr=subprocess.STDOUT, env=own_path()
                )
            finally:
                os.close(tell)

            def hear(text: str) -> None:
                clock.hear(text)
                said.append(text)
                line(text)

            self._sessions.add(process.pid)
            try:
                self._follow(process, hear, timeout_s)
            finally:
                status = supervisor.end(process)
                self._sessions.discard(process.pid)
                self.costs.spend(name, Cost(clock.seconds(), **json.loads(told.read() or "{}")))
        if self.stopping:
            raise StageError("stopped")
        if status not in set(Outcome) or status == Outcome.FAILED:
            raise StageError(cause(status, said, self.alone(name)))
        if status == Outcome.COMPLETED:
            self.costs.keep(name)
        return Outcome(status)

    def alone(self, name: str) -> str:
        """The command that runs a stage by itself, to look at what is wrong with it."""
        return f"python -m tasks {name.replace('@', ' ')}"

    def _follow(
        self, process: subprocess.Popen[str], line: Callable[[str], None], timeout_s: float
    ) -> None:
        """Passes on what a stage says until it ends or is to end; may raise whatever `line` does.

        It is read in a thread: here nothing blocks, so that it can be stopped at any time.
        """
        assert process.stdout
        late = time.monotonic() + timeout_s
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=read, args=(process.stdout, lines), daemon=True).start()
        while not self.stopping:
            if time.monotonic() > late:
                raise StageError(LATE.format(timeout_s))
            if (process.poll() or 0) < 0:  # the supervisor was killed: nothing it left goes on
                break
            try:
                text = lines.get(timeout=POLL_S)
            except queue.Empty:
                if process.poll() is not None:  # though somebody holds its output open
                    break
                continue
            if text is None:
                break
            line(text)


LATE = (
    "longer than its meta.timeout, {:,.0f} s: run it again to go on, from its checkpoint where it "
    "has one; raise the timeout in dvc.yaml, or ask for less in params.yaml"
)


class Clock:
    """The seconds that a stage takes, but for those that it waits for another process."""

    def __init__(self) -> None:
        self.began, self.waited = time.monotonic(), 0.0
        self._since: float | None = None  # it waits

    def hear(self, text: str) -> None:
        """The stage said something: it begins to wait, or no longer waits."""
        waiting = text.startswith(WAITING)
        if self._since is not None and not waiting:
            self.waited += time.monotonic() - self._since
            self._since = None
        elif self._since is None and waiting:
            self._since = time.monotonic()

    def seconds(self) -> float:
        """Until now."""
        self.hear("")
        return time.monotonic() - self.began - self.waited


def own_path() -> dict[str, str]:
    """The environment, in which `python` is this one."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1"}


def read(stream: IO[str], lines: "queue.SimpleQueue[str | None]") -> None:
    """Passes on the lines that hold something, then None."""
    with stream:
        for text in stream:
            if text.strip() not in ("", DVC.strip()):
                lines.put(text.rstrip())
    lines.put(None)


def cause(status: int, said: list[str], alone: str) -> str:
    """Why a stage failed, in the words of whoever knew best, and what to do.

    That is the stage's own error; else the end of its traceback, and how it or DVC ended.

    Args:
        status: its exit status.
        said: its lines.
        alone: the command that runs it by itself.
    """
    own = [text for text in said if not text.startswith(DVC)]
    errors = [number for number, text in enumerate(own) if text.startswith(OWN)]
    if errors:
        return "\n".join(own[errors[0] :]).removeprefix(OWN)
    words = own[-1:] if any(text.startswith("Traceback") for text in own) else []
    told = [text.removeprefix(DVC) for text in said if text.startswith(DVC)]
    if status == Outcome.FAILED and told:
        words.append(told[-1])
    else:
        words.append(f"its processes ended with status {status}")
    if words[-1].endswith((" 137", " -9")):
        words.append("it was killed, perhaps for want of memory: run it again")
    elif "run it again" not in words[-1]:
        words.append(f"its log tells more, and `{alone}` runs it alone")
    return "; ".join(words)
