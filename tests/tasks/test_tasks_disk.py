"""Disks that are full, read-only or gone, at every write of every stage."""

import errno
import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from onecycle import faults
from onecycle.errors import DiskError
from onecycle.paths import sweep, whole, write_json, write_whole
from tasks.__main__ import STAGES, main

ROOT = Path(__file__).parents[2]
NAME = "sample_movielens"
INSIDE = ("pixels", "split", "plots", "pictures", "raw")  # folders that are written as one
STALE = {f"data/{NAME}/{name}.parquet" for name in ("items", "split")}  # go before they are made
FAULTS = ["ENOSPC", "EDQUOT", "EROFS", "EIO", "EFBIG", "ESTALE"]


@pytest.fixture(scope="module")
def passed(tmp_path_factory):
    """A tree that has passed all stages, and the places that each stage passed."""
    tree = tmp_path_factory.mktemp("disk")
    (tree / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    places: dict[str, list[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tree)
        sections = f"problems.{NAME}"
        short = [
            f"{sections}.train.unfrozen={{epochs: 1, lr: 5e-3}}",
            f"{sections}.evaluate.draws=100",
        ]
        assert main(["set", *short]) == 0
        for stage in STAGES:
            record = tree / f"{stage}.places"
            patch.setenv(faults.PASSED, str(record))
            assert main([stage, NAME]) == 0
            places[stage] = sorted({*record.read_text().splitlines()})
            patch.delenv(faults.PASSED)
            record.unlink()
    return tree, places


def outputs(tree: Path) -> dict[str, str]:
    """Everything in the tree, by its content."""
    return {
        str(file.relative_to(tree)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(tree.rglob("*"))
        if file.is_file()
    }


@pytest.mark.trial("disk", "full, over quota, read-only, failing: at every write of every stage",
                   "path, bytes and remedy told; what was there stays; no temporaries")  # fmt: skip
@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_that_fails_at_any_write_is_told_and_harms_nothing(
    passed, monkeypatch, capsys, stage, record_property
):
    tree, places = passed
    monkeypatch.chdir(tree)
    before = outputs(tree)
    begun = [each for each in places[stage] if each.startswith("renaming ")]
    tried = begun[:2] if stage == "evaluate" else begun  # seconds each; all are `whole`'s
    assert begun, places
    for at, place in enumerate(tried):
        name = FAULTS[at % len(FAULTS)]
        faults._passages.clear()
        monkeypatch.setenv(faults.BREAK, f"{place}={name}")
        assert main([stage, NAME]) == 1, place
        monkeypatch.delenv(faults.BREAK)
        said = capsys.readouterr().err
        file = place.removeprefix("renaming ")
        inside = [it for it in INSIDE if f"/{it}: cannot" in said]  # of a folder, which is told
        told = inside[0] if inside else file
        assert f"/{told}: cannot be written ({os.strerror(getattr(errno, name))})" in said
        assert "bytes or more are needed, " in said and " are free on its disk; " in said
        assert not list(tree.rglob(".*.partial"))
        after = outputs(tree)
        assert before.keys() - after.keys() <= STALE
        assert all(after[name] == before[name] for name in after)  # written anew, it is the same
    assert main([stage, NAME]) == 0  # mended, it runs
    assert outputs(tree) == before
    record_property("tried", len(tried))


# ---- what the kernel really says ----


def child(tree: Path, code: str, **options: object) -> subprocess.CompletedProcess[str]:
    head = "from onecycle.paths import *; from onecycle.errors import *; from pathlib import Path\n"
    return subprocess.run(
        [sys.executable, "-c", head + code],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.trial("disk", "a real limit on a file's size (RLIMIT_FSIZE)", "told, nothing is left")
@pytest.mark.parametrize(
    "code",
    [
        "write_whole(Path('big'), b'x' * 2_000_000)",
        "import numpy as np\n"
        "with whole(Path('big')) as it: np.savez(it.open('wb'), np.zeros(10**6))",
        "import torch, safetensors.torch as st\n"
        "with whole(Path('big')) as it: st.save_file({'a': torch.zeros(10**6)}, it)",
        "import pyarrow as pa, pyarrow.parquet as pq, numpy as np\n"
        "rows = pa.table({'a': np.random.default_rng(0).random(10**6)})\n"
        "with whole(Path('big')) as it: pq.write_table(rows, it)",
        "import pandas as pd, numpy as np\nfrom onecycle.foreign import write_csv\n"
        "write_csv(Path('big'), pd.DataFrame({'a': np.random.default_rng(0).random(10**5)}))",
    ],
    ids=["bytes", "npz", "safetensors", "parquet", "csv"],
)
def test_a_limit_of_the_system_is_told(tmp_path, code):
    (tmp_path / "big").write_text("before")
    limit = 1 << 20
    ran = child(
        tmp_path, code, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    assert "DiskError: big: cannot be written (File too large)" in ran.stderr, ran.stderr
    assert "ulimit -f" in ran.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["big"]
    assert (tmp_path / "big").read_text() == "before"


@pytest.mark.trial("disk", "a real disk of 2 MB that fills up", "told in bytes, the old file stays")
def test_a_real_disk_that_is_full(disk):
    write_whole(disk / "kept", b"before" * 100_000)
    with pytest.raises(DiskError, match=r"kept: cannot be written \(No space left on device\): "
                       r"1,600,000 bytes or more are needed, [\d,]+ are free"):  # fmt: skip
        write_whole(disk / "kept", b"x" * 1_600_000)
    assert (disk / "kept").read_bytes() == b"before" * 100_000
    assert [each.name for each in disk.iterdir()] == ["kept"]


@pytest.mark.trial("disk", "a real disk that becomes read-only", "told, the old file stays")
def test_a_real_disk_that_is_read_only(disk):
    write_json(disk / "folder" / "kept.json", {"a": 1})
    with pytest.raises(DiskError, match=r"Read-only file system"), whole(disk / "folder") as it:
        it.mkdir()
        (it / "new").write_text("new")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert (disk / "folder" / "kept.json").read_text() == '{\n  "a": 1\n}\n'


@pytest.mark.trial("disk", "a real disk that is taken away in the middle", "told in words")
def test_a_real_disk_that_vanishes(disk):
    with pytest.raises(DiskError, match="its folder has vanished"), whole(disk / "a" / "new") as it:
        it.write_text("some")
        subprocess.run(["umount", "-l", str(disk)], check=True)
        it.write_text("more")


@pytest.mark.trial("disk", "a folder that may not be written", "told, no traceback")
def test_a_folder_that_may_not_be_written_is_told(tmp_path):
    with (
        pytest.raises(DiskError, match=r"new: cannot be written \(Permission denied\): .* allow"),
        whole(tmp_path / "new") as partial,
    ):
        raise PermissionError(errno.EACCES, "no", str(partial))


# ---- temporaries ----


def test_temporaries_of_processes_that_are_no_more_go_and_others_stay(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = [f".x.{dead.pid}.partial", f".x.old.{dead.pid}.partial", f".y.{dead.pid}.partial"]
    names += [".x.1.partial", ".x.words.partial"]  # of a process that lives; of none
    for name in names:
        (tmp_path / name).mkdir()
    write_whole(tmp_path / "x", "new")
    left = {each.name for each in tmp_path.iterdir()}
    assert left == {"x", f".y.{dead.pid}.partial", ".x.1.partial", ".x.words.partial"}
    sweep(tmp_path)
    assert f".y.{dead.pid}.partial" not in {each.name for each in tmp_path.iterdir()}


def test_a_folder_that_can_t_take_its_name_leaves_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name.endswith(f".{os.getpid()}.partial") and ".old." not in self.name:
            raise OSError(errno.EIO, "broken", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(DiskError), whole(tmp_path / "folder") as partial:
        partial.mkdir()
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["old"]
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_what_a_body_can_t_read_is_not_told_as_what_can_t_be_written(tmp_path):
    with pytest.raises(PermissionError), whole(tmp_path / "x"):
        raise PermissionError(errno.EACCES, "no", "/elsewhere/source")
    with pytest.raises(FileNotFoundError), whole(tmp_path / "x"):
        raise FileNotFoundError(errno.ENOENT, "no", str(tmp_path / "source"))
    assert not list(tmp_path.iterdir())
