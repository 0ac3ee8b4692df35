import hashlib
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from scipy.fft import dctn

from onecycle.pixels.decode import decode
from onecycle.pixels.prints import ORDER, perceptual, print_of
from onecycle.pixels.store import write_store


def scene(seed: int) -> Image.Image:
    """Something like a photo: shapes, soft edges, a little noise."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (360, 270), tuple(rng.integers(60, 200, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(25):
        x, y, w, h = rng.integers(0, 360), rng.integers(0, 270), *rng.integers(20, 160, 2)
        draw.ellipse((x - w, y - h, x + w, y + h), fill=tuple(rng.integers(0, 256, 3)))
    noise = rng.normal(0, 4, (270, 360, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def again(image: Image.Image, suffix: str, **options) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, suffix, **options)
    return Image.open(stream)


def cropped(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    x, y = width * share / 2, height * share / 2
    return image.crop((int(x), int(y), int(width - x), int(height - y)))


def stamped(image: Image.Image) -> Image.Image:
    image = image.copy()
    ImageDraw.Draw(image).text((20, 230), "(c) somebody", fill=(255, 255, 255), font_size=24)
    return image


EDITS = {
    "saved as a JPEG of quality 30": lambda i: again(i, "JPEG", quality=30),
    "saved as a WebP": lambda i: again(i, "WEBP", quality=75),
    "saved as a GIF": lambda i: again(i, "GIF"),
    "at half its size": lambda i: i.resize((180, 135)),
    "10 % brighter": lambda i: ImageEnhance.Brightness(i).enhance(1.1),
    "cropped by 2 %": lambda i: cropped(i, 0.02),
    "mirrored": ImageOps.mirror,
    "made grey": lambda i: i.convert("L"),
    "with a line of text": stamped,
}


def bits_apart(one: bytes, other: bytes) -> int:
    return int(np.bitwise_count(np.frombuffer(one, "u1") ^ np.frombuffer(other, "u1")).sum())


def apart(one: np.ndarray, other: np.ndarray) -> int:
    """Bits between two pictures, or one and the other's mirror image."""
    (mine, _), yours = perceptual(one), perceptual(other)
    return min(bits_apart(mine, each) for each in yours)


def stored(image: Image.Image, tmp_path) -> np.ndarray:
    image.convert("RGB").save(tmp_path / "a.png")
    return decode(tmp_path / "a.png", 128)[0]


@pytest.mark.parametrize("edit", [
    pytest.param(edit, marks=pytest.mark.trial("leaks", f"a copy {name}", "within 40 bits of 256"))
    for name, edit in EDITS.items()
])  # fmt: skip
def test_a_changed_copy_has_nearly_the_same_hash(tmp_path, record_property, edit):
    for seed in range(5):
        image = scene(seed)
        assert apart(stored(image, tmp_path), stored(edit(image), tmp_path)) <= 40
    record_property("tried", 5)


@pytest.mark.trial("leaks", "pictures of different things", "more than 40 bits apart")
def test_other_pictures_have_other_hashes(tmp_path, record_property):
    pictures = [stored(scene(seed), tmp_path) for seed in range(20)]
    pairs = [apart(a, b) for at, a in enumerate(pictures) for b in pictures[:at]]
    assert min(pairs) > 40
    record_property("tried", len(pairs))


def test_the_hash_is_phash_in_another_order():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 1), np.uint8)
    for at, shown in enumerate((pixels, pixels[:, ::-1])):
        low = dctn(shown[:, :, 0].astype(float), norm="ortho")[:16, :16]
        expected = (low > np.median(low)).ravel()[ORDER]
        found = np.unpackbits(np.frombuffer(perceptual(pixels)[at], np.uint8))
        assert (found != expected).sum() <= 2  # of those at the median, by rounding


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_is_seen_counts_and_a_plain_picture_has_no_hash(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, channels), np.uint8)
    hidden = pixels.copy()
    if channels in (2, 4):
        hidden[:, :, -1] = 0
    assert perceptual(pixels) == perceptual(hidden) is not None
    plain = np.full((40, 50, channels), 200, np.uint8)
    plain[3, 3] = 190
    assert perceptual(plain) is None and print_of(plain, plain).hash is None


def test_a_picture_too_small_for_its_frequencies_has_no_hash():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 20, 1), np.uint8)
    assert perceptual(pixels) is not None and perceptual(pixels[:15]) is None


def test_a_store_has_the_prints_of_what_it_holds(tmp_path):
    scene(0).save(tmp_path / "a.png")
    (tmp_path / "bad.png").write_text("no picture")
    array = np.asarray(scene(1))
    files = [("a", tmp_path / "a.png"), ("bad", tmp_path / "bad.png"), ("c", array)]
    write_store(tmp_path / "pixels", files, 64)
    table = pd.read_parquet(tmp_path / "pixels" / "prints.parquet")
    assert list(table) == ["id", "sha256", "hash", "mirror"] and table["id"].tolist() == ["a", "c"]
    assert table["sha256"][0] == hashlib.sha256((tmp_path / "a.png").read_bytes()).hexdigest()
    assert table["sha256"][1] != table["sha256"][0]
    assert table["hash"][0] == perceptual(decode(tmp_path / "a.png", 64)[0])[0]
    assert {len(cell) for cell in [*table["hash"], *table["mirror"]]} == {32}
