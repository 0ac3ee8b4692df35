"""A stage under the flow: what it says is passed on, why it failed is told, stopping stops it."""

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from flows.costs import kept, known
from flows.stage import Clock, Outcome, Runner, StageError, cause

GRACE_S = 0.5
SLACK_S = 2.0


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen]]:
    """The processes that were started; what they leave open is closed after the test."""
    started: list[subprocess.Popen] = []

    class Popen(subprocess.Popen):
        def __init__(self, *arguments, **options) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    yield started
    for process in started:
        if process.stdout:
            process.stdout.close()


def run(runner: Runner | None = None, timeout_s: float = math.inf) -> list[str]:
    """Runs `make` to its end; gives the lines that it printed."""
    lines: list[str] = []
    (runner or Runner(grace_s=GRACE_S)).run("make", lines.append, timeout_s)
    return lines


def failure(script: str) -> str:
    """Why `make` fails when this is its script."""
    Path("make.py").write_text(script)
    with pytest.raises(StageError) as caught:
        run()
    return str(caught.value)


@contextmanager
def meanwhile(do: Callable[[], object]) -> Iterator[None]:
    """Does something in a thread; what goes wrong there goes wrong here."""
    wrong: list[BaseException] = []

    def doing() -> None:
        try:
            do()
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=doing)
    thread.start()
    try:
        yield
    finally:
        thread.join()
        assert not wrong, wrong


def supervisor_of_stage() -> psutil.Process:
    """The process that leads the session in which `make` runs."""
    return psutil.Process(int(Path("runs").read_text()))


TALKS = """
import sys
print("first")
print()
print("  indented, trailing  ")
print("to stderr", file=sys.stderr)
sys.stdout.buffer.write(b"not \\xff UTF-8\\n")
print("10%\\r100%")
open("out.txt", "w").write("x")
"""


def test_lines_are_passed_on_in_order_and_a_second_run_is_cached(toy):
    Path("make.py").write_text(TALKS)
    lines: list[str] = []
    assert Runner().run("make", lines.append) is Outcome.COMPLETED
    own = [line for line in lines if not line.startswith("dvc: ")]
    assert own[:3] == ["first", "  indented, trailing", "to stderr"]
    assert own[3:] == ["not \ufffd UTF-8", "10%", "100%"]
    assert lines[:2] == ["dvc: Running stage 'make':", "dvc: > python make.py"]
    assert Runner(forced={"other"}).run("make", lines.append) is Outcome.CACHED
    assert Runner(forced={"make"}).run("make", lines.append) is Outcome.COMPLETED


def test_lines_are_passed_on_while_the_stage_runs(toy):
    """The stage goes on only when its line has arrived."""
    Path("hold").touch()
    script = Path("make.py").read_text()
    Path("make.py").write_text(f"print('epoch 1 of 2')\n{script}")
    runner = Runner(grace_s=GRACE_S)

    def line(text: str) -> None:
        if text == "epoch 1 of 2":
            Path("hold").unlink()

    assert runner.run("make", line, timeout_s=30) is Outcome.COMPLETED


def test_a_stage_s_own_error_is_the_message(toy):
    script = "print('fine so far'); print('error: no photos\\nput some in photos/'); exit(1)"
    assert failure(script) == "no photos\nput some in photos/"


def test_a_traceback_s_last_line_is_quoted(toy):
    message = failure("raise ValueError('no such colour')")
    assert message.startswith("ValueError: no such colour; ")
    assert "exited with 1" in message


def test_a_killed_stage_is_said_to_be_killed(toy):
    Path("dvc.yaml").write_text(Path("dvc.yaml").read_text().replace("python", "exec python"))
    message = failure("import os; os.kill(os.getpid(), 9)")
    assert "exited with -9" in message
    assert "killed, perhaps for want of memory" in message


STUBBORN = """
import os, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "60"], process_group=0)
open("runs", "w").write(f"{os.getsid(0)}")
time.sleep(60)
"""


def test_stop_from_another_thread_ends_it_in_time(toy, until, workers):
    Path("make.py").write_text(STUBBORN)
    runner = Runner(grace_s=GRACE_S)
    stopped: list[float] = []

    def stop() -> None:
        try:
            until(lambda: Path("runs").exists() and Path("runs").read_text())
        finally:
            stopped.append(time.monotonic())
            runner.stop()

    with meanwhile(stop), pytest.raises(StageError, match=r"^stopped$"):
        run(runner)
    assert time.monotonic() - stopped[0] < GRACE_S + SLACK_S
    assert workers() == []
    assert runner.stopping
    Path("runs").unlink()
    with pytest.raises(StageError, match=r"^stopped$"):
        run(runner)
    assert not Path("runs").exists()


