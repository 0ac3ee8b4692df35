"""The flow, its server and its stages ended and killed: nothing is left, nothing is lost."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from trees import (
    ENVIRONMENT,
    EPOCHS,
    SHORT,
    clone,
    flow,
    hashes,
    processes,
    ran,
    rows,
    shell,
    states,
    wait_until,
)

pytestmark = pytest.mark.slow
TRAIN = "train@sample_movielens"
MODEL = "models/sample_movielens/model.safetensors"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A tree in which the flow has run once, with a server of its own."""
    tree = clone(tmp_path_factory.mktemp("kills"), SHORT)
    shutil.copytree(empty_database, tree / ".onecycle" / "prefect")
    flow(tree)
    assert set(states(tree).values()) == {"Completed"}
    assert processes(tree) == []
    return tree


class Running:
    """A flow that is in the middle of training, for a long time; a context manager."""

    def __init__(self, tree: Path, *options: str, epochs: int = 2000) -> None:
        self.tree, self.epochs = tree, epochs
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.pipeline", "--set", f"{EPOCHS}={epochs}", *options],
            cwd=tree,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> "Running":
        self.said = ""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said += line
            if re.search(rf"epoch \d+ of {self.epochs}", line):  # the first, or where it goes on
                return self
        self.__exit__()
        raise AssertionError(self.said)

    def __exit__(self, *_: object) -> None:
        for process in processes(self.tree):
            process.kill()
        self.process.communicate()

    def one(self, words: str) -> psutil.Process:
        """The tree's innermost process whose command line has these words."""
        found = [it for it in processes(self.tree) if words in " ".join(it.cmdline())]
        return max(found, key=lambda it: it.create_time())

    def end(self, within_s: float = 10) -> str:
        """Waits until nothing is left; gives what it said."""
        wait_until(lambda: not processes(self.tree), within_s, "all processes have ended")
        return self.said + self.process.communicate(timeout=1)[0]


def checkpoints(tree: Path) -> list[Path]:
    return sorted((tree / ".onecycle" / "checkpoints").rglob("*.safetensors"))


