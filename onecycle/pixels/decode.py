"""From a picture's file to its pixels."""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Decoded = tuple[Pixels, tuple[int, int]]
BOMB = Image.DecompressionBombError


def decode(source: Path | Pixels, size: int | None, channels: int = 3) -> Decoded | str:
    """Decodes a picture: upright as its EXIF says, its short side resized to `size` pixels.

    Args:
        source: a picture's file, a `.npy` file of an array, or an array: uint8 [H, W] or [H, W, C].
        size: pixels of the short side; smaller pictures and null keep their own size.
        channels: 1 makes it grey and 3 RGB; otherwise it must have so many.

    Returns:
        uint8 [H, W, C] and the published (width, height), or why it can't be decoded.
    """
    try:
        if isinstance(source, np.ndarray):
            return _shrunk(source, size, channels)
        if source.suffix.lower() == ".npy":
            return _shrunk(np.load(source, allow_pickle=False), size, channels)
        return _opened(source, size, channels)
    except UnidentifiedImageError:
        return "not an image in a known format"
    except (OSError, EOFError, ValueError, SyntaxError, Warning, BOMB) as error:
        return f"can't be decoded: {error}"


def _opened(path: Path, size: int | None, channels: int) -> Decoded | str:
    """Decodes an image file."""
    with Image.open(path) as image:
        published = image.size
        if published[0] * published[1] > (Image.MAX_IMAGE_PIXELS or math.inf):
            return f"can't be decoded: more than {Image.MAX_IMAGE_PIXELS:,} pixels"
        if image.mode.startswith(("I", "F")):
            return f"has more than 8 bits a channel (Pillow's mode {image.mode})"
        if channels not in (1, 3) and len(image.getbands()) != channels:
            return f"has {len(image.getbands())} channels, prepare.channels is {channels}"
        if channels == 3 and size is not None and min(published) > 2 * size:
            image.draft("RGB", (2 * size, 2 * size))  # JPEG: decode at a fraction
        upright = ImageOps.exif_transpose(image)
        mode = {1: "L", 3: "RGB"}.get(channels, upright.mode)
        picture = upright.convert(mode)
        swapped = image.getexif().get(0x0112, 1) >= 5  # turned by 90 degrees
    # Each channel for itself: Pillow would take a fourth one for opacity.
    planes = [np.asarray(_resized(plane, size)) for plane in picture.split()]
    width, height = published[::-1] if swapped else published
    return np.stack(planes, axis=2), (width, height)


def _shrunk(array: Pixels, size: int | None, channels: int) -> Decoded | str:
    """Resizes an array, channel by channel."""
    if not isinstance(array, np.ndarray):
        return "holds several arrays, expected one"
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or 0 in array.shape:
        return f"expected uint8 [H, W] or [H, W, C], found {array.dtype} {list(array.shape)}"
    array = array.reshape(*array.shape[:2], -1)
    height, width, found = array.shape
    if found != channels:
        return f"has {found} channels, prepare.channels is {channels}"
    planes = [_resized(Image.fromarray(array[:, :, at]), size) for at in range(channels)]
    return np.stack([np.asarray(plane) for plane in planes], axis=2), (width, height)


def _resized(image: Image.Image, size: int | None) -> Image.Image:
    short = min(image.size)
    if size is None or short <= size:
        return image
    width, height = (max(1, round(side * size / short)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR)
