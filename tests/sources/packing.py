"""Packs archives, well or badly, and what must hold when one is refused."""

import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from onecycle.errors import UserError
from onecycle.sources.fetch.extract import extract

SETUID = 0o4777
Entry = tuple[str, bytes | None]  # a folder has no bytes


def pack_tar(path: Path, entries: Sequence[Entry], gz: bool = False) -> Path:
    with tarfile.open(path, "w:gz" if gz else "w") as tar:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.mtime = SETUID, 1
            if data is None:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def pack_gz(path: Path, entries: Sequence[Entry]) -> Path:
    return pack_tar(path, entries, gz=True)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def pack_zip(path: Path, entries: Sequence[Entry]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = SETUID << 16
            if data is None:
                info.filename += "/"
            packed.writestr(info, data or b"", zipfile.ZIP_DEFLATED)
    return path


PACKERS = [pack_zip, pack_tar, pack_gz]
packers = pytest.mark.parametrize("pack", PACKERS)


def content(folder: Path) -> dict[str, bytes | None]:
    return {
        path.relative_to(folder).as_posix(): None if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


def files(folder: Path) -> dict[str, bytes | None]:
    return {name: data for name, data in content(folder).items() if data is not None}


def refused(place: Path, archive: Path, *said: str) -> None:
    """Unpacks into a new folder and into one that is there; both times nothing may change."""
    before = content(place)
    for name in ("raw", "new"):
        with pytest.raises(UserError) as caught:
            extract(archive, place / "out" / name)
        for text in (str(archive), *said):
            assert text in str(caught.value)
        assert content(place) == before