@pytest.mark.trial(
    "stops",
    "a flow that trains gets SIGINT (with all of its terminal's group), SIGTERM or SIGKILL",
    "a checkpoint (SIGKILL: an older one), no process left, the next run goes on from there",
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_flow_that_is_ended_leaves_no_process(tree, number):
    before = checkpoints(tree)
    with Running(tree) as run:
        assert len(processes(tree)) >= 5  # the flow, two supervisors, the server, dvc, the stage
        assert ("going on from epoch" in run.said) == bool(before)
        os.killpg(run.process.pid, number)
        said = run.end()
    assert checkpoints(tree) and checkpoints(tree) != before
    if number == signal.SIGKILL:
        assert run.process.returncode == -signal.SIGKILL
    else:
        assert run.process.returncode == 130
        assert "run again" in said
        assert states(tree)[TRAIN] == "Cancelled"


@pytest.mark.trial(
    "stops", "a flow is killed by SIGKILL", "the next one has it Crashed in Prefect, with its tasks"
)
def test_a_killed_run_does_not_run_on_in_prefect(tree):
    with Running(tree) as run:
        run.process.kill()
        run.end()
    assert ("RUNNING",) in rows(tree, "select state_type from flow_run")
    said = flow(tree, "--set", f"{EPOCHS}=2")
    assert "was killed: in Prefect it is now Crashed" in said
    for kind in ("flow_run", "task_run"):
        states = [each for (each,) in rows(tree, f"select state_type from {kind}")]
        assert not {"RUNNING", "PENDING", "CANCELLING"} & set(states)
        assert "CRASHED" in states
    assert not list((tree / ".onecycle" / "runs").iterdir())


@pytest.mark.trial("stops", "a second signal", "ends a stage at once that does not end in order")
def test_a_second_signal_ends_all_at_once(tree):
    with Running(tree, "--grace-s", "60") as run:
        run.one("tasks train").suspend()
        run.process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert run.process.poll() is None
        run.process.send_signal(signal.SIGINT)
        run.end(within_s=3)
    assert run.process.returncode == 130


CANCEL = """
from prefect.client.orchestration import get_client
from prefect.states import Cancelling
with get_client(sync_client=True) as client:
    (run,) = client.read_flow_runs(limit=1, sort="START_TIME_DESC")
    client.set_flow_run_state(run.id, Cancelling())
"""


@pytest.mark.trial(
    "stops",
    "cancelled in Prefect, by a stage that does not end in order",
    "ends within grace_s + 4 s",
)
def test_cancelled_in_prefect_it_ends_within_the_grace(tree):
    with Running(tree, "--grace-s", "1") as run:
        run.one("tasks train").suspend()
        port = run.one("flows.server").net_connections()[0].laddr.port
        login = (tree / ".onecycle/prefect/login").read_text()
        server = [
            f"PREFECT_API_URL=http://127.0.0.1:{port}/api",
            f"PREFECT_API_AUTH_STRING={login}",
        ]
        shell(tree, "env", *server, "python", "-c", CANCEL)
        run.end(within_s=5)
    assert run.process.returncode == 130
    assert states(tree)[TRAIN] == "Cancelled"


@pytest.mark.trial(
    "two", "a flow and `dvc repro` while a flow trains", "told who trains; the flow waits its turn"
)
def test_beside_a_flow_that_trains(tree):
    with Running(tree) as run:
        dvc = run.one("flows.repro").pid
        said = shell(tree, "dvc", "repro", TRAIN, status=255)
        assert f"(PID {dvc}): " in said and f"repro.py {TRAIN}" in said
        with subprocess.Popen(
            [sys.executable, "-m", "flows.pipeline"],
            cwd=tree,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as second:
            try:
                assert second.stdout
                assert "waiting for the run" in second.stdout.readline()
                second.send_signal(signal.SIGINT)
                second.communicate(timeout=5)
            finally:
                second.kill()  # else, should it not end, this would wait for ever
        assert run.process.poll() is None
        run.process.send_signal(signal.SIGINT)
        run.end()


def test_a_flow_whose_server_is_killed_ends_and_says_so(tree):
    with Running(tree) as run:
        run.one("flows.server").kill()
        said = run.end()
    assert run.process.returncode == 1
    assert "Prefect's server ended" in said


@pytest.mark.parametrize("victim", ["tasks train", "supervisor.py"])
def test_a_stage_that_is_killed_fails_and_the_run_goes_on(tree, victim):
    with Running(tree) as run:
        run.one(victim).kill()
        said = run.end(within_s=30)
    assert run.process.returncode == 1
    assert states(tree)[TRAIN] == "Failed"
    assert states(tree)["evaluate@sample_movielens"] == "Skipped"
    assert "Failed" in said


def test_params_edited_while_a_stage_runs_fail_it_and_are_not_recorded(tree):
    lock = (tree / "dvc.lock").read_text()
    with Running(tree, epochs=100) as run:
        training = run.one("tasks train")
        training.suspend()
        shell(tree, "python", "-m", "tasks", "set", f"{EPOCHS}=3")
        training.resume()
        said = run.end(within_s=60)
    assert run.process.returncode == 1
    assert "params.yaml changed while train@sample_movielens ran" in said
    assert (tree / "dvc.lock").read_text() == lock
    again = shell(tree, "dvc", "repro", "--single-item", TRAIN)
    assert ran(again) == [TRAIN]  # not restored: nothing was kept beside the new value
    assert len((tree / "reports/sample_movielens/history.csv").read_text().splitlines()) == 1 + 3


def test_after_all_that_a_run_completes(tree):
    flow(tree, "--set", f"{EPOCHS}=2")
    assert set(states(tree).values()) == {"Cached", "Restored"}
    assert "up to date" in shell(tree, "dvc", "status")


@pytest.mark.trial(
    "rot",
    "a byte flipped in a trained model's object in DVC's cache",
    "the same bytes are made anew",
)
def test_a_damaged_model_is_made_anew(tree):
    shell(tree, "python", "-m", "tasks", "set", f"{EPOCHS}=2")  # whatever ran before
    shell(tree, "dvc", "repro")
    before = hashes(tree)
    md5 = hashlib.md5((tree / MODEL).read_bytes(), usedforsecurity=False).hexdigest()
    kept = tree / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    stat, content = kept.stat(), kept.read_bytes()
    kept.chmod(0o644)
    with kept.open("r+b") as file:  # in place: the model in the tree is the same file
        file.seek(-1, os.SEEK_END)
        file.write(bytes([content[-1] ^ 1]))
    kept.chmod(stat.st_mode)
    os.utime(kept, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert "up to date" in shell(tree, "dvc", "status")
    said = shell(tree, "python", "-m", "flows.doctor")
    assert f"{kept}: damaged" in said and f"{MODEL}: not what dvc.lock says" in said
    assert not kept.exists() and not (tree / MODEL).exists()
    assert ran(shell(tree, "dvc", "repro")) == [TRAIN]
    assert hashes(tree) == before
    assert "all is whole" in shell(tree, "python", "-m", "flows.doctor")
