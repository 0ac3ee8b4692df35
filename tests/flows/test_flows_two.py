"""Two at once on the same files: one holds them, the other waits or is told who does."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

LOCK, OUT, HOLD = Path("dvc.lock"), Path("out.txt"), Path("hold")
FLOW = (sys.executable, "-m", "flows.repro", "make")  # as the flow runs a stage
DVC = ("dvc", "repro")
GIT = ("git", "-c", "user.name=x", "-c", "user.email=x@x")


@contextmanager
def started(*command: str, cwd: Path | None = None) -> Iterator[subprocess.Popen]:
    """Runs a command beside; it is gone afterwards."""
    with subprocess.Popen(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def done(*command: str, cwd: Path | None = None, status: int = 0) -> str:
    """Runs a command to its end; gives what it said."""
    done = subprocess.run(
        command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == status, done.stdout
    return done.stdout


def runs() -> int:
    return len(Path("runs").read_text().splitlines()) if Path("runs").exists() else 0


@pytest.mark.trial("two", "`dvc repro` while a flow runs the stage", "it ends, told who holds it")
def test_dvc_beside_a_flow_is_told_who_holds_the_files(toy, until):
    HOLD.touch()
    with started(*FLOW) as first:
        until(runs)
        said = done(*DVC, status=255)
        HOLD.unlink()
        assert first.communicate()[0] and first.returncode == 0
    assert "is busy" in said
    assert f"(PID {first.pid}): {toy}" not in said  # it names the module's file
    assert f"(PID {first.pid}): " in said and "repro.py make" in said
    assert "up to date" in done(*DVC)
    assert runs() == 1


@pytest.mark.trial(
    "two", "a flow while `dvc repro` runs the stage", "it waits, says who holds it, then goes on"
)
def test_a_flow_beside_dvc_waits_and_says_for_whom(toy, until):
    HOLD.touch()
    with started(*DVC) as first:
        until(runs)
        with started(*FLOW) as second:
            assert second.stdout
            said = second.stdout.readline()
            HOLD.unlink()
            assert "waiting" not in second.stdout.read()
            assert second.wait(20) == 100  # nothing had to be done any more
    assert (
        said.startswith("waiting: ")
        and f"(PID {first.pid}): " in said
        and "dvc repro; if none" in said
    )
    assert runs() == 1


@pytest.mark.trial(
    "two", "`dvc exp run -S` while a flow runs the stage", "told who holds it; nothing is mixed up"
)
def test_an_experiment_beside_a_flow(toy, until):
    done("git", "add", ".")
    done(*GIT, "commit", "-qm", "x")
    HOLD.touch()
    with started(*FLOW) as first:
        until(runs)
        said = done("dvc", "exp", "run", "-S", "k=2", status=255)
        HOLD.unlink()
        assert "params.yaml changed while make ran" in first.communicate()[0]  # -S has edited it
        assert first.returncode == 1
    assert f"(PID {first.pid})" in said
    assert runs() == 1
    assert "make" in done("dvc", "status")  # nothing was recorded beside the other value


MANY = """
stages:
  make:
    cmd: mkdir -p many; for i in $(seq 300); do (yes $i | head -c 100000) > many/$i; done
    deps: [in.txt]
    outs: [many]
"""


@pytest.fixture
def many(toy: Path) -> Path:
    """A repository with an output of many files, committed; its remote is the folder `remote`."""
    (toy / "dvc.yaml").write_text(MANY)
    with (toy / ".dvc/config").open("a") as file:
        file.write(f"    remote = shared\n['remote \"shared\"']\n    url = {toy.parent}/remote\n")
    (toy / ".gitignore").write_text("/many\n")
    done(*DVC)
    done("git", "add", ".")
    done(*GIT, "commit", "-qm", "x")
    return toy


@pytest.mark.trial(
    "two",
    "two clones push the same results to one remote folder, one is killed in the middle",
    "a third clone pulls all of it and has nothing to do",
)
def test_two_push_to_one_remote_and_one_is_killed(many, until):
    second, third = many.parent / "second", many.parent / "third"
    shutil.copytree(many, second, symlinks=True)
    done("git", "clone", "-q", str(many), str(third))
    remote = many.parent / "remote"
    with started("dvc", "push") as victim, started("dvc", "push", cwd=second) as other:
        until(lambda: remote.exists() and len(list(remote.glob("files/md5/*"))) > 20)
        victim.send_signal(signal.SIGKILL)
        assert victim.wait() == -signal.SIGKILL
        other.communicate()
        assert other.returncode == 0
    done("dvc", "pull", "-q", cwd=third)
    assert "up to date" in done("dvc", "status", cwd=third)
    assert "Running" not in done(*DVC, cwd=third)
    assert len(list((third / "many").iterdir())) == 300


@pytest.mark.trial(
    "two", "two worktrees run the same stage with one shared cache", "equal outputs and records"
)
def test_two_worktrees_with_a_shared_cache(toy):
    with (toy / ".dvc/config").open("a") as file:
        file.write(f"[cache]\n    dir = {toy.parent}/cache\n    type = hardlink\n")
    done("git", "add", ".")
    done(*GIT, "commit", "-qm", "x")
    other = toy.parent / "other"
    done("git", "worktree", "add", "-q", str(other))
    with ExitStack() as both:
        each = [both.enter_context(started(*FLOW, "--force", cwd=at)) for at in (toy, other)]
        assert [it.communicate()[0] and it.returncode for it in each] == [0, 0]
    assert OUT.read_bytes() == (other / OUT).read_bytes()
    assert LOCK.read_bytes() == (other / LOCK).read_bytes()
    assert OUT.samefile(other / OUT)
    assert "up to date" in done("dvc", "status", cwd=other)
