"""`python -m flows.doctor`: damage is named and goes, what is held or whole stays."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows import cached, doctor, graph
from flows.repro import main as repro
from flows.stage import Outcome

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep:DeprecationWarning")
OUT, LOCK = Path("out.txt"), Path("dvc.lock")
WHOLE = "all is whole"


@pytest.fixture
def run(toy, capsys):
    """Runs the doctor; gives its status and what it said."""

    def run(*options: str) -> tuple[int, str]:
        capsys.readouterr()
        status = doctor.main(list(options))
        return status, capsys.readouterr().out

    return run


def stored() -> list[Path]:
    """The objects in DVC's cache."""
    return sorted(Path(".dvc/cache/files/md5").glob("*/*"))


def flip(path: Path) -> None:
    """Changes a byte in place; size and time stay, as when a disk's block rots."""
    stat = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))
    path.chmod(stat.st_mode)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


FOLDER = """
stages:
  make:
    cmd: mkdir -p out; cat in.txt > out/a; cat folder/a.txt > out/b
    deps: [in.txt, folder]
    outs: [out]
"""


@pytest.mark.trial(
    "rot",
    "a byte flipped in DVC's cache, size and time kept (hardlink, symlink, copy; file, folder)",
    "`flows.doctor` names and removes it, the next run gives the same bytes",
)
@pytest.mark.parametrize("link", ["hardlink", "symlink", "copy"])
@pytest.mark.parametrize("folder", [False, True])
def test_a_damaged_object_and_the_outputs_that_came_from_it_are_made_anew(run, link, folder):
    with Path(".dvc/config").open("a") as file:
        file.write(f"[cache]\n    type = {link}\n")
    out = OUT
    if folder:
        Path("dvc.yaml").write_text(FOLDER)
        out = Path("out/a")
    assert repro(["make"]) == Outcome.COMPLETED
    before, lock, objects = out.read_bytes(), LOCK.read_bytes(), stored()
    assert out.is_symlink() == (link == "symlink")
    assert run()[1].endswith(f"{WHOLE}\n")
    (found,) = [each for each in objects if each.read_bytes() == before]
    flip(found)
    assert not found.read_bytes() == before
    status, said = run("--dry")
    assert found.exists() and f"would be: {found.absolute()}" in said
    status, said = run()
    assert status == 0
    assert str(found) in said and WHOLE not in said
    assert not found.exists()
    assert out.exists() == (link == "copy")  # then the one in the tree is whole
    assert [each.clean for each in graph.read()] == [False]
    assert repro(["make"]) == Outcome.COMPLETED
    assert (out.read_bytes(), LOCK.read_bytes(), stored()) == (before, lock, objects)
    assert WHOLE in run()[1]


@pytest.mark.trial(
    "rot",
    "a byte flipped in an output that is a copy, size and time kept: DVC sees no change",
    "`flows.doctor` names and removes it, DVC's cache restores it",
)
@pytest.mark.parametrize("folder", [False, True])
def test_a_damaged_copy_in_the_tree_is_restored(run, folder):
    with Path(".dvc/config").open("a") as file:
        file.write("[cache]\n    type = copy\n")
    out = OUT
    if folder:
        Path("dvc.yaml").write_text(FOLDER)
        out = Path("out/a")
    repro(["make"])
    before = out.read_bytes()
    flip(out)
    assert [each.clean for each in graph.read()] == [True]
    assert f"{out}: not what dvc.lock says" in run()[1]
    assert repro(["make"]) == Outcome.RESTORED
    assert out.read_bytes() == before


@pytest.mark.trial("rot", "a folder's list in DVC's cache is cut short", "as above")
def test_a_folder_s_damaged_list_is_made_anew(run):
    Path("dvc.yaml").write_text(FOLDER)
    repro(["make"])
    (listed,) = [each for each in stored() if each.suffix == ".dir"]
    listed.chmod(0o644)
    whole = listed.read_bytes()
    listed.write_bytes(whole[:20])
    listed.chmod(0o444)
    assert str(listed) in run()[1]
    assert repro(["make"]) == Outcome.COMPLETED
    assert listed.read_bytes() == whole


def test_what_a_user_changed_is_left_to_dvc(run):
    repro(["make"])
    OUT.unlink()
    OUT.write_text("mine")
    assert WHOLE in run()[1]
    assert OUT.read_text() == "mine"


def test_temporaries_of_dead_processes_go_and_those_of_living_ones_stay(run):
    with subprocess.Popen(["true"]) as ended:
        pass
    mine = [Path("models/p", f".model.json.{os.getpid()}.partial"), Path("data/part.partial")]
    dead = [
        Path("data/p", f".pixels.{ended.pid}.partial"),
        Path(".onecycle/downloads", f".a.{ended.pid}.partial"),
        Path(f".dvc.lock.{ended.pid}.partial"),
    ]
    for each in [*mine, *dead]:
        each.parent.mkdir(parents=True, exist_ok=True)
        each.touch()
    dead[0].unlink()
    dead[0].mkdir()
    (dead[0] / "pixels.u8").touch()
    status, said = run()
    assert status == 0
    assert all(f"{each}: left by" in said for each in map(str, [dead[0], dead[2]]))
    assert [each.exists() for each in [*mine, *dead]] == [True, True, False, False, False]


