"""Sources on disks that are full, read-only or gone."""

import os
import subprocess
import sys

import pytest
from packing import pack_tar, pack_zip
from serving import BODY, SHA256

from onecycle.errors import DiskError, UserError
from onecycle.paths import whole
from onecycle.sources.fetch import disk as spared
from onecycle.sources.fetch.download import fetch
from onecycle.sources.fetch.extract import extract
from onecycle.sources.folder import copy_folder

FULL = r"cannot be written \(No space left on device\): [\d,]+ bytes or more are needed, [\d,]+ are"
NOISE = os.urandom(3_000_000)


@pytest.fixture
def small(disk, monkeypatch):
    """A disk of which no byte is spared, so that it really fills up."""
    monkeypatch.setattr(spared, "SPARE", -(1 << 40))
    (disk / "kept").write_bytes(b"kept")
    return disk


@pytest.mark.trial("disk", "a real disk of 2 MB that fills up while a download comes",
                   "path, bytes and remedy told; what was there stays")  # fmt: skip
def test_a_download_that_does_not_fit_is_told(small, server):
    with pytest.raises(DiskError, match=f"a.tgz: {FULL}"):
        fetch(f"{server.url}/a.tgz", small, checksum=SHA256, size=len(BODY))
    assert not (small / "a.tgz").exists() and (small / "kept").read_bytes() == b"kept"


@pytest.mark.trial("disk", "a disk that is read-only when a download comes", "told in words")
def test_a_download_to_a_read_only_disk_is_told(small, server):
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    with pytest.raises(DiskError, match=r"a.tgz: cannot be written \(Read-only file system\)"):
        fetch(f"{server.url}/a.tgz", small / "new", checksum=SHA256)


@pytest.mark.trial("disk", "a real disk of 2 MB that fills up while an archive is unpacked",
                   "path, bytes and remedy told; nothing is left")  # fmt: skip
@pytest.mark.parametrize("pack", [pack_tar, pack_zip])
def test_an_archive_that_does_not_fit_is_told(small, tmp_path, pack):
    packed = pack(tmp_path / "packed", [("a", NOISE[:99]), ("b/c", NOISE)])
    with pytest.raises(DiskError, match=f"raw: {FULL}"), whole(small / "raw") as partial:
        extract(packed, partial)
    assert [each.name for each in small.iterdir()] == ["kept"]


@pytest.mark.trial("disk", "a real disk of 2 MB that fills up while a folder is copied",
                   "path, bytes and remedy told; nothing is left")  # fmt: skip
def test_a_folder_that_does_not_fit_is_told(small, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "a").write_bytes(NOISE)
    with pytest.raises(DiskError, match=f"raw: {FULL}"), whole(small / "raw") as partial:
        copy_folder(tmp_path / "own", partial)
    assert [each.name for each in small.iterdir()] == ["kept"]


def test_what_a_killed_process_unpacked_goes_with_the_next_try(tmp_path):
    packed = pack_tar(tmp_path / "packed", [("a", b"a")])
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    raw = f".raw.{dead.pid}.partial"
    for name in (raw, f".{raw}.{dead.pid}.partial"):
        (tmp_path / name).mkdir()
    with whole(tmp_path / "raw") as partial:
        extract(packed, partial)
    assert {each.name for each in tmp_path.iterdir()} == {"packed", "raw"}


def test_what_can_t_be_read_is_not_told_as_what_can_t_be_written(tmp_path, monkeypatch):
    packed = pack_tar(tmp_path / "packed", [("a", b"a")])

    def failing(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("onecycle.sources.fetch.extract._write", failing)
    with pytest.raises(UserError, match=r"packed: cannot be unpacked into .*Input/output"):
        extract(packed, tmp_path / "raw")