def test_a_stopped_stage_has_time_for_a_checkpoint(toy, until):
    script = """
import signal, sys, time
def save(*_):
    time.sleep(0.3)
    open("saved", "w").close()
    sys.exit(1)
signal.signal(signal.SIGTERM, save)
open("runs", "w").close()
time.sleep(60)
"""
    Path("make.py").write_text(script)
    runner = Runner(grace_s=10)

    def stop() -> None:
        try:
            until(Path("runs").exists)
        finally:
            runner.stop()

    with meanwhile(stop), pytest.raises(StageError, match=r"^stopped$"):
        run(runner)
    assert Path("saved").exists()


def test_a_stage_that_takes_too_long_is_stopped(toy, workers):
    Path("make.py").write_text(STUBBORN)
    began = time.monotonic()
    with pytest.raises(StageError, match=r"longer than its meta\.timeout, 1 s"):
        run(timeout_s=1)
    assert 1 <= time.monotonic() - began < 1 + GRACE_S + SLACK_S
    assert workers() == []


def test_whatever_ends_the_run_ends_the_stage(toy, workers):
    """As Ctrl-C does, which may come at any moment."""
    Path("make.py").write_text("print('here', flush=True)\n" + STUBBORN)

    def line(text: str) -> None:
        if text == "here":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Runner(grace_s=GRACE_S).run("make", line)
    assert workers() == []


# As a stage whose epochs take a few milliseconds.
CHATTY = """
import os, time
with open("runs", "w") as file:
    file.write(str(os.getsid(0)))
while True:
    print("epoch", flush=True)
    time.sleep(0.002)
"""


def kill_supervisor(until: Callable[..., None]) -> float:
    until(lambda: Path("runs").exists() and Path("runs").read_text())
    supervisor_of_stage().kill()
    return time.monotonic()


def test_a_killed_supervisor_leaves_nothing(toy, until, workers):
    Path("make.py").write_text(STUBBORN)
    runner = Runner(grace_s=GRACE_S)

    def kill_then_stop() -> None:
        try:
            kill_supervisor(until)
        finally:
            runner.stop()

    with meanwhile(kill_then_stop), pytest.raises(StageError):
        run(runner)
    assert workers() == []


@pytest.mark.parametrize("script", [STUBBORN, CHATTY], ids=["silent", "never silent"])
def test_a_killed_supervisor_ends_the_run_at_once(toy, until, workers, script):
    Path("make.py").write_text(script)
    runner = Runner(grace_s=GRACE_S)
    waited = threading.Event()

    def kill_then_wait() -> None:
        try:
            kill_supervisor(until)
            waited.wait(10)
        finally:
            runner.stop()

    with meanwhile(kill_then_wait):
        try:
            with pytest.raises(StageError) as caught:
                run(runner)
        finally:
            waited.set()
    assert workers() == []
    assert str(caught.value) != "stopped"


def test_a_process_that_left_the_session_does_not_hold_up_the_end(toy):
    script = """
import subprocess
escaped = subprocess.Popen(["sleep", "60"], start_new_session=True)
open("escaped", "w").write(str(escaped.pid))
open("out.txt", "w").close()
"""
    Path("make.py").write_text(script)
    try:
        run(timeout_s=3)
    finally:
        os.kill(int(Path("escaped").read_text()), signal.SIGKILL)


def test_a_run_leaves_no_file_open(toy, processes):
    open_before = psutil.Process().num_fds()
    failure("exit(1)")
    supervisors = [each for each in processes if each.stdin]
    assert [each.stdin.closed and each.stdout.closed for each in supervisors] == [True]
    assert psutil.Process().num_fds() == open_before


