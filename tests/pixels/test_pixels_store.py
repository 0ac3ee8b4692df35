import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from onecycle.errors import UserError
from onecycle.pixels import decode as decoding
from onecycle.pixels import store
from onecycle.pixels.decode import decode
from onecycle.pixels.store import PixelStore, write_store

ORIENTATION = 0x0112


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def corner(height: int, width: int) -> np.ndarray:
    """Black, but for a white quarter in the upper left."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = 255
    return pixels


def stored(folder: Path, *files: Path, size: int | None = None) -> tuple[PixelStore, dict]:
    bad = write_store(folder / "pixels", [(file.name, file) for file in files], size)
    return PixelStore(folder / "pixels"), bad


def save(path: Path, image: Image.Image | np.ndarray, **options) -> Path:
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path, **options)
    return path


PICTURES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


@settings(max_examples=20, deadline=None)
@given(pictures=st.lists(PICTURES, max_size=4))
def test_a_lossless_picture_comes_back_pixel_by_pixel(tmp_path_factory, pictures):
    folder = tmp_path_factory.mktemp("store")
    files = [save(folder / f"{n}.png", pixels) for n, pixels in enumerate(pictures)]
    read, bad = stored(folder, *files)
    assert bad == {} and len(read) == len(pictures)
    rows = read.rows([file.name for file in files])
    for row, pixels in zip(rows, pictures, strict=True):
        np.testing.assert_array_equal(read[row], pixels)


@pytest.mark.parametrize(
    ("width", "height", "size", "expected"),
    [
        (90, 60, 20, (20, 30)),
        (60, 90, 20, (30, 20)),
        (640, 480, 16, (16, 21)),  # decoded at a fraction
        (500, 23, 16, (16, 348)),
        (20, 30, 20, (30, 20)),
        (19, 30, 20, (30, 19)),  # smaller ones keep their size
        (90, 60, None, (60, 90)),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_the_short_side_is_resized_and_the_published_size_kept(
    tmp_path, width, height, size, expected, suffix
):
    file = save(tmp_path / f"a.{suffix}", noise(height, width))
    read, _ = stored(tmp_path, file, size=size)
    assert read[0].shape == (*expected, 3) and tuple(read.shape[0]) == expected
    assert read.size_px([0]).tolist() == [[width, height]]


def test_what_is_resized_still_shows_the_same(tmp_path):
    read, _ = stored(tmp_path, save(tmp_path / "a.jpg", corner(200, 300)), size=20)
    quarters = read[0].reshape(2, 10, 2, 15, 3).mean((1, 3, 4))
    np.testing.assert_allclose(quarters, [[255, 0], [0, 0]], atol=8)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize(
    ("orientation", "at"),
    [(1, "left up"), (2, "right up"), (3, "right down"), (4, "left down"),
     (5, "left up"), (6, "right up"), (7, "right down"), (8, "left down")],
)  # fmt: skip
def test_a_picture_is_stored_upright_as_its_exif_says(tmp_path, orientation, at, suffix):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    file = save(tmp_path / f"a.{suffix}", corner(32, 64), exif=exif, **options)
    read, _ = stored(tmp_path, file)
    turned = orientation >= 5
    assert read[0].shape[:2] == ((64, 32) if turned else (32, 64))
    assert read.size_px([0]).tolist() == [[32, 64] if turned else [64, 32]]
    height, width = read[0].shape[:2]
    bright = np.argwhere(read[0][..., 0] > 127).mean(0)
    assert ("left" if bright[1] < width / 2 else "right") == at.split()[0]
    assert ("up" if bright[0] < height / 2 else "down") == at.split()[1]


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("L", "png"), ("1", "png"), ("P", "png"), ("P", "gif"), ("RGBA", "png"), ("LA", "png"),
     ("CMYK", "jpg"), ("L", "jpg")],
)  # fmt: skip
def test_any_mode_becomes_rgb(tmp_path, mode, suffix):
    image = Image.fromarray(corner(32, 64)).convert(mode)
    read, bad = stored(tmp_path, save(tmp_path / f"a.{suffix}", image))
    assert bad == {}
    np.testing.assert_allclose(read[0], corner(32, 64), atol=8)


def test_a_picture_that_can_not_be_decoded_is_told_and_the_others_stay_in_order(tmp_path):
    good = [save(tmp_path / f"{name}.png", noise(5, 7, ord(name))) for name in "zay"]
    (tmp_path / "text.jpg").write_text("I am no picture")
    (tmp_path / "empty.jpg").write_bytes(b"")
    other = [tmp_path / "text.jpg", tmp_path / "empty.jpg", tmp_path / "gone.jpg"]
    order = [good[0], other[0], good[1], other[1], other[2], good[2]]
    read, bad = stored(tmp_path, *order)
    unknown = "not an image in a known format"
    assert bad.keys() == {"text.jpg", "empty.jpg", "gone.jpg"}
    assert bad["text.jpg"] == unknown and bad["empty.jpg"] == "is empty (0 bytes)"
    assert bad["gone.jpg"].startswith("can't be decoded: ")
    assert read.rows(["z.png", "a.png", "y.png"]) == [0, 1, 2]
    for row, name in enumerate("zay"):
        np.testing.assert_array_equal(read[row], noise(5, 7, ord(name)))


@pytest.mark.trial("pictures", "cut off at some lengths, at full size", "set aside")
@pytest.mark.parametrize("kept", [2, 20, 200, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("size", [None, 16])
def test_a_truncated_jpeg_is_never_half_a_picture(tmp_path, kept, size):
    stream = io.BytesIO()
    Image.fromarray(noise(120, 160)).save(stream, "JPEG")
    data = stream.getvalue()
    (tmp_path / "cut.jpg").write_bytes(data[: kept if kept > 1 else int(len(data) * kept)])
    good = save(tmp_path / "good.jpg", noise(40, 40))
    read, bad = stored(tmp_path, tmp_path / "cut.jpg", good, size=size)
    assert list(bad) == ["cut.jpg"] and read.rows(["good.jpg"]) == [0] and len(read) == 1


def test_too_many_pixels_are_refused_by_every_thread(tmp_path, monkeypatch):
    """Filters of warnings belong to the process; threads that each set them undo each other's."""
    files = [save(tmp_path / f"{n}.png", noise(200, 200)) for n in range(60)]
    monkeypatch.setattr(decoding, "MAX_PIXELS", 39_999)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = list(warnings.filters)
        for _ in range(4):
            _, bad = stored(tmp_path, *files)
            assert len(bad) == 60 and "39,999 pixels" in bad["0.png"]
            assert warnings.filters == before


