"""The members of a zip, tar or tar.gz, seen alike."""

import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO, cast

CHUNK = 1 << 20  # bytes
FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "device, pipe or the like"
# What listing and reading raise when the bytes are wrong, or encrypted.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    OverflowError,
    RuntimeError,
)


@dataclass(frozen=True)
class Member:
    """One entry of an archive.

    Args:
        name: as the archive has it.
        kind: `FILE`, `FOLDER`, `LINK` or `OTHER`.
        open: opens a file's bytes.
    """

    name: str
    kind: str
    open: Callable[[], IO[bytes]]


@contextmanager
def members(archive: Path) -> Iterator[list[Member]]:
    """Lists an archive's members; they can be opened until the context ends.

    Raises:
        OSError: the file cannot be read.
        Exception: one of `DAMAGE`: it is no whole archive.
    """
    with archive.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic in (b"PK\3\4", b"PK\5\6"):
            with zipfile.ZipFile(file) as packed:
                yield [_zip_member(packed, entry) for entry in packed.infolist()]
        elif magic.startswith(b"\x1f\x8b"):
            with gzip.open(file) as unzipped, _tar_members(cast(BinaryIO, unzipped)) as found:
                yield found
        else:
            with _tar_members(file) as found:
                yield found


@contextmanager
def _tar_members(stream: BinaryIO) -> Iterator[list[Member]]:
    """Lists a tar's members. Reads all of `stream`, so that gzip checks its sum."""
    with tarfile.open(fileobj=stream, mode="r:") as tar:
        entries = tar.getmembers()
        stream.seek(tar.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            # tarfile takes a header that is damaged or cut for the end
            raise tarfile.ReadError("its list of members breaks off")
        while stream.read(CHUNK):
            pass
        yield [_tar_member(tar, entry) for entry in entries]


def _tar_member(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Member:
    """One entry of a tar."""
    kind = OTHER
    if entry.isreg():
        kind = FILE
    elif entry.isdir():
        kind = FOLDER
    elif entry.issym() or entry.islnk():
        kind = LINK
    # extractfile gives None only for what is no file
    return Member(entry.name, kind, lambda: cast(IO[bytes], tar.extractfile(entry)))


def _zip_member(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Member:
    """One entry of a zip; only one written on Unix tells its kind."""
    kinds = {0: FILE, stat.S_IFREG: FILE, stat.S_IFDIR: FOLDER, stat.S_IFLNK: LINK}
    kind = kinds.get(stat.S_IFMT(entry.external_attr >> 16), OTHER)
    if kind == FILE and entry.filename.endswith("/"):  # is_dir fails where the name is empty
        kind = FOLDER
    # `filename` ends at a NUL, `orig_filename` does not
    return Member(entry.orig_filename, kind, partial(packed.open, entry))
