"""The end that is asked for: after the step at hand, so that what was learnt can be kept."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import psutil

SIGNALS = (signal.SIGINT, signal.SIGTERM)
SHELLS = ("sh", "dash", "bash", "zsh", "fish")


class Dvc:
    """The DVC whose stage this process is, if it is one's."""

    def __init__(self) -> None:
        # Of DVC: this process, or the shell that it is in.
        self._child: psutil.Process | None = None
        self._look_at = 0.0
        if "DVC_STAGE" in os.environ:
            me = psutil.Process()
            shell = me.parent()
            self._child = shell if shell and shell.name() in SHELLS else me
            self._pid = self._child.ppid()

    def is_gone(self) -> bool:
        """Whether it has ended, looked at once a second: nobody would record what is made."""
        if self._child is None or time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + 1
        try:
            return bool(self._child.ppid() != self._pid)
        except psutil.NoSuchProcess:
            return True


DVC = Dvc()


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether to end: SIGINT or SIGTERM has come, or DVC is no more.

    A second signal ends the process; one that was ignored stays so. Only the main thread can catch
    any.
    """
    if threading.current_thread() is not threading.main_thread():
        yield DVC.is_gone
        return
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        for each in heard:  # the system's own way, which waits for no operation of torch's
            signal.signal(each, signal.SIG_DFL)

    before = {each: signal.getsignal(each) for each in SIGNALS}
    heard = [each for each, handler in before.items() if handler is not signal.SIG_IGN]
    for each in heard:
        signal.signal(each, ask)
    try:
        yield lambda: asked or DVC.is_gone()
    finally:
        for each in heard:
            signal.signal(each, before[each] or signal.SIG_DFL)
