"""From a picture's file to its pixels: what any viewer shows, in 8 bits, upright; else a reason.

What is changed on the way is noted, in few words that can be counted. Colour profiles are left
aside: the numbers are taken as sRGB.
"""

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.Image import Transpose

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Source = Path | Pixels | Image.Image
MAX_PIXELS = 100_000_000  # checked before decoding; as RGB 300 MB, for each thread
# Pillow tries no others: some of them start programs.
FORMATS = ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"]
SUFFIXES = {f".{name.lower()}": name for name in FORMATS} | {".jpg": "JPEG", ".tif": "TIFF"}
DARK = 1 << 12  # below it, the upper 8 of 16 bits hold fewer than 16 levels
NAMES = {"1": "1 bit", "L": "grey", "LA": "grey", "P": "palette", "PA": "palette"}
ORIENTATION = 0x0112  # of EXIF and TIFF; what turns each upright, by EXIF's table
TURNS = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


class Decoded(NamedTuple):
    """A picture.

    Attributes:
        pixels: uint8 [H, W, C].
        published: width and height of the file, upright, in pixels.
        notes: what was changed or is odd.
    """

    pixels: Pixels
    published: tuple[int, int]
    notes: tuple[str, ...] = ()


class Unusable(Exception):
    """Why a file gives no picture."""


def decode(source: Source, size: int | None, channels: int = 3) -> Decoded | str:
    """Decodes a picture: upright as its EXIF says, its short side resized to `size` pixels.

    Args:
        source: a picture's file, a `.npy` file of an array, an array, uint8 [H, W] or [H, W, C], or
            Pillow's image.
        size: pixels of the short side; smaller pictures and null keep their own size.
        channels: 1 makes it grey and 3 RGB, transparent parts laid over white; otherwise it must
            have so many.

    Returns:
        The picture, or why there is none.
    """
    try:
        if isinstance(source, np.ndarray):
            return _from_array(source, size, channels)
        if isinstance(source, Image.Image):
            return _small(_from_image(source, None, channels, []), size)  # a draft would change it
        _check_file(source)
        if source.suffix.lower() == ".npy":
            return _from_array(_mapped(source), size, channels)
        return _small(_from_file(source, size, channels), size)
    except Unusable as error:
        return str(error)
    except Exception as error:
        error.add_note(f"while decoding {source if isinstance(source, Path) else type(source)}")
        raise


