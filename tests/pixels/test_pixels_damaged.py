"""Damaged and odd pictures: each is the picture that a viewer shows, and noted, or a reason."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin, features
from PIL.GifImagePlugin import GifImageFile

from onecycle.pixels import decode as decoding
from onecycle.pixels.decode import MAX_PIXELS, Decoded, decode
from onecycle.pixels.store import PixelStore, write_store

NOISE = np.random.default_rng(0).integers(0, 256, (18, 22, 3), dtype=np.uint8)
RAMP = np.repeat(np.arange(0, 250, 10, dtype=np.uint8)[None], 20, axis=0)  # [20, 25]
OTHER = Image.fromarray(255 - NOISE)
MOVING = {"save_all": True, "append_images": [OTHER]}
KINDS = {
    "baseline JPEG": ("JPEG", {}),
    "progressive JPEG": ("JPEG", {"progressive": True}),
    "CMYK JPEG": ("JPEG", {}),
    "PNG": ("PNG", {}),
    "GIF": ("GIF", {}),
    "animated GIF": ("GIF", MOVING),
    "BMP": ("BMP", {}),
    "WebP": ("WEBP", {}),
    "lossless WebP": ("WEBP", {"lossless": True}),
    "animated WebP": ("WEBP", MOVING),
    "TIFF": ("TIFF", {}),
    "LZW TIFF": ("TIFF", {"compression": "tiff_lzw"}),
    "deflate TIFF": ("TIFF", {"compression": "tiff_deflate"}),
    "JPEG TIFF": ("TIFF", {"compression": "jpeg"}),
    "PPM": ("PPM", {}),
}
trial = pytest.mark.trial


def encoded(kind: str) -> bytes:
    image = Image.fromarray(NOISE).convert("CMYK" if "CMYK" in kind else "RGB")
    stream = io.BytesIO()
    name, options = KINDS[kind]
    image.save(stream, name, **options)
    return stream.getvalue()


def put(folder: Path, name: str, image, **options) -> Path:
    if isinstance(image, bytes):
        (folder / name).write_bytes(image)
    else:
        image = image if isinstance(image, Image.Image) else Image.fromarray(image)
        image.save(folder / name, **options)
    return folder / name


def good(file: Path, size: int | None = None, channels: int = 3) -> Decoded:
    found = decode(file, size, channels)
    assert isinstance(found, Decoded), found
    return found


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


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, *more: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1 + min(width, 1 << 20))))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + body + chunk(b"IEND", b"")


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + encoded("GIF")[10:]


def npy(shape: tuple[int, ...], content: bytes = b"", dtype: str = "|u1") -> bytes:
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + content


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


@trial("pictures", "a wrong extension", "decoded, and noted: GIF named .jpg")
@pytest.mark.parametrize(
    ("kind", "name", "note"),
    [("GIF", "a.jpg", "GIF named .jpg"), ("PNG", "a.JPG", "PNG named .jpg"),
     ("baseline JPEG", "a.png", "JPEG named .png"), ("WebP", "a.jpeg", "WEBP named .jpeg"),
     ("baseline JPEG", "a.jpeg", None), ("TIFF", "a.tif", None), ("PNG", "a", None)],
)  # fmt: skip
def test_a_wrong_extension_is_noted(tmp_path, kind, name, note):
    found = good(put(tmp_path, name, encoded(kind)))
    assert [each for each in found.notes if "named" in each] == ([note] if note else [])
    assert np.array_equal(found.pixels, good(put(tmp_path, "b", encoded(kind))).pixels)


@trial("pictures", "grey, 1 bit, palette or CMYK (Adobe's inverted)", "converted to RGB and noted")
@pytest.mark.parametrize(
    ("mode", "suffix", "note"),
    [("L", "png", "grey"), ("1", "png", "1 bit"), ("1", "tif", "1 bit"), ("P", "png", "palette"),
     ("P", "gif", "palette"), ("CMYK", "jpg", "CMYK"), ("CMYK", "tif", "CMYK"),
     ("YCbCr", "tif", "YCbCr")],
)  # fmt: skip
def test_other_colours_become_rgb(tmp_path, mode, suffix, note):
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:16, :32] = 255
    found = good(put(tmp_path, f"a.{suffix}", Image.fromarray(pixels).convert(mode)))
    np.testing.assert_allclose(found.pixels, pixels, atol=8)
    assert found.notes == (f"{note} converted to RGB",)
    if mode == "L":
        assert good(tmp_path / "a.png", channels=1).notes == ()
    if mode == "P":
        assert good(tmp_path / f"a.{suffix}", channels=1).notes == ("palette converted to grey",)


def see_through(mode: str, opaque: int) -> Image.Image:
    """The left half blue, the right half red under an opacity of `opaque`."""
    pixels = np.zeros((20, 40, 4), np.uint8)
    pixels[:, :20] = 0, 0, 255, 255
    pixels[:, 20:] = 255, 0, 0, opaque
    image = Image.fromarray(pixels, "RGBA")
    if mode == "P":
        image = Image.fromarray((pixels[..., 0] > 0).astype(np.uint8), "P")
        image.putpalette([0, 0, 255, 255, 0, 0])
        return image
    return image.convert(mode)


@trial("pictures", "transparency: alpha, palette's or key colour", "laid over white, and noted")
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGBA", "png"), ("RGBA", "webp"), ("LA", "png"), ("P", "png"),
                         ("P", "gif"), ("RGB", "png"), ("RGBA", "tif")],
)  # fmt: skip
def test_transparent_parts_are_white(tmp_path, mode, suffix, channels):
    keyed = {"P": {"transparency": 1}, "RGB": {"transparency": (255, 0, 0)}}.get(mode, {})
    keyed |= {"lossless": True, "exact": True} if suffix == "webp" else {}
    file = put(tmp_path, f"a.{suffix}", see_through(mode, 0), **keyed)
    found = good(file, channels=channels)
    assert "transparent parts laid over white" in found.notes
    assert (found.pixels[:, 20:] == 255).all() and found.pixels[:, :20].mean() < 120


def test_half_opaque_red_over_white_is_pink_and_opaque_red_is_not_noted(tmp_path):
    half = good(put(tmp_path, "a.png", see_through("RGBA", 128)))
    np.testing.assert_allclose(half.pixels[0, 30], [255, 127, 127], atol=1)
    full = good(put(tmp_path, "b.png", see_through("RGBA", 255)))
    assert full.notes == () and full.pixels[0, 30].tolist() == [255, 0, 0]
    four = good(tmp_path / "a.png", channels=4)
    assert four.notes == () and four.pixels[0, 30].tolist() == [255, 0, 0, 128]


DEEP = (np.arange(600).reshape(20, 30) * 109).astype(np.uint16)  # to 65,291


@trial("pictures", "16 bits a channel", "the upper 8 kept, and noted")
@pytest.mark.parametrize("suffix", ["png", "tif", "ppm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_upper_8_of_16_bits_are_kept(tmp_path, suffix, channels):
    found = good(put(tmp_path, f"a.{suffix}", DEEP), channels=channels)
    assert found.notes[0] == "16 bits a channel, the upper 8 kept"
    assert (found.pixels == (DEEP >> 8)[..., None]).all()


def test_16_bits_of_colours_are_noted_too(tmp_path):
    colours = b"P6 20 20 65535\n" + bytes([200, 1] * 1200)
    found = good(put(tmp_path, "a.ppm", colours))
    assert found.notes == ("16 bits a channel, the upper 8 kept",) and (found.pixels == 199).all()
    wide = chunk(b"IHDR", struct.pack(">IIBBBBB", 20, 20, 16, 2, 0, 0, 0))
    rows = zlib.compress((b"\0" + bytes([200, 1] * 60)) * 20)
    data = b"\x89PNG\r\n\x1a\n" + wide + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    found = good(put(tmp_path, "a.png", data))
    assert found.notes == ("16 bits a channel, the upper 8 kept",) and (found.pixels == 200).all()


@trial(
    "pictures", "12 bits in 16, 32 bits or floats a channel", "set aside: would be black or lost"
)
@pytest.mark.parametrize(
    ("values", "said"),
    [(DEEP // 17, "has 16 bits a channel, and no value above 3840"),
     (DEEP.astype(np.int32) * 999, "has more than 16 bits"), (DEEP / 9, "has more than 16 bits")],
)  # fmt: skip
def test_depth_that_8_bits_can_not_show_is_told(tmp_path, values, said):
    values = values.astype(np.float32) if values.dtype == np.float64 else values
    assert decode(put(tmp_path, "a.tif", values), 16).startswith(said)
    assert not good(put(tmp_path, "b.tif", np.zeros((20, 20), np.uint16))).pixels.any()


@trial("pictures", "an animation (GIF, WebP, PNG, TIFF)", "its first frame, and noted")
@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_the_first_frame_of_several_is_taken(tmp_path, suffix):
    options = MOVING | ({"lossless": True} if suffix == "webp" else {})
    file = put(tmp_path, f"a.{suffix}", Image.fromarray(NOISE), **options)
    found = good(file)
    assert found.notes[-1] == "several frames, the first taken"
    assert np.abs(found.pixels.astype(int) - NOISE).mean() < 40  # GIF has 256 colours


@trial(
    "pictures", "turned by EXIF, or with EXIF that makes no sense", "upright and noted; or as is"
)
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8, 0, 9, 77])
def test_exif_turns_only_where_it_makes_sense(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = good(put(tmp_path, f"a.{suffix}", NOISE, exif=exif))
    turned = orientation in (3, 6, 8)
    assert found.notes == (("turned upright as its EXIF says",) if turned else ())
    assert found.published == ((18, 22) if orientation in (6, 8) else (22, 18))
    assert found.pixels.shape[:2] == found.published[::-1]


@trial("pictures", "broken EXIF", "decoded as it stands")
@pytest.mark.parametrize(
    "body", [b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*" + bytes(60), b"\xff" * 99,
             b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abcd\0\0\0\0"],
)  # fmt: skip
def test_broken_exif_leaves_the_picture(tmp_path, body):
    exif = b"Exif\0\0" + body
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as the store has it
        found = good(put(tmp_path, "a.jpg", Image.fromarray(NOISE), exif=exif))
    plain = good(put(tmp_path, "b.jpg", Image.fromarray(NOISE)))
    assert np.array_equal(found.pixels, plain.pixels)
    assert set(found.notes) <= {"EXIF that can't be read"}


@trial("pictures", "no height or width", "set aside")
@pytest.mark.parametrize(
    ("name", "data"),
    [("a.png", png(0, 5)), ("b.png", png(5, 0)), ("a.ppm", b"P6 0 5 255\n"),
     ("a.npy", npy((0, 5, 3)))],
)  # fmt: skip
def test_a_picture_without_pixels_is_set_aside(tmp_path, name, data):
    assert isinstance(decode(put(tmp_path, name, data), 16), str)


@trial("pictures", "1 x 1, and 1 x 100,000", "kept, and noted")
@pytest.mark.parametrize(
    ("width", "height", "notes"),
    [(1, 1, ["short side under 8 pixels"]), (8, 160, []),
     (1, 100_000, ["short side under 8 pixels", "one side over 20 times the other"]),
     (9_000, 20, ["one side over 20 times the other"])],
)  # fmt: skip
def test_odd_sizes_are_noted(tmp_path, width, height, notes):
    file = put(tmp_path, "a.png", Image.new("RGB", (width, height)))
    found = good(file, 16)
    assert list(found.notes) == notes and found.published == (width, height)
    assert min(found.pixels.shape[:2]) == min(16, width, height)


@trial("pictures", "a colour profile", "left aside: the numbers are as stored")
def test_a_colour_profile_changes_nothing(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    file = put(tmp_path, "a.png", NOISE, icc_profile=profile)
    assert np.array_equal(good(file).pixels, NOISE) and good(file).notes == ()


def test_notes_and_reasons_of_many_come_in_order(tmp_path):
    files = [put(tmp_path, f"{at}.png", RAMP if at % 2 else NOISE) for at in range(600)]
    put(tmp_path, "7.png", b"")
    noted: list[tuple[str, str]] = []
    named = [(file.name, file) for file in files]
    bad = write_store(tmp_path / "pixels", named, 16, 3, lambda *note: noted.append(note))
    assert bad == {"7.png": "is empty (0 bytes)"}
    expected = [f"{at}.png" for at in range(1, 600, 2) if at != 7]
    assert noted == [(name, "grey converted to RGB") for name in expected]
    assert len(PixelStore(tmp_path / "pixels")) == 599


def test_pillow_is_built_with_what_is_read():
    assert all(features.check(name) for name in ("jpg", "zlib", "libtiff", "webp"))
    assert PngImagePlugin.MAX_TEXT_CHUNK <= 1 << 20  # what the bombs rely on
