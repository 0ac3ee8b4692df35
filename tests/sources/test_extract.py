"""Archives from outside: good ones come out whole, hostile and damaged ones not at all."""

import gzip
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from packing import content, files, pack_gz, pack_tar, pack_zip, packers, refused

from onecycle.errors import UserError
from onecycle.sources.fetch import extract as module
from onecycle.sources.fetch.extract import extract

GOOD = {"pets/images/a.jpg": b"a" * 3_000_000, "pets/list.txt": b"", "readme": b"read me"}


@packers
def test_unpacks_whatever_the_name(place, pack):
    archive = pack(place / "any.name", [*GOOD.items(), ("pets/empty", None)])
    new = place / "far" / "away" / "new"
    extract(archive, new)
    folders = {"pets": None, "pets/images": None, "pets/empty": None}
    assert content(new) == {**GOOD, **folders}
    assert list(new.parent.iterdir()) == [new]

    extract(archive, place / "out" / "raw")
    assert content(place / "out" / "raw") == {**GOOD, **folders, "pets/kept": b"kept"}
    assert list((place / "out").iterdir()) == [place / "out" / "raw"]


@packers
def test_modes_and_times_are_not_kept(place, pack):
    old = os.umask(0o022)
    try:
        extract(pack(place / "a", [("d/x", b"x"), ("e", None)]), place / "new")
    finally:
        os.umask(old)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (place / "new").rglob("*")}
    assert modes == {"d": 0o755, "x": 0o644, "e": 0o755}
    assert stat.S_IMODE((place / "new").stat().st_mode) == 0o755
    assert (place / "new" / "d" / "x").stat().st_mtime > 1_000_000_000


@packers
def test_dots_and_repeated_folders_are_harmless(place, pack):
    entries = [("./", None), ("./a", None), ("a", None), ("./a//b", b"b"), ("a/./c..", b"c")]
    extract(pack(place / "a", entries), place / "new")
    assert files(place / "new") == {"a/b": b"b", "a/c..": b"c"}


class Unflagged(zipfile.ZipInfo):
    """Its name is UTF-8, and no flag says so: as macOS packs."""

    def _encodeFilenameFlags(self):
        return self.filename.encode(), self.flag_bits


class Dos(zipfile.ZipInfo):
    """Its name is in code page 437."""

    def _encodeFilenameFlags(self):
        return self.filename.encode("cp437"), self.flag_bits


@pytest.mark.trial("names", "a zip's names with accents, in UTF-8 or not, flagged or not", "kept")
@pytest.mark.parametrize("info", [zipfile.ZipInfo, Unflagged, Dos])
def test_names_in_a_zip_keep_their_accents(place, info):
    with zipfile.ZipFile(place / "a", "w") as packed:
        packed.writestr(info("Café/élan.jpg"), b"x")
    extract(place / "a", place / "new")
    assert files(place / "new") == {"Café/élan.jpg": b"x"}


@packers
def test_leaves_out_what_macos_adds(place, pack):
    extra = ["__MACOSX/pets/._a.jpg", "pets/.DS_Store", "pets/._a.jpg", "pets/._A.jpg"]
    archive = pack(place / "a", [("pets/.hidden", b"h"), *((name, b"mac") for name in extra)])
    extract(archive, place / "new")
    assert content(place / "new") == {"pets": None, "pets/.hidden": b"h"}


def test_a_tar_that_ends_in_a_zip_is_a_tar(place):
    inner = pack_zip(place / "inner.zip", [("inside", b"")]).read_bytes()
    extract(pack_tar(place / "a", [("inner.zip", inner)]), place / "new")
    assert content(place / "new") == {"inner.zip": inner}


UNSAFE = {
    "absolute": [("/etc/x", b"")],
    "two slashes": [("//x", b"")],
    "upwards": [("../x", b"")],
    "upwards within": [("a/../../x", b"")],
    "upwards at the end": [("a/..", None)],
    "upwards and ignored": [("__MACOSX/../../x", b"")],
    "drive": [("C:x", b"")],
    "drive and slash": [("c:/x", b"")],
    "backslash": [("..\\x", b"")],
    "backslash within": [("a\\..\\x", b"")],
    "same file twice": [("a", b"1"), ("a", b"1")],
    "same file, written otherwise": [("a/b", b""), ("./a//b", b"")],
    "case": [("a/b", b""), ("a/B", b"")],
    "case of a folder": [("a/b", b""), ("A/c", b"")],
    "case of an empty folder": [("a", None), ("A", None)],
    "accents": [("caf\u00e9", b""), ("cafe\u0301", b"")],
    "file and folder": [("a", b""), ("a/b", b"")],
    "folder and file": [("a/b", b""), ("a", b"")],
    "empty folder and file": [("a", None), ("a", b"")],
    "the folder itself": [(".", b"")],
}


