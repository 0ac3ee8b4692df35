"""The end that a signal asks for: after the step at hand, so that what was learnt can be kept."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether SIGINT or SIGTERM has come; a second ends the process.

    A signal that was ignored stays so. Only the main thread can catch any.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
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
        yield lambda: asked
    finally:
        for each in heard:
            signal.signal(each, before[each] or signal.SIG_DFL)
