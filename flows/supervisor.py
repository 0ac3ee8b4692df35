"""Runs one command in a session of its own, and leaves no process of that session behind.

`python supervisor.py GRACE_S COMMAND…`: when the command ends, is asked to end (SIGTERM, SIGINT),
or stdin closes because whoever started this has died, everything in the session gets SIGTERM,
GRACE_S seconds to end in order, then SIGKILL. The exit status is the command's; 128 + N after a
signal N.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import psutil

POLL_S = 0.05


def main(grace_s: float, command: list[str]) -> int:
    """Runs the command until it ends or is to end, then clears the session, which it must lead.

    Args:
        grace_s: seconds between SIGTERM and SIGKILL.
        command: the program and its arguments.
    """
    if os.getsid(0) != os.getpid():  # else it would end whoever shares the session
        sys.exit("start this in a session of its own")
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, lambda *_: stop.set())
    threading.Thread(target=await_end_of_stdin, args=(stop,), daemon=True).start()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    while child.poll() is None and not stop.wait(POLL_S):
        pass
    clear_session(os.getpid(), grace_s)
    status = child.wait()
    return status if status >= 0 else 128 - status


def await_end_of_stdin(ended: threading.Event) -> None:
    """Sets `ended` when nobody holds the other end any more."""
    while os.read(0, 1024):
        pass
    ended.set()


def clear_session(session: int, grace_s: float) -> None:
    """Ends every process of a session but this one: SIGTERM, and SIGKILL `grace_s` seconds later.

    Args:
        session: its id, which is its first process's.
        grace_s: in seconds.
    """
    end = time.monotonic() + grace_s
    told: set[psutil.Process] = set()
    while left := living(session):
        late = time.monotonic() >= end
        for process in left if late else left - told:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL if late else signal.SIGTERM)
        told |= left
        time.sleep(POLL_S)


def living(session: int) -> set[psutil.Process]:
    """The processes of a session but this one; a zombie does not live."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(OSError, psutil.Error):  # it has ended, or is not ours to ask
            same = process.pid != os.getpid() and os.getsid(process.pid) == session
            if same and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process)
    return found


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