def test_old_temporaries_of_dvc_go_and_new_ones_stay(run, monkeypatch):
    repro(["make"])
    left = stored()[0].with_name(".abc.tmp")
    left.touch()
    assert WHOLE in run()[1]
    later = time.time() + 2 * cached.OLD_S
    monkeypatch.setattr(time, "time", lambda: later)
    assert str(left) in run()[1]
    assert not left.exists()


HOLD = "import fcntl, os, sys\nfcntl.flock(os.open(sys.argv[1], 0), 2)\nprint(flush=True)\ninput()"


def test_checkpoints_of_problems_that_are_no_more_go_unless_somebody_trains(run):
    Path("params.yaml").write_text("k: 1\nproblems: {pets: {}}\n")
    folders = [Path(".onecycle/checkpoints", each) for each in ("pets/1", "gone/2", "gone/3")]
    for each in folders:
        each.mkdir(parents=True)
    line = [sys.executable, "-c", HOLD, folders[1]]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline()
        run()
        assert [each.exists() for each in folders] == [True, True, False]
        holder.communicate(b"\n")
    assert "gone/2" in run()[1]
    assert [each.exists() for each in folders] == [True, False, False]


def torn(text: bytes) -> list[bytes]:
    """What a kill may leave of a file that is written in place."""
    key = text.rindex(b"md5:")
    return [b"", text[: key + 2], text[: key + 10], text[:-1]]


@pytest.mark.trial(
    "rot",
    "dvc.lock torn by a kill of plain `dvc repro`: empty, cut in a key, cut in a value",
    "`flows.doctor` says so and puts git's in place; all is restored, no stage runs again",
)
@pytest.mark.parametrize("committed", [False, True])
def test_a_torn_dvc_lock_is_mended_and_nothing_runs_again(run, committed, record_property):
    if committed:
        repro(["make"])
        subprocess.run(["git", "add", "dvc.lock"], check=True)
    Path("params.yaml").write_text("k: 2\n")
    repro(["make"])
    whole, out, runs = LOCK.read_bytes(), OUT.read_bytes(), Path("runs").read_bytes()
    cuts = torn(whole)
    for text in cuts:
        LOCK.write_bytes(text)
        status, said = run()
        assert status == 0
        assert "dvc.lock: half written" in said
        assert LOCK.exists() == committed
        assert repro(["make"]) == Outcome.RESTORED
        assert (LOCK.read_bytes(), OUT.read_bytes()) == (whole, out)
    assert Path("runs").read_bytes() == runs
    record_property("tried", len(cuts))


def test_a_conflict_in_dvc_lock_is_left_to_its_owner(run):
    repro(["make"])
    text = b"<<<<<<< HEAD\n" + LOCK.read_bytes() + b"=======\n>>>>>>> other\n"
    LOCK.write_bytes(text)
    status, said = run()
    assert status == 1
    assert "conflict" in said
    assert LOCK.read_bytes() == text


ENDED = (1 << 22, (1 << 22) + 1)  # beyond what Linux gives to processes


def test_holders_that_have_ended_are_dropped_though_another_has_their_number(run):
    repro(["make"])
    path = Path(".dvc/tmp/rwlock")
    one = {"pid": os.getpid(), "cmd": "dvc repro"}
    lists = {"write": {"/a/out.txt": one}, "read": {"/a/in.txt": [one, one]}}
    path.write_text(json.dumps(lists))
    assert WHOLE in run()[1]  # this process lives
    began = psutil.Process().create_time()
    os.utime(path, (began - 60, began - 60))
    assert "held by processes that have ended" in run()[1]
    assert "/a/out.txt" not in path.read_text()
    gone = [one | {"pid": number} for number in ENDED]
    path.write_text(json.dumps({"write": {}, "read": {"/a/in.txt": gone}}))
    assert f"held by processes that have ended: {sorted(ENDED)}" in run()[1]
    assert WHOLE in run()[1]
    with subprocess.Popen([sys.executable, "-c", ""]) as zombie:
        os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)  # it has ended, nobody has asked
        path.write_text(json.dumps({"write": {"/a/out.txt": one | {"pid": zombie.pid}}}))
        assert f"held by processes that have ended: [{zombie.pid}]" in run()[1]
    path.write_text('{"write": {')
    assert "half written" in run()[1]
    assert json.loads(path.read_text() if path.exists() else "{}") == {}