RUNNING = ["dvc: Running stage 'make':", "dvc: > python make.py"]
ENDED = "dvc: failed to run: python make.py, exited with "
TRACEBACK = ["Traceback (most recent call last):", '  File "make.py", line 1', "KeyError: 'x'"]
ALONE = "python -m tasks make"
MORE = f"its log tells more, and `{ALONE}` runs it alone"
KILLED = "it was killed, perhaps for want of memory: run it again"
CAUSES: dict[str, tuple[int, list[str], str]] = {
    "nothing was said": (2, [], f"its processes ended with status 2; {MORE}"),
    "only other words": (2, ["words"], f"its processes ended with status 2; {MORE}"),
    "its own error": (1, [*RUNNING, "words", "error: no x", f"{ENDED}1"], "no x"),
    "an error of two lines": (1, ["error: no x", "do y", f"{ENDED}1"], "no x\ndo y"),
    "the first of two errors first": (1, ["error: a", "error: b"], "a\nerror: b"),
    "an error inside of a line is none": (
        1,
        ["the error: a", f"{ENDED}1"],
        f"{ENDED.removeprefix('dvc: ')}1; {MORE}",
    ),
    "a traceback": (
        1,
        [*RUNNING, *TRACEBACK, f"{ENDED}1"],
        f"KeyError: 'x'; failed to run: python make.py, exited with 1; {MORE}",
    ),
    "a traceback of DVC's own": (1, ["dvc: > x", *TRACEBACK], f"KeyError: 'x'; > x; {MORE}"),
    "DVC's last word": (1, ["dvc: a", "dvc: b", "words"], f"b; {MORE}"),
    "killed": (1, [*RUNNING, f"{ENDED}-9"], f"{ENDED.removeprefix('dvc: ')}-9; {KILLED}"),
    "who says what to do is not added to": (
        1,
        ["dvc: a changed: run it again"],
        "a changed: run it again",
    ),
    "ended by another signal": (1, [f"{ENDED}-15"], f"{ENDED.removeprefix('dvc: ')}-15; {MORE}"),
}


@pytest.mark.parametrize(("status", "said", "message"), CAUSES.values(), ids=CAUSES)
def test_the_cause_is_in_the_words_of_whoever_knew_best(status, said, message):
    assert cause(status, said, ALONE) == message


def test_a_stage_that_its_shell_saw_killed_is_said_to_be_killed():
    assert KILLED in cause(1, [*RUNNING, f"{ENDED}137"], ALONE)


@pytest.mark.parametrize("status", [137, -9])
def test_where_dvc_itself_was_killed_the_status_is_told(status):
    message = cause(status, [*RUNNING, "epoch 1 of 5"], ALONE)
    assert message != "> python make.py"
    assert str(status) in message


USES = """
import sys, time
data = bytearray(300_000_000)
data[::4096] = b"x" * len(data[::4096])
end = time.process_time() + 0.5
while time.process_time() < end:
    pass
time.sleep(0.3)
open("out.txt", "w").close()
sys.exit({status})
"""


def test_what_a_stage_used_is_measured_and_kept_where_it_completed(toy):
    Path("make.py").write_text(USES.format(status=1))
    runner = Runner(grace_s=GRACE_S)
    with pytest.raises(StageError):
        runner.run("make", lambda _: None)
    failed = runner.costs.spent["make"]
    assert failed.seconds > failed.cpu_s > 0.5
    assert 300e6 < failed.peak_rss_bytes < 600e6
    assert known(kept()) == {}
    Path("make.py").write_text(USES.format(status=0))
    began = time.monotonic()
    assert runner.run("make", lambda _: None) is Outcome.COMPLETED
    both = runner.costs.spent["make"]
    assert 0.8 < both.seconds - failed.seconds < time.monotonic() - began
    assert 0.5 < both.cpu_s - failed.cpu_s < 0.5 + failed.cpu_s
    assert known(kept()) == {"make": both}
    assert runner.run("make", lambda _: None) is Outcome.CACHED
    assert known(kept()) == {"make": both}
    assert Runner().costs.before == {"make": both}


def test_who_was_stopped_or_whose_supervisor_was_killed_has_its_seconds(toy, until):
    Path("make.py").write_text(STUBBORN)
    runner = Runner(grace_s=GRACE_S)
    with meanwhile(lambda: kill_supervisor(until)), pytest.raises(StageError):
        run(runner)
    killed = runner.costs.spent["make"]
    assert killed.seconds > 0 and killed.cpu_s == killed.peak_rss_bytes == 0
    Path("runs").unlink()

    def stop() -> None:
        until(lambda: Path("runs").exists() and Path("runs").read_text())
        runner.stop()

    with meanwhile(stop), pytest.raises(StageError):
        run(runner)
    stopped = runner.costs.spent["make"]
    assert stopped.seconds > killed.seconds and stopped.cpu_s > 0 < stopped.peak_rss_bytes


def test_waiting_for_another_process_costs_no_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    clock = Clock()
    for at, text in (
        (1, "words"),
        (2, "waiting: a"),
        (5, "waiting: b"),
        (9, "dvc: > x"),
        (10, "y"),
    ):
        now[0] = at
        clock.hear(text)
    assert clock.seconds() == 10 - (9 - 2)
