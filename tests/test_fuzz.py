"""The fuzzed targets without the fuzzer, and what it found: each of these once was a traceback."""

import io
import random
import zipfile
from pathlib import Path

import pytest

from fuzz.targets import TARGETS
from onecycle.errors import UserError
from onecycle.items import biwi, voc
from onecycle.sources.fetch.extract import extract

LISTS = "ImageSets/Main"


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_and_bytes_made_of_them_raise_only_what_is_documented(tmp_path, name):
    target, draw = TARGETS[name], random.Random(1)
    for seed in target.seeds():
        target.run(seed, tmp_path / "input")
        for _ in range(100):
            data = bytearray(seed)
            for _ in range(draw.randint(1, 4)):
                at = draw.randrange(len(data))
                data[at : at + draw.randint(0, 3)] = draw.choice([b"\0", b"\xff", *target.words])
            target.run(bytes(data), tmp_path / "input")


@pytest.mark.trial("tables", "a pose whose pixel is beyond all numbers", "quarantined")
def test_a_pixel_is_finite(tmp_path):
    camera = biwi.Camera(f_x=1e308, f_y=1.0, c_x=0.0, c_y=0.0)
    with pytest.raises(ValueError, match="no place in a picture"):
        camera.project(1e9, 1.0, 1.0)


@pytest.mark.trial("names", "a frame number too large for 64 bits", "quarantined")
def test_a_frames_number_fits_the_table(tmp_path):
    folder = tmp_path / "01"
    folder.mkdir()
    (folder / "rgb.cal").write_text("1 0 0\n0 1 0\n0 0 1\n")
    for number in ("7", "9" * 30):
        (folder / f"frame_{number}_rgb.jpg").write_text("picture")
        (folder / f"frame_{number}_pose.txt").write_text("1 0 0\n0 1 0\n0 0 1\n1 1 1\n")
    reading = biwi.read(tmp_path, biwi.Params(reader="biwi", path="."))
    assert [row["time"] for row in reading.rows] == [7]
    assert "frame number" in reading.bad[0]["reason"]


def devkit(raw: Path, names: bytes) -> voc.Reading:
    (raw / LISTS).mkdir(parents=True)
    (raw / LISTS / "train.txt").write_bytes(names)
    return voc.read(raw, voc.Params(reader="voc", path="."))


@pytest.mark.trial("names", "a list that names files outside the data", "quarantined, not read")
@pytest.mark.parametrize("name", ["{outside}", "../../{stem}", "../JPEGImages/1", "a/../1", "."])
def test_a_listed_name_does_not_lead_out(tmp_path, name):
    raw, outside = tmp_path / "raw", tmp_path / "secret"
    for folder in (tmp_path, raw / "JPEGImages", raw / "Annotations"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "secret.jpg").write_text("picture")
        (folder / "secret.xml").write_text("<annotation/>")
        (folder / "1.jpg").write_text("picture")
        (folder / "1.xml").write_text("<annotation/>")
    reading = devkit(raw, name.format(outside=outside, stem="secret").encode())
    assert not reading.rows
    (bad,) = reading.bad
    assert bad["file"] == f"{LISTS}/train.txt" and "a picture's name" in bad["reason"]


@pytest.mark.trial("names", "a listed name that no file can have (too long, a NUL)", "quarantined")
@pytest.mark.parametrize("name", [b"c" * 300, b"a\0b"])
def test_a_listed_name_that_no_file_can_have_is_set_aside(tmp_path, name):
    found = devkit(tmp_path, b"1\n2\n3\n4\n5\n6\n" + name)
    assert not found.rows and len(found.bad) == 7


@pytest.mark.trial("archives", "a zip's member without a name, or that a NUL begins", "refused")
@pytest.mark.parametrize("name", ["", "\0b"])
def test_a_member_without_a_name_is_refused(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        entry = zipfile.ZipInfo("x" * len(name))
        made.writestr(entry, b"text")
    data = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data.replace(b"x" * len(name), name.encode()))
    with pytest.raises(UserError, match=r"a\.zip: member"):
        extract(tmp_path / "a.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.trial("archives", "damaged bytes in a zip packed by LZMA", "refused")
def test_damaged_lzma_is_damage(tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as made:
        made.writestr("a.txt", b"text" * 99)
    data = bytearray(packed.getvalue())
    start = 30 + len("a.txt")
    data[start + 4 : start + 9] = b"\xff" * 5  # the properties of its stream
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(UserError, match=r"a\.zip: cannot be unpacked .*fetch it again"):
        extract(tmp_path / "a.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()
