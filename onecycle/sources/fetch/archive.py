"""The members of a zip, tar or tar.gz, seen alike."""

import gzip
import io
import itertools
import lzma
import stat
import struct
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
ZIP_HEADER = 30  # bytes before each member's name (APPNOTE.TXT, 4.3.7)
UTF8 = 1 << 11  # the flag of a name that is UTF-8 (4.4.4); others are read as code page 437
ENTRIES = 1_000_000  # the most members
SMALL = 64 << 20  # bytes: up to here any ratio will do
RATIO = 100  # the most bytes that one packed byte may become; a table of numbers has about 10
LARGEST = 1 << 40  # bytes of all members
FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "device, pipe or the like"
# What listing and reading raise when the bytes are wrong, or encrypted.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    lzma.LZMAError,
    EOFError,
    ValueError,
    ArithmeticError,
    LookupError,
    RuntimeError,
)


class ExcessError(Exception):
    """An archive would become more than is allowed."""


@dataclass(frozen=True)
class Member:
    """One entry of an archive.

    Args:
        name: as the archive has it.
        kind: `FILE`, `FOLDER`, `LINK` or `OTHER`.
        size: of a file, in bytes, as the archive tells it.
        open: opens a file's bytes.
    """

    name: str
    kind: str
    size: int
    open: Callable[[], IO[bytes]]


@contextmanager
def members(archive: Path) -> Iterator[list[Member]]:
    """Lists an archive's members; they can be opened until the context ends.

    Raises:
        OSError: the file cannot be read.
        ExcessError: there are too many members, or too many bytes in them, to be meant well.
        Exception: one of `DAMAGE`: it is no whole archive.
    """
    most = allowance(archive)
    with archive.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic in (b"PK\3\4", b"PK\5\6"):
            with zipfile.ZipFile(file) as packed:
                _check_zip(packed)
                found = [_zip_member(packed, entry) for entry in packed.infolist()]
                _check_sizes(found, most)
                yield found
        elif magic.startswith(b"\x1f\x8b"):
            with gzip.open(file) as unzipped, _tar_members(cast(BinaryIO, unzipped), most) as found:
                yield found
        else:
            with _tar_members(file, most) as found:
                yield found


def allowance(archive: Path) -> int:
    """The most bytes that an archive may become."""
    return min(LARGEST, max(SMALL, RATIO * archive.stat().st_size))


def _check_sizes(found: list[Member], most: int) -> None:
    """Refuses what would become too much."""
    if len(found) > ENTRIES:
        raise ExcessError(f"it has more than {ENTRIES:,} members")
    if (size := sum(member.size for member in found)) > most:
        raise ExcessError(f"it would become {size:,} bytes; {most:,} are allowed for its size")


class Bounded(io.RawIOBase):
    """A stream for tarfile that goes no further than allowed, and reads no header of many bytes.

    tarfile itself would read gigabytes into memory where a header says that its value is so long.

    Args:
        stream: may be read and sought.
        most: how far it may be read, in bytes.
    """

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self.stream, self.most = stream, most

    def read(self, size: int = -1) -> bytes:
        """Reads at most so many bytes, `CHUNK` at most."""
        if not 0 <= size <= CHUNK:
            raise ExcessError(f"one of its headers would be {size:,} bytes long")
        found = self.stream.read(size)
        self._check(self.stream.tell())
        return found

    def seek(self, offset: int, whence: int = 0) -> int:
        """Goes to an offset from the start."""
        self._check(offset)
        return self.stream.seek(offset, whence)

    def tell(self) -> int:
        """Where it is."""
        return self.stream.tell()

    def _check(self, offset: int) -> None:
        if offset > self.most:
            why = f"it would become {offset:,} bytes or more"
            raise ExcessError(f"{why}; {self.most:,} are allowed for its size")


@contextmanager
def _tar_members(stream: BinaryIO, most: int) -> Iterator[list[Member]]:
    """Lists a tar's members. Reads all of `stream`, so that gzip checks its sum."""
    bounded = cast(BinaryIO, Bounded(stream, most))
    with tarfile.open(fileobj=bounded, mode="r:") as tar:
        found: list[Member] = []
        size = end = 0
        while entry := tar.next():
            if entry.size < 0 or tar.offset <= end:
                raise tarfile.ReadError("a member has a size below 0")  # it would be read for ever
            end = tar.offset
            found.append(_tar_member(tar, entry))
            size += entry.size
            if len(found) > ENTRIES or size > most:
                _check_sizes(found, most)
        stream.seek(tar.offset)
        if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            # tarfile takes a header that is damaged or cut for the end
            raise tarfile.ReadError("its list of members breaks off")
        while bounded.read(CHUNK):
            pass
        yield found


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
    return Member(entry.name, kind, entry.size, lambda: cast(IO[bytes], tar.extractfile(entry)))


def _check_zip(packed: zipfile.ZipFile) -> None:
    """Refuses members that share packed bytes, and ways of packing that read without bounds."""
    entries = sorted(packed.infolist(), key=lambda entry: entry.header_offset)
    starts = [*(entry.header_offset for entry in entries), packed.start_dir]
    for entry, (start, following) in zip(entries, itertools.pairwise(starts), strict=True):
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise zipfile.BadZipFile(f"{entry.filename!r} is neither stored nor deflated")
        if start + ZIP_HEADER + entry.compress_size > following:
            raise zipfile.BadZipFile(f"{entry.filename!r} overlaps what follows it")


def _zip_member(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Member:
    """One entry of a zip; only one written on Unix tells its kind."""
    kinds = {0: FILE, stat.S_IFREG: FILE, stat.S_IFDIR: FOLDER, stat.S_IFLNK: LINK}
    kind = kinds.get(stat.S_IFMT(entry.external_attr >> 16), OTHER)
    if kind == FILE and entry.filename.endswith("/"):  # is_dir fails where the name is empty
        kind = FOLDER
    return Member(_zip_name(entry), kind, entry.file_size, partial(packed.open, entry))


def _zip_name(entry: zipfile.ZipInfo) -> str:
    """A member's name: UTF-8 if it can be, as macOS and Linux write it without the flag."""
    name = entry.orig_filename  # `filename` ends at a NUL
    if entry.flag_bits & UTF8:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name
