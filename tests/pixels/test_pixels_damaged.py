"""Damaged and hostile pictures: set aside with a reason, or whole."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from pictures import KINDS, NOISE, chunk, encoded, gif, good, npy, png, put
from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from onecycle.pixels import decode as decoding
from onecycle.pixels.decode import MAX_PIXELS, decode

trial = pytest.mark.trial


@trial("pictures", "cut off at each of its bytes", "set aside, or the whole picture; never a half")
@pytest.mark.parametrize(
    ("kind", "size"),
    [(kind, None) for kind in KINDS] + [(kind, 4) for kind in KINDS if kind.endswith(" JPEG")],
)  # a JPEG is decoded at a fraction
def test_a_picture_cut_off_anywhere_is_never_half(tmp_path, record_property, kind, size):
    data = encoded(kind)
    whole = good(put(tmp_path, "a", data), size)
    set_aside = 0
    for length in range(len(data)):
        found = decode(put(tmp_path, "a", data[:length]), size)
        if isinstance(found, str):
            set_aside += 1
        else:
            assert np.array_equal(found.pixels, whole.pixels), length
    assert set_aside > len(data) / 3
    record_property("tried", len(data))


@trial("pictures", "one to three bits flipped", "set aside or decoded; never a crash")
@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits_crash_nothing(tmp_path, record_property, kind):
    data, rng = encoded(kind), np.random.default_rng(1)
    outcomes = set()
    for _ in range(300):
        damaged = bytearray(data)
        for at in rng.integers(len(data), size=rng.integers(1, 4)):
            damaged[at] ^= 1 << int(rng.integers(8))
        found = decode(put(tmp_path, "a", bytes(damaged)), 16)
        assert found if isinstance(found, str) else found.pixels.shape[2] == 3, found
        outcomes.add(type(found))
    assert str in outcomes
    record_property("tried", 300)


@trial("pictures", "a JPEG whose end is filled with zeros", "set aside: its end is missing")
@pytest.mark.parametrize("kept", [0.5, 0.7, 0.9])
def test_a_jpeg_that_ends_in_zeros_is_set_aside(tmp_path, kept):
    stream = io.BytesIO()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (120, 160, 3), np.uint8)).save(stream, "JPEG")
    data = stream.getvalue()
    cut = data[: int(len(data) * kept)]
    found = decode(put(tmp_path, "a.jpg", cut + bytes(len(data) - len(cut))), None)
    assert found == "its end is missing: it is filled with zeros"
    good(put(tmp_path, "b.jpg", data + bytes(4096)))  # padded, but whole


BOMBS = {
    "a.png": png(60_000, 60_000),
    "just.png": png(10_001, 10_000),
    "a.gif": gif(65_535, 65_535),
    "a.bmp": encoded("BMP")[:18] + struct.pack("<ii", 1 << 16, 1 << 16) + encoded("BMP")[26:],
    "a.ppm": b"P6 100000 100000 255\n" + bytes(99),
}


@trial("pictures", "a pixel bomb: a small file of more than 100,000,000 pixels", "set aside unread")
@pytest.mark.parametrize("name", BOMBS)
def test_a_pixel_bomb_is_not_decoded(tmp_path, monkeypatch, name):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", None)  # to decode would fail
    found = decode(put(tmp_path, name, BOMBS[name]), 16)
    assert found.startswith(f"more than {MAX_PIXELS:,} pixels")


@trial("pictures", "an array whose header promises what the file has not", "set aside unread")
@pytest.mark.parametrize("shape", [(10**6, 10**6, 3), (2**62, 2, 3), (5, 5, 3), (-1, 5, 3)])
def test_a_header_of_an_array_is_not_believed(tmp_path, shape):
    assert decode(put(tmp_path, "a.npy", npy(shape, bytes(9))), 16).startswith("can't be decoded: ")


@trial("pictures", "a damaged, foreign or pickled array", "set aside")
@pytest.mark.parametrize(
    "data",
    [
        encoded("PNG"),
        npy((3, 3), bytes(9))[:20],
        npy((3, 3), bytes(9))[:8] + b"\x05\x00((((\n" + bytes(9),
        npy((2,), bytes(99), "|O"),
        npy((3, 3), bytes(72), "<f8"),
        npy((3, 3), bytes(9)),
        b"PK\x03\x04" + bytes(99),
    ],
)
def test_an_array_that_is_no_picture_is_set_aside(tmp_path, data):
    assert isinstance(decode(put(tmp_path, "a.npy", data), 16), str)


def test_a_large_array_is_held_to_the_bound(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_PIXELS", 99)
    assert decode(np.zeros((10, 10), np.uint8), None, 1) == "more than 99 pixels (10 x 10)"
    assert not isinstance(decode(np.zeros((9, 11), np.uint8), None, 1), str)


@trial("pictures", "a PNG whose text chunks unpack to hundreds of MB", "set aside")
@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_bomb_in_a_text_chunk(tmp_path, name):
    packed = zlib.compress(bytes(200 << 20), 9)
    body = b"k\0\0" + packed if name != b"iTXt" else b"k\0\1\0\0\0" + packed
    found = decode(put(tmp_path, "a.png", png(5, 1, chunk(name, body))), 16)
    assert found.startswith("can't be decoded: ")


@trial("pictures", "an animation of 20,000 frames", "its first frame alone is decoded, and noted")
def test_the_frames_of_an_animation_are_not_decoded(tmp_path, monkeypatch):
    one = encoded("GIF")
    start = one.index(b"\x21\xf9") if b"\x21\xf9" in one else one.index(b"\x2c", 13 + 768)
    file = put(tmp_path, "a.gif", one[:-1] + one[start:-1] * 20_000 + b";")
    seen = []
    seek = GifImageFile._seek

    def spied(image, frame, update_image=True):
        seen.append(frame)
        seek(image, frame, update_image)

    monkeypatch.setattr(GifImageFile, "_seek", spied)
    assert "several frames, the first taken" in good(file).notes
    assert max(seen) == 1


@trial(
    "pictures", "no picture at all: text, HTML, a program, an archive, vector graphics", "set aside"
)
@pytest.mark.parametrize(
    "data",
    [b"I am text", b"<html>404</html>", b"\x7fELF" + bytes(99), b"PK\x03\x04" + bytes(99),
     b"<svg xmlns='http://www.w3.org/2000/svg'/>",
     b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"],
)  # fmt: skip
def test_what_is_no_picture_is_told(tmp_path, data):
    assert decode(put(tmp_path, "a.jpg", data), 16) == "not an image in a known format"


@trial("pictures", "an empty file", "set aside: is empty")
@pytest.mark.parametrize("suffix", ["jpg", "png", "npy", "tif"])
def test_an_empty_file_is_told(tmp_path, suffix):
    assert decode(put(tmp_path, f"a.{suffix}", b""), 16) == "is empty (0 bytes)"


@trial("pictures", "a folder, pipe, device, or link to nothing or to itself", "set aside at once")
@pytest.mark.parametrize("what", ["folder", "pipe", "device", "nowhere", "itself"])
@pytest.mark.parametrize("suffix", ["jpg", "npy"])
def test_what_is_no_file_is_told_without_waiting(tmp_path, what, suffix):
    file = tmp_path / f"a.{suffix}"
    if what == "folder":
        file.mkdir()
    elif what == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to({"device": "/dev/zero", "nowhere": "gone", "itself": file.name}[what])
    found = decode(file, 16)
    expected = {"folder": "is a folder", "nowhere": "can't be decoded: No such file", "itself":
                "can't be decoded: Too many levels"}  # fmt: skip
    assert found.startswith(expected.get(what, "is no regular file"))


@trial("pictures", "a file that can't be read", "set aside, the system's words as the reason")
def test_an_unreadable_file_is_told_without_its_path(tmp_path, monkeypatch):
    file = put(tmp_path, "a.png", NOISE)

    def fail(*_, **__):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Image, "open", fail)
    assert decode(file, 16) == "can't be decoded: Permission denied"


@trial("pictures", "a crash of our own while decoding", "fails, and names the file")
@pytest.mark.parametrize("error", [MemoryError, RuntimeError])
def test_a_crash_names_the_file(tmp_path, monkeypatch, error):
    file = put(tmp_path, "a.png", NOISE)

    def fail(*_):
        raise error("broken")

    monkeypatch.setattr(decoding, "_odd", fail)
    with pytest.raises(error, match="broken") as caught:
        decode(file, 16)
    assert caught.value.__notes__ == [f"while decoding {file}"]