@packers
@pytest.mark.parametrize("entries", UNSAFE.values(), ids=UNSAFE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.trial(
    "archives", "a name that leaves the folder, or clashes", "refused, 0 bytes written"
)
def test_refuses_unsafe_names(place, pack, entries):
    archive = pack(place / "hostile", [("first", b"1"), *entries, ("last", b"2")])
    refused(place, archive, repr(entries[-1][0])[:-1], "nothing was unpacked")


@packers
def test_refuses_a_file_that_would_be_the_folder(place, pack):
    refused(place, pack(place / "hostile", [(".", b"")]), "member '.'", "nothing was unpacked")


@pytest.mark.trial("archives", "a NUL in a name", "refused, 0 bytes written")
def test_refuses_a_nul_in_a_name(place):
    archive = pack_zip(place / "hostile", [("first", b"1"), ("a.jpg-..", b"")])
    archive.write_bytes(archive.read_bytes().replace(b"a.jpg-", b"a.jpg\0"))
    refused(place, archive, "'a.jpg\\x00..'", "NUL")


TAR_KINDS = {
    "symlink": (tarfile.SYMTYPE, "link"),
    "hardlink": (tarfile.LNKTYPE, "link"),
    "char device": (tarfile.CHRTYPE, "device"),
    "block device": (tarfile.BLKTYPE, "device"),
    "pipe": (tarfile.FIFOTYPE, "pipe"),
}


@pytest.mark.trial("archives", "tar: links, devices and pipes", "refused, 0 bytes written")
@pytest.mark.parametrize("target", ["first", "/etc/passwd", "../.."])
@pytest.mark.parametrize(("kind", "said"), TAR_KINDS.values(), ids=TAR_KINDS)
def test_refuses_tars_with_other_kinds(place, kind, said, target):
    archive = pack_tar(place / "hostile", [("first", b"1")])
    with tarfile.open(archive, "a") as tar:
        info = tarfile.TarInfo("evil")
        info.type, info.linkname = kind, target
        tar.addfile(info)
    refused(place, archive, "'evil'", said, "expected a file or folder")


@pytest.mark.trial("archives", "zip: links, devices and pipes", "refused, 0 bytes written")
@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO])
@pytest.mark.parametrize("name", ["evil", "evil/"])
def test_refuses_zips_with_other_kinds(place, kind, name):
    archive = pack_zip(place / "hostile", [("first", b"1")])
    with zipfile.ZipFile(archive, "a") as packed:
        info = zipfile.ZipInfo(name)
        info.external_attr = (kind | 0o777) << 16
        packed.writestr(info, "" if name.endswith("/") else "/etc/passwd")
    said = "link" if kind == stat.S_IFLNK else "device, pipe"
    refused(place, archive, repr(name), said, "expected a file or folder")


@pytest.mark.trial("archives", "cut off anywhere", "refused, 0 bytes written")
@packers
@pytest.mark.parametrize("share", [0.0, 0.001, 0.2, 0.5, 0.9, 0.999])
def test_refuses_cut_archives(place, pack, share):
    noise = os.urandom(100_000)
    whole = pack(place / "whole", [(f"{n}.jpg", noise) for n in range(5)]).read_bytes()
    if pack is pack_tar:
        whole = whole.rstrip(b"\0")  # the padding after the end may go
    archive = place / "cut"
    archive.write_bytes(whole[: int(len(whole) * share)])
    refused(place, archive, "cannot be unpacked", "fetch it again")


@pytest.mark.trial("archives", "cut off at a header", "refused, 0 bytes written")
@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("extra", [0, 100], ids=["before a header", "within a header"])
def test_refuses_tars_cut_at_a_header(place, gz, extra):
    """Here tarfile sees nothing amiss."""
    tar = pack_tar(place / "whole", [("a", b"1" * 512), ("b", b"2" * 512)]).read_bytes()
    cut = tar[: 1024 + extra]
    archive = place / "cut"
    archive.write_bytes(gzip.compress(cut, mtime=0) if gz else cut)
    refused(place, archive, "breaks off", "fetch it again")


