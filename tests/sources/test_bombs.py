"""Archives that would become too much, by honest means or not; names that no disk takes."""

import gzip
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packing import content, files, pack_gz, pack_tar, pack_zip, packers, refused

from onecycle.errors import UserError
from onecycle.sources.fetch import archive as module
from onecycle.sources.fetch import disk
from onecycle.sources.fetch import extract as extracting
from onecycle.sources.fetch.extract import extract, put

MIB = 1 << 20
HUGE = 70 * MIB  # more than any ratio allows, and small enough for a test
BOMB = "archives", "a bomb: small file, huge content", "refused unread, 0 bytes written"
LIE = "archives", "a zip that lies about its sizes or offsets", "refused, 0 bytes outside"
HEADER = "archives", "tar: huge or negative sizes in headers", "refused at once, 0 bytes written"
DAMAGED = 150
HAND = "download.folder"  # the remedy: unpack it by hand


@pytest.mark.trial(*BOMB)
@pytest.mark.parametrize("pack", [pack_zip, pack_gz])
def test_refuses_a_bomb(place, pack):
    archive = pack(place / "bomb", [("a", bytes(HUGE // 2)), ("b", bytes(HUGE // 2))])
    assert archive.stat().st_size < HUGE // 500
    refused(place, archive, "are allowed", HAND)


@pytest.mark.trial(*BOMB)
def test_refuses_a_sparse_bomb(place):
    """GNU's sparse files: a header alone stands for gigabytes of zeros."""
    info = tarfile.TarInfo("a")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % (8 << 30)  # its real size
    header[148:156] = b"%06o\0 " % (256 + sum(header[:148]) + sum(header[156:512]))
    archive = place / "sparse"
    archive.write_bytes(header + bytes(1024))
    refused(place, archive, f"{8 << 30:,} bytes", HAND)


@pytest.mark.trial(*BOMB)
def test_refuses_zeros_after_the_end_of_a_tar(place):
    archive = place / "bomb"
    plain = pack_tar(place / "tar", [("a", b"a")]).read_bytes()
    archive.write_bytes(gzip.compress(plain + bytes(HUGE), mtime=0))
    refused(place, archive, "are allowed", HAND)


@packers
@pytest.mark.trial("archives", "few members, very many folders around them", "refused, 0 bytes")
def test_refuses_many_folders(place, monkeypatch, pack):
    monkeypatch.setattr(extracting, "ENTRIES", 100)
    near = pack(place / "near", [(f"a/b/c/{at}", b"") for at in range(97)])
    extract(near, place / "near-out")
    far = pack(place / "far", [("/".join([str(at)] * 60), b"") for at in range(3)])
    refused(place, far, "more than 100 files and folders", HAND)


@packers
@pytest.mark.trial("archives", "very many members", "refused, 0 bytes written")
def test_refuses_many_members(place, monkeypatch, pack):
    monkeypatch.setattr(module, "ENTRIES", 99)
    archive = pack(place / "many", [(f"{number}", b"") for number in range(100)])
    refused(place, archive, "more than 99 members", HAND)
    (place / "raw").mkdir()
    extract(pack(place / "few", [(f"{number}", b"") for number in range(99)]), place / "raw")


@packers
def test_a_table_of_numbers_is_no_bomb(place, monkeypatch, pack):
    monkeypatch.setattr(module, "SMALL", 0)
    text = b"".join(b"%d,%d,3.5,1112486027\n" % (n % 999, n % 77) for n in range(99_999))
    archive = pack(place / "table", [("ratings.csv", text)])
    extract(archive, place / "new")
    assert files(place / "new") == {"ratings.csv": text}


@pytest.mark.trial("archives", "archives in archives", "stay as they are, one level is unpacked")
@packers
def test_archives_in_it_stay_archives(place, pack):
    inner = pack(place / "inner", [("../evil", b"")]).read_bytes()
    extract(pack(place / "outer", [("inner.zip", inner)]), place / "new")
    assert content(place / "new") == {"inner.zip": inner}


@pytest.mark.trial(*LIE)
@pytest.mark.parametrize("size", [0, 1, 999, 1001, 2**31, 2**32 - 2])
@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_refuses_zips_that_lie_about_a_size(place, size, method):
    archive = place / "liar"
    with zipfile.ZipFile(archive, "w", method) as packed:
        packed.writestr("first", b"1")
        packed.writestr("a", b"a" * 1000)
    data = bytearray(archive.read_bytes())
    struct.pack_into("<L", data, data.rindex(b"PK\1\2") + 24, size)  # the directory alone
    archive.write_bytes(data)
    refused(place, archive)


@pytest.mark.trial("archives", "a zip that announces less, with a CRC to fit", "no byte more read")
def test_reads_no_more_than_a_zip_announces(place):
    """Its directory announces 9 bytes, with their CRC; it holds 70 MiB."""
    archive = pack_zip(place / "liar", [("a", bytes(HUGE))])
    data = bytearray(archive.read_bytes())
    at = data.rindex(b"PK\1\2")
    struct.pack_into("<L", data, at + 16, zlib.crc32(bytes(9)))
    struct.pack_into("<L", data, at + 24, 9)
    archive.write_bytes(data)
    extract(archive, place / "new")
    assert files(place / "new") == {"a": bytes(9)}


@pytest.mark.trial(*LIE)
@pytest.mark.parametrize("step", [0, 1, 40])
def test_refuses_members_that_share_bytes(place, step):
    """As in Fifield's bomb (2019), where each member holds the next ones."""
    archive = pack_zip(place / "overlap", [("a", b"x" * 99), ("b", b"x" * 99)])
    data = bytearray(archive.read_bytes())
    struct.pack_into("<L", data, data.rindex(b"PK\1\2") + 42, step)
    archive.write_bytes(data)
    refused(place, archive, "overlaps")


@pytest.mark.trial("archives", "zip: packed in other ways, which read without bounds", "refused")
@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_refuses_other_ways_of_packing(place, method):
    archive = place / "packed"
    with zipfile.ZipFile(archive, "w", method) as packed:
        packed.writestr("a", bytes(9 * MIB))
    refused(place, archive, "neither stored nor deflated")


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    """A tar header with any size, below 0 too."""
    info = tarfile.TarInfo(name)
    info.type = kind
    data = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    number = size.to_bytes(12, "big", signed=True)
    data[124:136] = bytes([number[0] | 0x80]) + number[1:]  # GNU's base 256
    data[148:156] = b"%06o\0 " % (256 + sum(data[:148]) + sum(data[156:512]))
    return bytes(data)


KINDS = [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME]
KINDS += [tarfile.GNUTYPE_SPARSE, tarfile.DIRTYPE, tarfile.SYMTYPE, b"?"]


@pytest.mark.trial(*HEADER)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [-512, -1024, -5120, 3 << 30, 2**80])
@pytest.mark.parametrize("gz", [False, True])
def test_refuses_odd_sizes_in_tar_headers(place, kind, size, gz):
    """tarfile alone would loop for ever, or read as many bytes as the header says into memory."""
    data = pack_tar(place / "tar", [("a", b"a")]).read_bytes()[:1024] + header(kind, size)
    archive = place / "odd"
    data += bytes(9999)
    archive.write_bytes(gzip.compress(data, mtime=0) if gz else data)
    refused(place, archive)


@pytest.mark.trial(*HEADER)
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_no_long_header_is_read_into_memory(place, kind):
    archive = place / "odd"
    archive.write_bytes(gzip.compress(header(kind, 50 * MIB) + bytes(60 * MIB), mtime=0))
    tracemalloc.start()
    try:
        refused(place, archive, "headers would be 52,428,800 bytes long", HAND)
        assert tracemalloc.get_traced_memory()[1] < 5 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.trial("archives", "names too long, too deep or no UTF-8", "refused, 0 bytes written")
@packers
@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(("a" * 256, "255 bytes"), ("é" * 128, "255 bytes"), ("a/" * 64 + "b", "64 folders")),
        *(("/".join(["b" * 200] * 6), "1024 in all"), ("b" * 5000, "255 bytes")),
    ],
)
def test_refuses_names_that_no_disk_takes(place, pack, name, said):
    refused(place, pack(place / "hostile", [("first", b"1"), (name, b"")]), said)
    extract(pack(place / "a", [("a" * 255, b""), ("b/" * 63 + "c", b"")]), place / "new")


@pytest.mark.trial("archives", "names too long, too deep or no UTF-8", "refused, 0 bytes written")
def test_refuses_names_that_are_no_utf_8(place):
    archive = place / "hostile"
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as packed:
        packed.addfile(tarfile.TarInfo("ab\udcff"))
    refused(place, archive, "no UTF-8")


@packers
@pytest.mark.trial("archives", "more than the disk holds", "refused in figures, 0 bytes written")
def test_looks_for_free_space_first(place, monkeypatch, pack):
    usage = disk.shutil.disk_usage("/")._replace(free=disk.SPARE + 9999)
    archive = pack(place / "large", [("a", b"a" * 5000), ("b", b"b")])
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda path: usage)
    before = content(place)
    with pytest.raises(UserError) as caught:
        extract(archive, place / "out" / "raw")
    for text in (str(place / "out" / "raw"), "12,288 bytes are needed", f"{usage.free:,} are free"):
        assert text in str(caught.value)
    assert content(place) == before


