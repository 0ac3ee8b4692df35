"""`python -m flows.repro` and the graph, in small DVC repositories with real processes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dvc.stage.cache import StageCache

from flows import graph, pipeline
from flows.repro import main
from flows.stage import Outcome
from onecycle.errors import UserError
from onecycle.params import read_yaml

# DVC runs in this process too, where a run is not the point: its pygtrie tells of its future.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")
LOCK = Path("dvc.lock")


def repro(stage: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs a stage to its end."""
    line = [sys.executable, "-m", "flows.repro", stage, *options]
    return subprocess.run(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def dvc(*command: str) -> str:
    return subprocess.check_output(["dvc", *command], text=True, stderr=subprocess.DEVNULL)


class Running:
    """A stage that has been started; `said` is what it has printed until now."""

    def __init__(self, stage: str, *options: str) -> None:
        self.path = Path(f"said{len(list(Path.cwd().glob('said*')))}")
        with self.path.open("w") as file:
            line = [sys.executable, "-m", "flows.repro", stage, *options]
            self.process = subprocess.Popen(line, stdout=file, stderr=subprocess.STDOUT)

    @property
    def said(self) -> str:
        return self.path.read_text()

    def end(self) -> int:
        return self.process.wait(30)


@pytest.fixture
def start(toy: Path) -> Iterator[Callable[..., Running]]:
    """Starts a stage in `toy`; none runs after the test."""
    started: list[Running] = []

    def begin(*arguments: str) -> Running:
        started.append(Running(*arguments))
        return started[-1]

    yield begin
    for each in started:
        each.process.kill()
        each.process.wait()


def runs() -> int:
    """How often the stage's command has begun."""
    return len(Path("runs").read_text().splitlines()) if Path("runs").exists() else 0


def recorded(stage: str = "make") -> dict | None:
    """What dvc.lock holds of a stage."""
    return (read_yaml(LOCK)["stages"] if LOCK.exists() else {}).get(stage)


def set_k(value: int) -> None:
    path = Path("params.yaml")
    path.write_text("\n".join([f"k: {value}", *path.read_text().splitlines()[1:]]) + "\n")


def test_completed_cached_forced_and_restored(toy):
    assert repro("make").returncode == Outcome.COMPLETED
    first, lock = Path("out.txt").read_bytes(), LOCK.read_bytes()
    again = repro("make")
    assert again.returncode == Outcome.CACHED
    assert again.stdout == "dvc: Stage 'make' didn't change, skipping\n"
    assert runs() == 1
    set_k(2)
    assert repro("make").returncode == Outcome.COMPLETED
    assert Path("out.txt").read_bytes() != first
    set_k(1)
    assert repro("make").returncode == Outcome.RESTORED
    assert (Path("out.txt").read_bytes(), LOCK.read_bytes()) == (first, lock)
    assert runs() == 2
    assert repro("make", "--force").returncode == Outcome.COMPLETED
    assert (Path("out.txt").read_bytes(), LOCK.read_bytes()) == (first, lock)
    assert runs() == 3


def test_failed_with_one_line_on_the_cause(toy):
    Path("make.py").write_text("print('no'); raise SystemExit(3)")
    done = repro("make")
    assert done.returncode == Outcome.FAILED
    assert done.stdout.splitlines() == [
        "dvc: Running stage 'make':",
        "dvc: > python make.py",
        "no",
        "dvc: failed to run: python make.py, exited with 3",
    ]
    assert recorded() is None


def test_an_unknown_stage_fails_in_one_line(toy):
    done = repro("none")
    assert done.returncode == Outcome.FAILED
    assert done.stdout == "dvc: Stage 'none' not found inside 'dvc.yaml' file\n"


def test_a_params_file_that_is_no_yaml_fails_in_one_line_that_names_it(toy):
    Path("params.yaml").write_text("k: [")
    done = repro("make")
    assert done.returncode == Outcome.FAILED
    (line,) = done.stdout.splitlines()
    assert line.startswith("dvc: ")
    assert "params.yaml" in line


def test_an_input_that_changes_while_the_outputs_are_restored_is_not_recorded(toy, monkeypatch):
    for k in (1, 2):
        set_k(k)
        assert main(["make"]) == Outcome.COMPLETED
    lock, checkout = LOCK.read_bytes(), StageCache.restore

    def restore_meanwhile(*arguments, **options):
        checkout(*arguments, **options)
        set_k(3)

    monkeypatch.setattr(StageCache, "restore", restore_meanwhile)
    set_k(1)
    assert main(["make"]) == Outcome.FAILED
    assert LOCK.read_bytes() == lock
    monkeypatch.undo()
    monkeypatch.chdir(toy)
    before = runs()
    assert main(["make"]) == Outcome.COMPLETED
    assert runs() == before + 1  # no old output was kept beside the new value


def add_file() -> None:
    Path("folder/b.txt").write_text("b")


MOVES: dict[str, tuple[Callable[[], object], str, str]] = {
    "a file, forced": (lambda: Path("in.txt").write_text("new"), "in.txt", "--force"),
    "a folder with one file more": (add_file, "folder", ""),
}


@pytest.mark.parametrize(("move", "name", "option"), MOVES.values(), ids=MOVES)
def test_an_input_that_changes_while_the_stage_runs_is_not_recorded(
    start, until, move, name, option
):
    Path("hold").touch()
    stage = start("make", *filter(None, [option]))
    until(runs)
    move()
    Path("hold").unlink()
    assert stage.end() == Outcome.FAILED
    last = stage.said.splitlines()[-1]
    assert last.startswith(f"dvc: {name} changed while make ran")
    assert "not recorded" in last
    assert recorded() is None
    assert main(["make"]) is Outcome.COMPLETED, "it must not be restored from that run"
    assert runs() == 2
    assert recorded() is not None


@pytest.mark.slow
def test_a_param_that_changes_while_the_stage_runs_leaves_the_old_record(start, until):
    assert main(["make"]) is Outcome.COMPLETED
    old = LOCK.read_bytes()
    set_k(2)
    Path("hold").touch()
    stage = start("make")
    until(lambda: runs() == 2)
    set_k(3)
    Path("hold").unlink()
    assert stage.end() == Outcome.FAILED
    last = stage.said.splitlines()[-1]
    assert last.startswith("dvc: params.yaml changed while make ran")
    assert "not recorded" in last
    assert LOCK.read_bytes() == old
    for value in (3, 2):  # neither was recorded as the run with the other's output
        set_k(value)
        assert main(["make"]) is Outcome.COMPLETED
        assert Path("out.txt").read_text().startswith(f"k: {value}\n")
    assert runs() == 4


def test_an_input_that_is_removed_while_the_stage_runs_fails_it_unrecorded(start, until):
    Path("hold").touch()
    stage = start("make")
    until(runs)
    Path("in.txt").unlink()
    Path("hold").unlink()
    assert stage.end() == Outcome.FAILED
    assert "in.txt" in stage.said.splitlines()[-1]
    assert recorded() is None


def test_another_key_of_params_or_the_same_bytes_again_are_no_change(start, until):
    Path("hold").touch()
    stage = start("make")
    until(runs)
    Path("params.yaml").write_text("k: 1\nother: 2\nmore: [1, 2]\n")
    Path("in.txt").write_text(Path("in.txt").read_text())
    Path("hold").unlink()
    assert stage.end() == Outcome.COMPLETED
    assert recorded()["params"] == {"params.yaml": {"k": 1}}
    assert [each.clean for each in graph.read()] == [True]


@pytest.mark.slow
def test_six_stages_at_once_all_complete_and_are_recorded(start):
    names = [f"part{at}" for at in range(6)]
    stages = {
        name: {
            "cmd": f"cat in.txt > {name}.txt",
            "deps": ["in.txt", "folder"],
            "params": ["k"],
            "outs": [f"{name}.txt"],
        }
        for name in names
    }
    Path("dvc.yaml").write_text(json.dumps({"stages": stages}))
    together = [start(name) for name in names]
    assert [each.end() for each in together] == [Outcome.COMPLETED] * 6
    assert sorted(read_yaml(LOCK)["stages"]) == names
    assert all(stage.clean for stage in graph.read())


def test_a_stage_that_runs_elsewhere_is_not_clean_is_waited_for_and_not_run_twice(start, until):
    Path("hold").touch()
    first = start("make")
    until(runs)
    second = start("make")
    until(lambda: "waiting:" in second.said)
    assert [each.clean for each in graph.read()] == [False]
    Path("hold").unlink()
    assert first.end() == Outcome.COMPLETED
    assert second.end() == Outcome.CACHED
    assert runs() == 1
    assert recorded() is not None


def test_two_started_in_one_moment_end_well_and_run_once(start):
    both = [start("make"), start("make")]
    assert sorted(each.end() for each in both) == [Outcome.COMPLETED, Outcome.CACHED]
    assert runs() == 1


def test_a_run_that_was_killed_holds_nothing_up(start, until, workers):
    Path("hold").touch()
    first = start("make")
    until(runs)
    for process in workers():
        process.kill()
    assert first.end() == -signal.SIGKILL
    Path("hold").unlink()
    assert main(["make"]) is Outcome.COMPLETED
    assert runs() == 2


def test_those_that_have_ended_do_not_stay_in_the_list_of_holders(toy):
    main(["make"])
    path = Path(".dvc/tmp/rwlock")
    with subprocess.Popen([sys.executable, "-c", ""]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # DVC waits for such for ever
        one = {"pid": zombie.pid, "cmd": "dvc repro"}
        lives = {"pid": os.getpid(), "cmd": "dvc push"}
        out, read = str(Path("out.txt").resolve()), str(Path("in.txt").resolve())
        path.write_text(json.dumps({"write": {out: one}, "read": {read: [one, lives]}}))
        assert main(["make"]) is Outcome.CACHED
    assert json.loads(path.read_text()) == {"read": {read: [lives]}}


@pytest.mark.parametrize("torn", ["", '{"write": {"/a/out.txt": {"pid": 1'])
def test_a_list_of_holders_that_a_killed_dvc_left_half_written_holds_nothing_up(toy, torn):
    main(["make"])
    Path(".dvc/tmp/rwlock").write_text(torn)
    set_k(2)
    done = repro("make")
    assert done.returncode == Outcome.COMPLETED
    assert "half written" in done.stdout
    assert json.loads(Path(".dvc/tmp/rwlock").read_text()) == {}


# Each stage reads the outputs of those named, and all of them read in.txt. Their order is not the
# one in which they can run; `end` reads `left` both directly and through `low`.
NEEDS = {
    "end": ["low", "left", "right"],
    "low": ["left"],
    "alone": [],
    "right": ["top"],
    "left": ["top"],
    "top": [],
}
REDUCED = NEEDS | {"end": ["low", "right"]}


@pytest.fixture
def diamond(toy: Path) -> Path:
    """A repository whose stages have run; afterwards `right` became another command."""
    stages = {
        name: {
            "cmd": f"cat in.txt > {name}.txt",
            "deps": ["in.txt", *(f"{need}.txt" for need in needs)],
            "outs": [f"{name}.txt"],
            "meta": {"timeout": 60} if name == "low" else None,
        }
        for name, needs in NEEDS.items()
    }
    Path("dvc.yaml").write_text(json.dumps({"stages": stages}))
    dvc("repro")
    stages["right"]["cmd"] = f"true && {stages['right']['cmd']}"
    Path("dvc.yaml").write_text(json.dumps({"stages": stages}))
    return toy


READ = """
import dataclasses, json
from flows import graph, pipeline
stages = graph.read()
looks = {stage.name: graph.look(stage.name) for stage in stages}
print(json.dumps([[dataclasses.asdict(stage) for stage in stages], looks]))
"""


def clean_by_status() -> dict[str, bool]:
    """Which stages `dvc status` does not list."""
    dirty = json.loads(dvc("status", "--json"))
    return {name: name not in dirty for name in NEEDS}


def read_graph() -> tuple[list[dict], dict[str, bool]]:
    return json.loads(subprocess.check_output([sys.executable, "-c", READ]))


def dry_order() -> list[str]:
    """The stages as `dvc repro` would go through them."""
    lines = dvc("repro", "--dry").splitlines()
    return [line.split("'")[1] for line in lines if "tage '" in line]


def test_the_graph_has_dvc_s_order_its_needs_and_what_is_clean(diamond):
    stages, looks = read_graph()
    names = [stage["name"] for stage in stages]
    assert names == dry_order()
    assert sorted(names) == sorted(NEEDS)
    assert {stage["name"]: stage["needs"] for stage in stages} == REDUCED
    clean = {stage["name"]: stage["clean"] for stage in stages}
    assert clean == looks == {name: name != "right" for name in names}
    assert clean == clean_by_status()
    assert [stage["meta"] for stage in stages if stage["meta"]] == [{"timeout": 60}]
    Path("top.txt").unlink()
    Path("low.txt").unlink()
    Path("low.txt").write_text("other")
    clean = {stage.name: stage.clean for stage in graph.read()}
    assert clean == {name: name == "alone" for name in names}


BROKEN: dict[str, tuple[str, str]] = {
    "dvc.yaml is no YAML": ("dvc.yaml", "stages: [ {"),
    "dvc.yaml has an unknown key": ("dvc.yaml", "stages: {a: {cmd: 'true', bogus: 1}}"),
    "dvc.yaml names a param that is not there": ("dvc.yaml", "stages: {a: {cmd: 'c ${nope}'}}"),
    "dvc.lock is no YAML": ("dvc.lock", "stages: [ {"),
    "params.yaml is no YAML": ("params.yaml", "k: ["),
}


@pytest.mark.parametrize(("name", "text"), BROKEN.values(), ids=BROKEN)
def test_a_repository_that_cannot_be_read_is_the_user_s_error(toy, name, text):
    Path(name).write_text(text)
    with pytest.raises(UserError, match=f"dvc: .*{name}"):
        graph.read()


@pytest.mark.parametrize("left", ["", "stages: [ {\n", "schema: '2.0'\nstages: {}"])
def test_where_dvc_lock_is_torn_the_remedy_is_told(toy, left):
    LOCK.write_text(left)
    with pytest.raises(UserError, match=r"(?s)dvc\.lock.*run `python -m flows\.doctor`"):
        graph.read()


@pytest.mark.trial(
    "stops",
    "a kill before, in and after DVC's record of a stage, dvc.lock's write among it",
    "dvc.lock is the old or the new one, run again it ends as if never killed",
)
@pytest.mark.parametrize(
    "place",
    ["running make", "recording make", "recorded make"],
)
def test_killed_while_dvc_records_it_ends_as_if_never_killed(toy, monkeypatch, place):
    main(["make"])
    old = LOCK.read_bytes()
    set_k(2)
    main(["make"])
    new, out = LOCK.read_bytes(), Path("out.txt").read_bytes()
    LOCK.write_bytes(old)
    shutil.rmtree(".dvc/cache/runs")
    monkeypatch.setenv("ONECYCLE_FAULT", f"{place}=kill")
    assert repro("make").returncode == -signal.SIGKILL
    monkeypatch.delenv("ONECYCLE_FAULT")
    assert LOCK.read_bytes() == (new if place == "recorded make" else old)
    assert main(["make"]) in (Outcome.COMPLETED, Outcome.RESTORED, Outcome.CACHED)
    assert (LOCK.read_bytes(), Path("out.txt").read_bytes()) == (new, out)


STOPPABLE = """
import signal, sys, time
def save(number, _):
    time.sleep(0.5)
    open("saved", "w").close()
    sys.exit(130)
signal.signal(signal.SIGINT, save)
open("runs", "a").write("run\\n")
time.sleep(0 if "saved" in __import__("os").listdir() else 60)
open("out.txt", "w").close()
"""


@pytest.mark.trial(
    "stops",
    "Ctrl-C on plain `dvc repro` (sh, bash)",
    "the stage ends in order, nothing is recorded, nothing is left, the next one goes on",
)
@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_ctrl_c_on_plain_dvc_reaches_the_stage(toy, until, workers, monkeypatch, shell):
    monkeypatch.setenv("SHELL", shell)
    Path("make.py").write_text(STOPPABLE)
    with subprocess.Popen(
        ["dvc", "repro"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        until(runs)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(10) != 0
    assert Path("saved").exists()
    assert workers() == []
    assert recorded() is None
    dvc("repro")
    assert recorded() is not None
    assert runs() == 2


def test_a_missing_dvc_yaml_is_the_user_s_error(toy):
    Path("dvc.yaml").unlink()
    with pytest.raises(UserError, match=r"dvc\.yaml"):
        graph.read()


def test_a_folder_outside_of_any_repository_is_the_user_s_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", os.fspath(tmp_path.parent))
    with pytest.raises(UserError, match="dvc: "):
        graph.read()


def test_a_run_reads_the_graph_in_a_process_of_its_own(toy, tmp_path, monkeypatch):
    assert pipeline.read(os.environ) == graph.read() != []
    (toy / "dvc.yaml").write_text("stages: 1")
    with pytest.raises(UserError, match="dvc"):
        pipeline.read(os.environ)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"flows\.graph ended with status 1"):
        pipeline.read(os.environ)