@pytest.mark.trial("archives", "damaged bytes", "refused, 0 bytes written")
@packers
def test_refuses_damaged_bytes(place, pack):
    archive = pack(place / "damaged", [("a", os.urandom(100_000)), ("b", b"b" * 999)])
    data = bytearray(archive.read_bytes())
    at = len(data) // 2 if pack is not pack_tar else 512 + 100_352 + 150  # b's header
    data[at] ^= 0xFF
    archive.write_bytes(data)
    refused(place, archive, "cannot be unpacked", "fetch it again")


@pytest.mark.trial("archives", "damaged bytes", "refused, 0 bytes written")
def test_refuses_a_wrong_gzip_sum(place):
    archive = pack_gz(place / "damaged", [("a", b"a")])
    data = bytearray(archive.read_bytes())
    data[-8] ^= 1
    archive.write_bytes(data)
    refused(place, archive, "CRC")


@pytest.mark.trial("archives", "no archive at all", "refused, 0 bytes written")
@pytest.mark.parametrize(
    "data",
    [b"", b"<html>not found</html>", gzip.compress(b"text", mtime=0), b"PK\3\4", b"\x1f\x8b"],
)
def test_refuses_what_is_no_archive(place, data):
    archive = place / "page.tgz"
    archive.write_bytes(data)
    refused(place, archive, "expected a whole zip, tar or tar.gz")


@pytest.mark.trial("archives", "a zip with a password", "refused, 0 bytes written")
def test_refuses_an_encrypted_zip(place):
    archive = pack_zip(place / "locked", [("a", b"a")])
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # the flag, in the local header and the directory
    data[data.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(data)
    refused(place, archive, "encrypted", "without a password")


def test_a_missing_archive(place):
    refused(place, place / "none.tgz", "No such file")


@packers
def test_archives_share_a_folder(place, pack):
    """As VOC's two tars do; a file in both must be the same."""
    first = pack(place / "1", [("VOC/2007/1.jpg", b"1"), ("VOC/both", b"same")])
    second = pack(place / "2", [("VOC/2012/2.jpg", b"2"), ("VOC/both", b"same")])
    extract(first, place / "new")
    extract(second, place / "new")
    expected = {"VOC/2007/1.jpg": b"1", "VOC/2012/2.jpg": b"2", "VOC/both": b"same"}
    assert files(place / "new") == expected
    assert not [path for path in place.iterdir() if path.name.startswith(".")]


@pytest.mark.trial(
    "archives", "would change what another archive brought", "refused, 0 bytes written"
)
@pytest.mark.parametrize(
    "entry", [("pets/kept", b"soft"), ("pets", b"file"), ("pets/kept/folder", b"")]
)
def test_refuses_to_change_what_is_there(place, entry):
    archive = pack_tar(place / "a", [("a", b"a"), entry, ("z", b"z")])
    before = content(place)
    with pytest.raises(UserError, match="is there already") as caught:
        extract(archive, place / "out" / "raw")
    assert str(archive) in str(caught.value)
    assert str(place / "out" / "raw" / "pets") in str(caught.value)
    assert content(place) == before


def test_equal_size_and_time_are_not_equal_bytes(place, monkeypatch):
    def write_at_one(member, path, write=module._write):
        write(member, path)
        os.utime(path, (1, 1))

    monkeypatch.setattr(module, "_write", write_at_one)
    os.utime(place / "out" / "raw" / "pets" / "kept", (1, 1))
    archive = pack_tar(place / "a", [("pets/kept", b"soft")])
    with pytest.raises(UserError, match="is there already"):
        extract(archive, place / "out" / "raw")


def test_takes_everything_out_when_moving_in_fails(place, monkeypatch):
    rename, calls = Path.rename, []

    def fail_at_the_third(source, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError("disk is gone")
        return rename(source, target)

    archive = pack_tar(place / "a", [("1/x", b""), ("pets/2", b""), ("z", b"")])
    before = content(place)
    monkeypatch.setattr(Path, "rename", fail_at_the_third)
    with pytest.raises(UserError, match="disk is gone"):
        extract(archive, place / "out" / "raw")
    assert len(calls) == 3
    assert content(place) == before


def test_checks_all_before_writing_any(place, monkeypatch):
    monkeypatch.setattr(module, "_write", lambda *_: pytest.fail("wrote"))
    archive = pack_tar(place / "a", [("a", b"a"), ("../x", b"")])
    refused(place, archive, "leads upwards")
