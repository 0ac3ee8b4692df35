"""Trainings of a study side by side, in processes that end with the one that began them."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.connection import wait as wait_for

from onecycle.errors import UserError
from onecycle.paths import read_json
from onecycle.studies.outcome import TOLD
from tasks import arms
from tasks.arms import Job

GRACE_S = 5.0  # for the step at hand and a checkpoint


def finished(pool: ProcessPoolExecutor, jobs: Sequence[Job]) -> Iterator[tuple[Job, str]]:
    """Each training once it is done, with what it came to in words.

    Raises:
        UserError: one could not begin, or its process was killed.
    """
    waiting: dict[Future[str], Job] = {pool.submit(train, job): job for job in jobs}
    try:
        while waiting:
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()
    except BrokenProcessPool:
        raise UserError(
            "a training's process was killed, for want of memory perhaps (lower threads, or "
            "learner.batch_size); run the study again to go on"
        ) from None
    finally:
        for future in waiting:
            future.cancel()


def train(job: Job) -> str:
    """Trains one, in a process of its own; what it came to in words."""
    try:
        told = read_json(arms.run(job) / TOLD)
    except KeyboardInterrupt:  # what was learnt is kept; there is nobody to tell
        os._exit(130)
    if told["failed"]:
        return f"no model: {told['failed']}"
    last = told["history"][-1]
    return f"metric on valid {last['metric']:.4g}, {told['seconds']:.0f} s"


def slots(threads: int) -> int:
    """How many trainings run at once: as many as there are cores for; one where there is a GPU."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 1 if torch.cuda.is_available() else max(1, (cores or 1) // threads)


@contextmanager
def started(threads: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end when this one does, however it ends, and at once on Ctrl-C.

    Args:
        threads: of torch in each; there are as many processes as have room (`slots`).
    """
    spawn = get_context("spawn")
    end, held = spawn.Pipe(duplex=False)  # only this process holds the other end
    with held, end, ProcessPoolExecutor(slots(threads), spawn, follow, (end,)) as pool:
        try:
            yield pool
        except KeyboardInterrupt:
            held.close()
            raise


def follow(end: Connection) -> None:
    """Ends this process when the pipe does, with time to keep what was learnt.

    Ctrl-C is the parent's affair.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        wait_for([end])
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
