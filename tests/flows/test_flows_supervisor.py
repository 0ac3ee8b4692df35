"""The supervisor with real processes: however it ends, nobody of its session is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from flows import supervisor

GRACE_S = 0.3
SLACK_S = 2.0
SIGNALS = (signal.SIGINT, signal.SIGHUP)
Start = Callable[..., subprocess.Popen]

STUBBORN = "trap '' TERM INT HUP; touch ready; while :; do sleep 0.1; done"
GRANDCHILDREN = "(trap '' TERM; sleep 60) & (sleep 60 & wait) & touch ready; wait"
OWN_GROUP = """
import signal, subprocess, pathlib, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "60"], process_group=0)
pathlib.Path("ready").touch()
time.sleep(60)
"""
ORPHAN = "(sleep 60 &) ; touch ready; sleep 60"
STOPPED = "touch ready; kill -STOP $$"
BREEDS = "trap 'sleep 60 & sleep 60 & wait' TERM; touch ready; while :; do sleep 0.1; done"
COMMANDS = {
    "ignores SIGTERM": ["sh", "-c", STUBBORN],
    "grandchildren": ["sh", "-c", GRANDCHILDREN],
    "a group of its own": [sys.executable, "-c", OWN_GROUP],
    "an orphan": ["sh", "-c", ORPHAN],
    "asleep by SIGSTOP": ["sh", "-c", STOPPED],
    "breeds when told to end": ["sh", "-c", BREEDS],
}


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a supervisor as the flow does; afterwards its session is empty in any case."""
    monkeypatch.chdir(tmp_path)
    started: list[subprocess.Popen] = []

    def begin(*command: str, grace_s: float = GRACE_S, **options) -> subprocess.Popen:
        line = [sys.executable, supervisor.__file__, str(grace_s), *command]
        options = {"stdin": subprocess.PIPE, "start_new_session": True} | options
        started.append(subprocess.Popen(line, **options))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
        if process.stdin:
            process.stdin.close()
        supervisor.clear_session(process.pid, 0)


def ends(process: subprocess.Popen, grace_s: float = GRACE_S) -> int:
    """The supervisor's status, which it has in time, and nobody of its session is left."""
    status = process.wait(grace_s + SLACK_S)
    assert supervisor.living(process.pid) == set()
    return status


@pytest.mark.parametrize("status", [0, 100])
def test_the_status_is_the_command_s(start, status):
    assert ends(start("sh", "-c", f"exit {status}")) == status


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_after_a_signal_the_status_is_128_more_than_its_number(start, number):
    assert ends(start("sh", "-c", f"kill -{number.value} $$")) == 128 + number


def test_arguments_are_passed_as_they_are(start):
    print_all = "import sys; print(sys.argv[1:])"
    arguments = ["two words", "$HOME", "--force", ""]
    process = start(sys.executable, "-c", print_all, *arguments, stdout=subprocess.PIPE)
    with process.stdout:
        assert process.stdout.read().decode().strip() == str(arguments)
    assert ends(process) == 0


def test_the_command_reads_nothing_of_the_supervisor_s_stdin(start):
    process = start("cat", stdout=subprocess.PIPE)
    process.stdin.write(b"not for you")
    process.stdin.flush()
    with process.stdout:
        assert process.stdout.read() == b""
    assert ends(process) == 0


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_the_end_of_stdin_ends_all(start, until, command):
    process = start(*command)
    until(Path("ready").exists)
    process.stdin.close()
    assert ends(process) in (128 + signal.SIGTERM, 128 + signal.SIGKILL)


def test_sigterm_ends_all(start, until):
    process = start(*COMMANDS["a group of its own"])
    until(Path("ready").exists)
    process.terminate()
    assert ends(process) in (128 + signal.SIGTERM, 128 + signal.SIGKILL)


@pytest.mark.parametrize("number", SIGNALS)
def test_other_signals_that_ask_for_the_end_end_all(start, until, number):
    process = start("sh", "-c", "touch ready; sleep 60")
    until(Path("ready").exists)
    process.send_signal(number)
    assert ends(process) == 128 + signal.SIGTERM


def test_whoever_obeys_is_not_waited_for(start, until):
    process = start("sleep", "60", grace_s=30)
    until(lambda: len(supervisor.living(process.pid)) == 2)
    process.stdin.close()
    assert ends(process, grace_s=0) == 128 + signal.SIGTERM


CHECKPOINT = """
import pathlib, signal, sys, time
def save(*_):
    time.sleep({seconds})
    pathlib.Path("saved").touch()
    sys.exit(5)
signal.signal(signal.SIGTERM, save)
pathlib.Path("ready").touch()
while True:
    time.sleep(60)
"""


def test_who_handles_sigterm_has_its_time(start, until):
    process = start(sys.executable, "-c", CHECKPOINT.format(seconds=0.5), grace_s=10)
    until(Path("ready").exists)
    process.stdin.close()
    assert ends(process, grace_s=0.5) == 5
    assert Path("saved").exists()


def test_but_not_more_than_its_time(start, until):
    process = start(sys.executable, "-c", CHECKPOINT.format(seconds=30), grace_s=0.3)
    until(Path("ready").exists)
    process.stdin.close()
    assert ends(process, grace_s=0.3) == 128 + signal.SIGKILL
    assert not Path("saved").exists()


def test_a_second_sigterm_does_not_shorten_the_time(start, until):
    process = start(sys.executable, "-c", CHECKPOINT.format(seconds=0.5), grace_s=10)
    until(Path("ready").exists)
    process.terminate()
    time.sleep(0.2)
    process.terminate()
    assert ends(process, grace_s=0.5) == 5
    assert Path("saved").exists()


@pytest.mark.parametrize("word", ["", "trap '' TERM;"])
def test_what_the_command_leaves_behind_is_ended(start, word):
    process = start("sh", "-c", f"({word} sleep 60) & exit 7")
    assert ends(process) == 7


def test_a_second_session_is_not_touched(start, until):
    other = start("sh", "-c", "touch other; sleep 60")
    process = start("sh", "-c", "touch ready; sleep 60")
    until(lambda: Path("ready").exists() and Path("other").exists())
    process.stdin.close()
    ends(process)
    assert len(supervisor.living(other.pid)) >= 2
    assert other.poll() is None


PARENT = """
import subprocess, sys, time
from pathlib import Path
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)
Path("pid").write_text(str(child.pid))
Path("known").touch()
time.sleep(60)
"""


def test_all_ends_when_whoever_started_the_supervisor_is_killed(tmp_path, monkeypatch, until):
    monkeypatch.chdir(tmp_path)
    command = COMMANDS["a group of its own"]
    line = [sys.executable, supervisor.__file__, str(GRACE_S), *command]
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *line])
    try:
        until(lambda: Path("known").exists() and Path("ready").exists())
        session = int(Path("pid").read_text())
        assert len(supervisor.living(session)) >= 2
    finally:
        parent.kill()
        parent.wait()
    try:
        until(lambda: not supervisor.living(session), GRACE_S + SLACK_S)
    finally:
        supervisor.clear_session(session, 0)


def test_living_does_not_count_this_process_or_zombies():
    assert psutil.Process() not in supervisor.living(os.getsid(0))
    process = subprocess.Popen(["true"], start_new_session=True)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert supervisor.living(process.pid) == set()
    process.wait()


def test_it_refuses_a_session_that_others_share(start):
    process = start("true", start_new_session=False, stderr=subprocess.PIPE)
    with process.stderr:
        assert b"a session of its own" in process.stderr.read()
    assert ends(process) == 1
