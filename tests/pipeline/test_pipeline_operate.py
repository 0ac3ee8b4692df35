"""What runs by itself: schedules, trees, two at once, workers and servers that end."""

import hashlib
import shutil
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from operating import NIGHTLY, Operated, operated
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.schedules import IntervalSchedule
from ruamel.yaml import YAML
from trees import EPOCHS, SHORT, clone, commit, shell, wait_until

pytestmark = pytest.mark.slow
LONG = [f"{EPOCHS}=250"]
FEW = [f"{EPOCHS}=3"]
GRACE_S = 2.0
MODEL = "models/sample_movielens/model.safetensors"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Operated]:
    """An operated tree in which DVC alone has run the graph, all of it committed."""
    tree = clone(tmp_path_factory.mktemp("operate"), SHORT)
    shutil.copytree(empty_database, tree / ".onecycle" / "prefect")
    shell(tree, "dvc", "repro", "-q")
    commit(tree)
    with operated(tree) as it:
        yield it


def experiment(it: Operated, name: str) -> str:
    """The commit of an experiment."""
    refs = shell(it.tree, "git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps")
    (found,) = [line.split()[0] for line in refs.splitlines() if line.endswith(f"/{name}")]
    return found


def scheduled(it: Operated, **parameters: object) -> UUID:
    """A run that a schedule begins within seconds."""
    begin = datetime.now(UTC) + timedelta(seconds=8)
    every = IntervalSchedule(interval=timedelta(days=1), anchor_date=begin)
    with it.client() as client:
        one = client.read_deployment_by_name(NIGHTLY).id
        made = DeploymentScheduleCreate(schedule=every, active=True, parameters=parameters)
        client.create_deployment_schedules(one, [made])
        its = DeploymentFilter(id=DeploymentFilterId(any_=[one]))

        def found() -> list[UUID]:
            runs = client.read_flow_runs(deployment_filter=its)
            return [run.id for run in runs if run.expected_start_time == begin]

        wait_until(found, 60, "the run is scheduled")
        return found()[0]


def test_a_schedule_runs_to_the_end_in_a_tree_that_no_edit_enters(here):
    run = scheduled(here, problems=["sample_movielens"], settings=FEW, refresh=True)
    path = here.tree / ".onecycle" / "trees" / str(run)
    wait_until(path.exists, 90, f"the run begins: {here.said}")
    edited = [here.tree / name for name in ("params.yaml", "tasks/train.py", "flows/repro.py")]
    before = [file.read_bytes() for file in edited]
    for file in edited:
        file.write_text("no: use")
    state, said = here.ended(run)
    for file, content in zip(edited, before, strict=True):
        file.write_bytes(content)
    assert state == "Completed", said
    assert "4 completed, 3 cached" in said or "3 cached" in said
    name = here.name(run)
    assert f"kept as the experiment {name}" in said
    assert not path.exists()
    assert shell(here.tree, "git", "status", "--porcelain") == ""
    assert name in shell(here.tree, "dvc", "exp", "show", "--csv")
    found = YAML().load(shell(here.tree, "git", "show", f"{experiment(here, name)}:dvc.lock"))
    train = found["stages"]["train@sample_movielens"]
    assert (
        train["params"]["params.yaml"]["problems.sample_movielens.train"]["unfrozen"]["epochs"] == 3
    )
    # The same stage by hand, here: the same bytes.
    shell(here.tree, "python", "-m", "tasks", "set", *FEW)
    shell(here.tree, "python", "-m", "tasks", "train", "sample_movielens")
    made = hashlib.md5((here.tree / MODEL).read_bytes()).hexdigest()
    assert [out["md5"] for out in train["outs"] if out["path"] == MODEL] == [made]
    shell(here.tree, "git", "checkout", "-q", "params.yaml")
    shell(here.tree, "dvc", "checkout", "-q", "--force")


def test_two_at_once_cancelled_and_its_worker_killed(here):
    first = here.run(settings=LONG, grace_s=GRACE_S)
    here.trains(first)
    skipped = here.run(settings=LONG, collision="skip")
    assert here.ended(skipped) == (
        "Skipped",
        "another run has problem-sample_movielens; this was to be skipped then",
    )
    second = here.run(settings=LONG, collision="queue")
    wait_until(lambda: "waiting for another run" in here.log(second), 60, "the second waits")
    began = time.monotonic()
    here.cancel(first)
    wait_until(lambda: not here.processes(first), GRACE_S + 10, "the cancelled run has ended")
    print("cancelled in", time.monotonic() - began)
    assert here.ended(first)[0] == "Cancelled"
    here.trains(second)
    assert "going on from epoch" in here.log(second)
    here.worker.send_signal(signal.SIGKILL)
    began = time.monotonic()
    state, said = here.ended(second, 30)
    print("crashed in", time.monotonic() - began)
    assert state == "Crashed" and "worker was killed" in said
    wait_until(lambda: not here.processes(second), 10, "no process is left")
    assert list((here.tree / ".onecycle" / "trees").iterdir()) == []
    with here.client() as client:
        limit = client.read_global_concurrency_limit_by_name("problem-sample_movielens")
    assert limit.active_slots == 0


def test_the_next_completes_though_the_server_is_away_for_a_while(here):
    here.work()
    run = here.run(settings=LONG)
    here.trains(run)
    here.server.terminate()
    here.server.wait()
    time.sleep(8)
    here.serve()
    state, said = here.ended(run)
    assert state == "Completed", said
    assert "going on from epoch" in here.log(run)
    assert experiment(here, here.name(run))


def test_the_doctor_ends_what_was_killed_with_its_worker(here):
    run = here.run(settings=[f"{EPOCHS}=260"])
    here.trains(run)
    path = here.tree / ".onecycle" / "trees" / str(run)
    assert "all is whole" in shell(here.tree, "python", "-m", "flows.doctor")
    here.worker.send_signal(signal.SIGKILL)
    for process in here.processes(run):
        process.kill()
    assert path.exists()
    assert here.state(run)[0] == "Running"
    said = shell(here.tree, "python", "-m", "flows.doctor")
    assert f"{path}: left by a run that was killed; removed" in said
    assert f"the run {here.name(run)}: has no process, but is Running in Prefect; ended" in said
    assert not path.exists()
    assert here.state(run)[0] == "Crashed"
    assert shell(here.tree, "git", "worktree", "list").count("\n") == 1


def test_by_hand_in_a_tree_of_its_own_and_pushed(here, tmp_path):
    remote, bare = tmp_path / "remote", tmp_path / "bare"
    shell(here.tree, "git", "init", "-q", "--bare", str(bare))
    shell(here.tree, "git", "remote", "add", "origin", str(bare))
    shell(here.tree, "dvc", "remote", "add", "--local", "-d", "shared", str(remote))
    option = ["--isolated", "--set", FEW[0]]
    said = shell(here.tree, "python", "-m", "flows.pipeline", *option)
    assert "3 restored" in said and "and pushed" in said
    refs = shell(bare, "git", "for-each-ref", "--format=%(refname)", "refs/exps")
    assert len(refs.splitlines()) == 1
    assert len(list(remote.glob("files/md5/*/*"))) > 20
    assert list((here.tree / ".onecycle" / "trees").iterdir()) == []
    refused = shell(here.tree, "python", "-m", "flows.pipeline", *option[:-1], "no=1", status=1)
    assert "no" in refused
    assert list((here.tree / ".onecycle" / "trees").iterdir()) == []