@pytest.mark.trial("archives", "random damage to a good archive", "whole, or refused in words")
@packers
@settings(max_examples=DAMAGED, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damage_anywhere_ends_in_words(request, tmp_path, record_property, pack, data):
    whole = bytearray(pack(tmp_path / "a", [("d/a", b"a" * 700), ("é" * 60, b"b")]).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.sampled_from([0, 1, 0x20, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
    (tmp_path / "a").write_bytes(whole)
    if "tried" not in dict(request.node.user_properties):
        record_property("tried", DAMAGED)
    try:
        extract(tmp_path / "a", tmp_path / "new")
    except UserError:
        assert not (tmp_path / "new").exists()
    else:
        disk.shutil.rmtree(tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_put_copies_a_plain_file(place):
    (place / "a.csv").write_bytes(b"a")
    put(place / "a.csv", place / "out" / "raw", "b.csv")
    assert files(place / "out" / "raw") == {"b.csv": b"a", "pets/kept": b"kept"}


@pytest.mark.trial(
    "names", "a plain file whose name clashes or is a path", "refused, nothing written"
)
@pytest.mark.parametrize("name", ["pets", "PETS", "../b", "a/b", "..", ".", "", "/b", "a" * 256])
def test_put_refuses_names(place, name):
    (place / "a.csv").write_bytes(b"a")
    before = content(place)
    with pytest.raises(UserError, match=r"a\.csv"):
        put(place / "a.csv", place / "out" / "raw", name)
    assert content(place) == before
