"""What is fuzzed: each target takes any bytes, and raises only what its reader's docstring tells.

A target is a function of the bytes and of a file that it may write; its seeds are bytes that are
good, or nearly so, from which the fuzzer starts. Nothing here needs the fuzzer.
"""

import gzip
import io
import math
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from onecycle.errors import UserError
from onecycle.items import biwi, files, voc
from onecycle.items.table import Reading, items_table
from onecycle.sources.fetch import archive, extract

MOST = 1 << 16  # bytes read of each member of an archive


@dataclass(frozen=True)
class Target:
    """One reader under test.

    Attributes:
        run: tries some bytes; any exception is a finding.
        seeds: bytes to start from.
        words: pieces of the format, which the fuzzer puts in.
    """

    run: Callable[[bytes, Path], None]
    seeds: Callable[[], Iterator[bytes]]
    words: tuple[bytes, ...] = ()


def poses(data: bytes, file: Path) -> None:
    """A camera calibration and a pose, parted by a NUL: no pixel, or two finite numbers."""
    calibration, _, pose = data.partition(b"\0")
    try:
        file.write_bytes(calibration)
        camera = biwi.read_camera(file)
        file.write_bytes(pose)
        pixel = camera.project(*biwi.read_centre_mm(file))
    except ValueError:
        return
    if len(pixel) != 2 or not all(map(math.isfinite, pixel)):
        raise AssertionError(f"{pixel} is no pixel")


def annotations(data: bytes, file: Path) -> None:
    """A VOC annotation: names of objects, sorted and no longer than the file, or a reason."""
    file.write_bytes(data)
    try:
        labels = voc.labels(file)
    except ValueError:
        return
    if labels != sorted(set(labels) - {""}) or sum(map(len, labels)) > len(data):
        raise AssertionError(f"{labels} are no labels")


def archives(data: bytes, file: Path) -> None:
    """A zip, tar or tar.gz: its members, each placed inside the folder, and their bytes."""
    file.write_bytes(data)
    try:
        with archive.members(file) as found:
            for path, member in extract._placed(file, found):
                if path.is_absolute() or ".." in path.parts:
                    raise AssertionError(f"{path} leads out")
                if member.kind == archive.FILE:
                    with member.open() as content:
                        content.read(MOST)
    except (*archive.DAMAGE, archive.ExcessError, OSError, UserError):
        return


def lists(data: bytes, file: Path) -> None:
    """A list of names, as `files` reads it and as VOC's ImageSets are read."""
    folder = file.parent / "lists"
    names = folder / "ImageSets" / "Main" / "train.txt"
    names.parent.mkdir(parents=True, exist_ok=True)
    names.write_bytes(data)
    try:
        files.read_lists(folder, {"train": "ImageSets/Main/train.txt"}, Reading())
    except UserError:
        pass
    try:
        reading = voc.read(folder, voc.Params(reader="voc", path="."))
        items_table(reading.rows, "multicategory", pair=False)
    except UserError:
        return
    if reading.rows:
        raise AssertionError(f"{reading.rows}: there are no pictures")


def _poses() -> Iterator[bytes]:
    camera = b"575.8 0 320 \n0 575.8 240 \n0 0 1 \n\n0 0 0 0 0 \n"
    pose = b"0.9 0.1 0.2 \n-0.1 0.9 0.3 \n-0.2 0.3 0.9 \n\n88.1 -31.4 998.2 \n"
    yield camera + b"\0" + pose
    yield b"1e308 0 1e308\n0 1 0\n0 0 1\0 1e9 1 1e-300"


def _annotations() -> Iterator[bytes]:
    one = b"<object><name>dog</name><difficult>%d</difficult><part><name>a</name></part></object>"
    yield b"<annotation>" + one % 0 + one % 1 + b"</annotation>"
    yield b'<?xml version="1.0" encoding="utf-16"?><annotation/>'
    yield b'<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d SYSTEM "file:///e">]><a>&b;&d;</a>'
    yield b"<a>" * 1100 + b"</a>" * 1100


def _archives() -> Iterator[bytes]:
    entries = {"photos/a.jpg": b"a" * 200, "photos/b/c.txt": b"c", "__MACOSX/d": b"d"}
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", method) as made:
            for name, content in entries.items():
                made.writestr(zipfile.ZipInfo(name), content, method)
        yield packed.getvalue()
    for style in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=style) as tar:
            for name, content in ({"é" * 30 + "/" + "a" * 60: b"long"} | entries).items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            link = tarfile.TarInfo("link")
            link.type, link.linkname = tarfile.SYMTYPE, "../out"
            tar.addfile(link)
        yield packed.getvalue()
        yield gzip.compress(packed.getvalue(), mtime=0)


def _lists() -> Iterator[bytes]:
    yield "# a comment\ncat_1 1 1 1\n\nhund_2\tü\n000005  -1\n".encode()
    yield b"\xef\xbb\xbfa\r\n/etc/hostname\n../../b\n" + b"c" * 300


TARGETS = {
    "poses": Target(poses, _poses, (b"nan", b"-inf", b"1e309", b"1_0", b"\n", b" ", b"\0", b"e-")),
    "annotations": Target(
        annotations,
        _annotations,
        (b"<object>", b"<name>", b"</name>", b"<difficult>", b"<!ENTITY", b"<!DOCTYPE", b"&b;",
         b"<![CDATA[", b"]]>", b"<?xml", b"encoding=", b"utf-16", b"xmlns:a="),
    ),
    "archives": Target(
        archives,
        _archives,
        (b"PK\3\4", b"PK\1\2", b"PK\5\6", b"\x1f\x8b\x08", b"ustar\0", b"path=", b"../", b"size="),
    ),
    "lists": Target(lists, _lists, (b"#", b"\n", b"/", b"..", b"\0", b"\xc3\xa4", b"\x85")),
}  # fmt: skip
