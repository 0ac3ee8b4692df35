"""Runs one command in a session of its own, and leaves no process of that session behind.

`python supervisor.py GRACE_S COMMAND…`: when the command ends, is asked to end (SIGTERM, SIGINT),
or stdin closes because whoever started this has died, everything in the session gets SIGTERM,
GRACE_S seconds to end in order, then SIGKILL. The exit status is the command's; 128 + N after a
signal N. `start` and `end` are for whoever wants a command supervised. With `--used FD` before
all that it writes what the command used to that file descriptor.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import psutil

POLL_S = 0.05
USED = "--used"
MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024  # the unit of ru_maxrss: getrusage(2)


def start(
    command: list[str],
    grace_s: float,
    used: int | None = None,
    **options: Any,  # noqa: ANN401 - as Popen's
) -> subprocess.Popen[str]:
    """Starts a command under a supervisor; its output is a pipe, in lines of text.

    Args:
        command: the program and its arguments.
        grace_s: seconds that it has between SIGTERM and SIGKILL.
        used: the end of a pipe to write to, which is told at the end what `usage` tells; a
            supervisor that was killed tells nothing.
        options: of subprocess.Popen, such as `env` and `stderr`.

    Returns:
        The supervisor's process. It has `stdin`, whose end it takes for the death of this process.
    """
    told = [] if used is None else [USED, str(used)]
    return subprocess.Popen(
        [sys.executable, __file__, *told, str(grace_s), *command],
        pass_fds=[] if used is None else [used],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        **options,
    )


def end(process: subprocess.Popen[str]) -> int:
    """Has a supervised command ended, waits for it, and gives the supervisor's exit status.

    A supervisor that was killed has a status below 0 and left its session: that is cleared here.
    """
    if process.stdin:
        process.stdin.close()
    status = process.wait()
    if status < 0:
        clear_session(process.pid, 0)
    return status


def main(grace_s: float, command: list[str], used: int | None = None) -> int:
    """Runs the command until it ends or is to end, then clears the session, which it must lead.

    Args:
        grace_s: seconds between SIGTERM and SIGKILL.
        command: the program and its arguments.
        used: as in `start`.
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
    if used is not None:
        with contextlib.suppress(BrokenPipeError):
            os.write(used, json.dumps(usage()).encode())
    return status if status >= 0 else 128 - status


def usage() -> dict[str, float]:
    """What the processes that ended used: seconds of CPU, and the peak memory of the largest.

    They are those that this one and its children waited for; an orphan's is not known.
    """
    all_of_them = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu_s": all_of_them.ru_utime + all_of_them.ru_stime,
        "peak_rss_bytes": all_of_them.ru_maxrss * MAXRSS_BYTES,
    }


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
    given = sys.argv[1:]
    told = int(given[1]) if given[0] == USED else None
    given = given if told is None else given[2:]
    sys.exit(main(float(given[0]), given[1:], told))
