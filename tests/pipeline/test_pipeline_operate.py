"""What runs by itself: schedules, trees, two at once, workers and servers that end."""

import hashlib
import shutil
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
from trees import EPOCHS, SHORT, clone, shell, wait_until

pytestmark = pytest.mark.slow
LONG = [f"{EPOCHS}=3000"]
FEW = [f"{EPOCHS}=3"]
GRACE_S = 2.0
AWAY_S = 8.0  # by hand 60 were tried
MODEL = "models/sample_movielens/model.safetensors"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Operated]:
    """An operated tree in which nothing has run."""
    tree = clone(tmp_path_factory.mktemp("operate"), SHORT)
    shutil.copytree(empty_database, tree / ".onecycle" / "prefect")
    shell(tree, "python", "-m", "flows.private")  # as `make setup` does
    with operated(tree) as it:
        yield it


def experiment(it: Operated, name: str) -> str:
    """The commit of an experiment."""
    refs = shell(it.tree, "git", "for-each-ref", "--format=%(objectname) %(refname)", "refs/exps")
    (found,) = [line.split()[0] for line in refs.splitlines() if line.endswith(f"/{name}")]
    return found


def scheduled(it: Operated, **parameters: object) -> UUID:
    """A run that a schedule has begun; the schedule is no more."""
    begin = datetime.now(UTC) + timedelta(seconds=12)
    every = IntervalSchedule(interval=timedelta(minutes=1), anchor_date=begin)
    with it.client() as client:
        one = client.read_deployment_by_name(NIGHTLY).id
        asked = DeploymentScheduleCreate(schedule=every, active=True, parameters=parameters)
        (made,) = client.create_deployment_schedules(one, [asked])
        client.resume_deployment(one)  # the server looks more often at what was changed
        its = DeploymentFilter(id=DeploymentFilterId(any_=[one]))

        def begun() -> list[UUID]:
            runs = client.read_flow_runs(deployment_filter=its)
            return [run.id for run in runs if run.state and not run.state.is_scheduled()]

        wait_until(begun, 300, f"a run is begun: {it.said}")
        client.delete_deployment_schedule(one, made.id)
        return begun()[0]


def test_a_schedule_runs_to_the_end_in_a_tree_that_no_edit_enters(here):
    run = scheduled(here, problems=["sample_movielens"], settings=FEW, refresh=True)
    wait_until(here.path(run).exists, 600, f"the run begins: {here.said}")
    edited = [here.tree / name for name in ("params.yaml", "tasks/train.py", "flows/repro.py")]
    before = [file.read_bytes() for file in edited]
    for file in edited:
        file.write_text("no: use")
    state, said = here.ended(run)
    for file, content in zip(edited, before, strict=True):
        file.write_bytes(content)
    assert state == "Completed", said
    assert "7 completed" in said
    name = here.name(run)
    assert f"kept as the experiment {name}" in said
    assert not here.path(run).exists()
    assert shell(here.tree, "git", "status", "--porcelain") == ""
    assert name in shell(here.tree, "dvc", "exp", "show", "--csv")
    found = YAML().load(shell(here.tree, "git", "show", f"{experiment(here, name)}:dvc.lock"))
    train = found["stages"]["train@sample_movielens"]
    assert (
        train["params"]["params.yaml"]["problems.sample_movielens.train"]["unfrozen"]["epochs"] == 3
    )
    report = f"{here.tree}/.onecycle/published/{run}/sample_movielens/report.html"
    made = hashlib.md5(Path(report).read_bytes()).hexdigest()  # though its tree has gone
    assert made in [out["md5"] for out in found["stages"]["evaluate@sample_movielens"]["outs"]]
    # The same stage by hand, in the main tree: the same bytes.
    shell(here.tree, "dvc", "exp", "apply", "-q", name)
    shell(here.tree, "python", "-m", "tasks", "train", "sample_movielens")
    made = hashlib.md5((here.tree / MODEL).read_bytes()).hexdigest()
    assert [out["md5"] for out in train["outs"] if out["path"] == MODEL] == [made]
    shell(here.tree, "git", "checkout", "-q", "params.yaml")


def test_two_at_once_cancelled_and_killed_with_its_worker(here, tmp_path):
    first = here.run(settings=LONG, grace_s=GRACE_S)
    here.trains(first)
    skipped = here.run(settings=LONG, collision="skip")
    assert here.ended(skipped)[0] == "Skipped"
    assert "another run has problem-sample_movielens" in here.state(skipped)[1]
    second = here.run(settings=LONG, collision="queue")
    wait_until(lambda: "waiting: another run" in here.log(second), 600, "the second waits")
    here.click_cancel(first, tmp_path)
    wait_until(lambda: not here.processes(first), GRACE_S + 15, "the cancelled run has ended")
    assert here.ended(first)[0] == "Cancelled"
    wait_until(lambda: not here.path(first).exists(), 120, "its tree has gone")
    assert "Traceback" not in here.log(first)
    here.trains(second)
    assert "going on from epoch" in here.log(second)
    assert "all is whole" in shell(here.tree, "python", "-m", "flows.doctor")
    here.worker.kill()
    here.worker.wait()
    for process in here.processes(second):
        process.kill()
    assert here.path(second).exists()
    assert here.state(second)[0] == "Running"
    said = shell(here.tree, "python", "-m", "flows.doctor")
    assert f"{here.path(second)}: left by a run that was killed; removed" in said
    assert f"the run {here.name(second)}: has no process, but is Running in Prefect; ended" in said
    assert here.state(second)[0] == "Crashed"
    assert list(here.path().iterdir()) == []
    assert shell(here.tree, "git", "worktree", "list").count("\n") == 1


def test_the_next_completes_though_the_server_is_away_and_pushes_what_it_made(here, tmp_path):
    remote, bare = tmp_path / "remote", tmp_path / "bare"
    shell(here.tree, "git", "init", "-q", "--bare", str(bare))
    shell(here.tree, "git", "remote", "add", "origin", str(bare))
    shell(here.tree, "dvc", "remote", "add", "-q", "--local", "-d", "shared", str(remote))
    here.work()
    run = here.run(settings=[f"{EPOCHS}=100"], refresh=False)
    here.trains(run)
    here.server.terminate()
    here.server.wait()
    time.sleep(AWAY_S)
    here.serve()
    state, said = here.ended(run)
    assert state == "Completed", said
    with here.client() as client:
        limit = client.read_global_concurrency_limit_by_name("problem-sample_movielens")
    assert limit.active_slots == 0
    name = here.name(run)
    assert said.endswith(f"kept as the experiment {name} and pushed")
    pushed = shell(bare, "git", "for-each-ref", "--format=%(refname)", "refs/exps")
    assert pushed.splitlines()[0].endswith(f"/{name}") and len(pushed.splitlines()) == 1
    assert len(list(remote.glob("files/md5/*/*"))) > 20


def test_a_run_by_hand_that_is_refused_leaves_no_tree(here):
    option = ["--isolated", "--set", "no=1"]
    assert "unknown key 'no'" in shell(
        here.tree, "python", "-m", "flows.pipeline", *option, status=1
    )
    assert list(here.path().iterdir()) == []