@pytest.mark.parametrize("cut", [-1, 1, -(10**9)])
def test_a_store_of_the_wrong_length_is_refused(tmp_path, cut):
    stored(tmp_path, save(tmp_path / "a.png", noise(4, 5)))
    pixels = tmp_path / "pixels/pixels.u8"
    data = pixels.read_bytes()
    pixels.write_bytes((data + b"x")[: max(0, len(data) + cut)])
    with pytest.raises(UserError, match=r"pixels\.u8: expected 60 bytes, found .* prepare again"):
        PixelStore(tmp_path / "pixels")
    pixels.unlink()
    with pytest.raises(UserError, match="expected 60 bytes, found 0"):
        PixelStore(tmp_path / "pixels")


def test_a_store_without_pictures_has_no_pixels(tmp_path):
    read, bad = stored(tmp_path)
    assert len(read) == 0 and bad == {}
    assert [file.name for file in (tmp_path / "pixels").iterdir()] == ["index.json"]


@pytest.mark.parametrize("fails", ["write_json", "_decode_all"])
def test_when_writing_fails_nothing_partial_is_left(tmp_path, monkeypatch, fails):
    file = save(tmp_path / "a.png", noise(4, 5))
    (tmp_path / "out").mkdir()

    def fail(*_, **__):
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store, fails, fail)
        with pytest.raises(OSError, match="No space"):
            stored(tmp_path / "out", file)
    assert list((tmp_path / "out").iterdir()) == []

    stored(tmp_path / "out", file)
    monkeypatch.setattr(store, fails, fail)
    with pytest.raises(OSError, match="No space"):
        stored(tmp_path / "out", file, file)
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["pixels"]
    assert len(PixelStore(tmp_path / "out/pixels")) == 1


def test_the_same_pictures_give_the_same_bytes(tmp_path):
    files = [save(tmp_path / f"{n}.jpg", noise(60 + n, 90, n)) for n in range(20)]
    digests = []
    for again in "ab":
        (tmp_path / again).mkdir()
        stored(tmp_path / again, *files, size=32)
        written = sorted((tmp_path / again / "pixels").iterdir())
        digests.append([(f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for f in written])
    assert digests[0] == digests[1]
    assert [name for name, _ in digests[0]] == ["index.json", "pixels.u8", "prints.parquet"]


@pytest.mark.parametrize("channels", [1, 2, 4, 6])
def test_every_channel_is_resized_for_itself(tmp_path, channels):
    array = np.random.default_rng(0).integers(0, 256, (60, 90, channels), np.uint8)
    array[..., -1] = 0  # were it opacity, it would black out the others
    np.save(tmp_path / "a.npy", array)
    sources = [tmp_path / "a.npy", array]
    if channels == 4:
        Image.fromarray(array, "RGBA").save(tmp_path / "a.png")
        sources.append(tmp_path / "a.png")
    decoded = [decode(source, 20, channels) for source in sources]
    for pixels, published, _ in decoded:
        assert pixels.shape == (20, 30, channels) and published == (90, 60)
        assert np.array_equal(pixels, decoded[0].pixels)
        means = array.reshape(-1, channels).mean(0)
        np.testing.assert_allclose(pixels.reshape(-1, channels).mean(0), means, atol=4)


def test_arrays_that_are_no_picture_are_set_aside(tmp_path):
    (tmp_path / "empty.npy").write_bytes(b"")
    np.savez(tmp_path / "many.npz", a=np.zeros(3))
    (tmp_path / "many.npz").rename(tmp_path / "many.npy")
    np.save(tmp_path / "floats.npy", np.zeros((3, 3)))
    np.save(tmp_path / "rgb.npy", np.zeros((3, 3, 3), np.uint8))
    reasons = [decode(tmp_path / f"{it}.npy", 20, 4) for it in ("empty", "many", "floats", "rgb")]
    assert [str(it)[:12] for it in reasons] == [
        "is empty (0 ", "can't be dec", "expected uin", "has 3 channe",
    ]  # fmt: skip


@pytest.mark.parametrize("size", [70, 110, 199])
def test_resizing_is_close_to_pillow_s(tmp_path, size):
    y, x = np.mgrid[:200, :300]
    waves = 128 + 60 * np.sin(x / 9) + 60 * np.cos(y / 7 + x / 23)
    picture = Image.fromarray(np.repeat(waves[:, :, None], 3, axis=2).astype(np.uint8))
    read, _ = stored(tmp_path, save(tmp_path / "a.png", picture), size=size)
    wanted = picture.resize((round(300 * size / 200), size), Image.Resampling.BILINEAR)
    assert np.abs(read[0].astype(int) - np.asarray(wanted)).mean() < 2
