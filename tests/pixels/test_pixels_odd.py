"""Odd pictures: each is what a viewer shows, and noted."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from pictures import MOVING, NOISE, RAMP, chunk, encoded, good, npy, png, put
from PIL import Image, ImageCms, PngImagePlugin, features

from onecycle.pixels.decode import decode
from onecycle.pixels.store import PixelStore, write_store

trial = pytest.mark.trial


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