@contextmanager
def _outside() -> Iterator[None]:
    """Whatever a decoder raises over a file, of any kind, is the file's fault; no memory is not."""
    try:
        yield
    except (Unusable, MemoryError):
        raise
    except UnidentifiedImageError:
        raise Unusable("not an image in a known format") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise Unusable(f"more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:  # struct.error, KeyError, SyntaxError, RuntimeError and others
        said = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise Unusable(f"can't be decoded: {said or type(error).__name__}") from None


def _check_file(path: Path) -> None:
    """Refuses what is no file with content; to open a pipe would wait for ever."""
    with _outside():
        found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise Unusable("is a folder" if stat.S_ISDIR(found.st_mode) else "is no regular file")
    if found.st_size == 0:
        raise Unusable("is empty (0 bytes)")


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise Unusable(f"more than {MAX_PIXELS:,} pixels ({width:,} x {height:,})")
    if width < 1 or height < 1:
        raise Unusable(f"has no pixels ({width} x {height})")


def _from_file(path: Path, size: int | None, channels: int) -> Decoded:
    with _outside(), Image.open(path, formats=FORMATS) as image:
        found = "JPEG" if image.format == "MPO" else image.format
        if found == "JPEG":
            _check_end(path)
        suffix = path.suffix.lower()
        odd = SUFFIXES.get(suffix, found) != found
        return _from_image(image, size, channels, [f"{found} named {suffix}"] if odd else [])


def _from_image(image: Image.Image, size: int | None, channels: int, notes: list[str]) -> Decoded:
    with _outside():
        _check_size(*image.size)
        width, height = image.size
        bands = len(image.getbands())
        if channels not in (1, 3) and bands != channels:
            raise Unusable(f"has {bands} channels, prepare.channels is {channels}")
        deep = _is_deep(image)
        if channels == 3 and size is not None and min(image.size) > 2 * size:
            image.draft("RGB", (2 * size, 2 * size))  # JPEG: decode at a fraction
        turned = getattr(image, "tag_v2", {}).get(ORIENTATION) in TURNS  # loading turns a TIFF
        image.load()
        turn = _orientation(image, notes)
        if turned or turn in TURNS:
            notes.append("turned upright as its EXIF says")
        picture = _converted(image, channels, notes, deep=deep)
        if turn in TURNS:
            picture = picture.transpose(TURNS[turn])
            width, height = (height, width) if turn >= 5 else (width, height)
        if getattr(image, "is_animated", False):
            notes.append("several frames, the first taken")
        return Decoded(np.asarray(picture), (width, height), tuple(notes))


def _small(decoded: Decoded, size: int | None) -> Decoded:
    """A picture resized; what is odd of its own size is noted."""
    pixels, published, notes = decoded
    return Decoded(_resized(pixels, size), published, (*notes, *_odd(*published)))


def _check_end(path: Path) -> None:
    """Refuses a JPEG that ends in zeros, as broken downloads leave it: they are decoded as grey."""
    with path.open("rb") as stream:
        stream.seek(-2, 2)
        if stream.read() != b"\0\0":
            return
        stream.seek(0)
        if not stream.read().rstrip(b"\0").endswith(b"\xff\xd9"):
            raise Unusable("its end is missing: it is filled with zeros")


def _is_deep(image: Image.Image) -> bool:
    """Whether a file that is not yet loaded has more than 8 bits a channel."""
    if image.mode.startswith("I;16"):
        return True
    for codec, _, _, arguments in getattr(image, "tile", []):
        mode, *more = arguments if isinstance(arguments, tuple) else (arguments,)
        if ";16" in str(mode) or (codec == "ppm" and more[0] > 255):
            return True
    return False


def _orientation(image: Image.Image, notes: list[str]) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none that makes sense."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # as in _outside; the pixels are whole
        notes.append("EXIF that can't be read")
        return 1
    return found if isinstance(found, int) and found in TURNS else 1


def _converted(image: Image.Image, channels: int, notes: list[str], *, deep: bool) -> Image.Image:
    """Makes 8 bits a channel; of one or three channels grey or RGB, without transparency."""
    if deep:
        notes.append("16 bits a channel, the upper 8 kept")
    if image.mode.startswith("I") and deep:
        image = _upper_bits(image)
    elif image.mode.startswith(("I", "F")):
        raise Unusable(f"has more than 16 bits a channel (Pillow's mode {image.mode})")
    if channels not in (1, 3):
        return image
    mode, words = ("L", "grey") if channels == 1 else ("RGB", "RGB")
    name = NAMES.get(image.mode, image.mode)
    if not name.startswith("RGB") and name != words:
        notes.append(f"{name} converted to {words}")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if np.asarray(image)[:, :, 3].min() < 255:
            notes.append("transparent parts laid over white")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


def _upper_bits(image: Image.Image) -> Image.Image:
    """Keeps the upper 8 of 16 bits, which is what Pillow does to colours.

    Raises:
        Unusable: the brightest pixel is below 2^12, as in 12-bit scans: it would be nearly black.
    """
    values = np.asarray(image)
    if values.min() < 0:
        raise Unusable(f"has values below 0 ({values.min()}); scale its values to 8 bits")
    if 0 < values.max() < DARK:
        raise Unusable(
            f"has 16 bits a channel, and no value above {values.max()} of 65,535: it would be "
            "nearly black; scale its values to 8 bits"
        )
    return Image.fromarray((values >> 8).astype(np.uint8))


def _odd(width: int, height: int) -> list[str]:
    """What makes a picture's size suspicious."""
    short, long = sorted((width, height))
    small = ["short side under 8 pixels"] if short < 8 else []
    return small + (["one side over 20 times the other"] if long > 20 * short else [])


def _mapped(path: Path) -> Pixels:
    """The array of a `.npy` file, not read yet: a header may promise more than there is."""
    with _outside():
        return np.lib.format.open_memmap(path, mode="r")


def _from_array(array: Pixels, size: int | None, channels: int) -> Decoded:
    """Resizes an array."""
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
        raise Unusable(f"expected uint8 [H, W] or [H, W, C], got {array.dtype} {list(array.shape)}")
    array = array.reshape(*array.shape[:2], -1)
    height, width, found = array.shape
    _check_size(width, height)
    if found != channels:
        raise Unusable(f"has {found} channels, prepare.channels is {channels}")
    return _small(Decoded(array, (width, height)), size)


def _resized(pixels: Pixels, size: int | None) -> Pixels:
    """A picture [H, W] or [H, W, C] as [H, W, C], its short side no longer than `size`.

    Under twice the size, two by two pixels are blended, in a quarter of the time that all that lie
    below one take; beyond that they would leave some out.
    """
    height, width = pixels.shape[:2]
    short = min(height, width)
    if size is not None and short > size:
        to = [max(1, round(side * size / short)) for side in (width, height)]
        way = cv2.INTER_AREA if short >= 2 * size else cv2.INTER_LINEAR
        pixels = cast(Pixels, cv2.resize(np.ascontiguousarray(pixels), to, interpolation=way))
        width, height = to
    return pixels.reshape(height, width, -1)
