"""The pixel store: every picture decoded once, its short side resized, kept as flat uint8.

A folder with `index.json` (ids, stored and published heights and widths) and, where there are
pictures, `pixels.u8`: their H x W x 3 RGB arrays one after another, read by memory mapping.
"""

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from onecycle.errors import UserError
from onecycle.paths import read_json, whole, write_json
from onecycle.progress import track

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


class PixelStore:
    """Reads a store.

    Args:
        folder: a stage's `pixels/`.

    Raises:
        UserError: the store is not whole.
    """

    def __init__(self, folder: Path) -> None:
        index = read_json(folder / "index.json")
        self._row = {name: row for row, name in enumerate(index["ids"])}
        shapes = [index["height"], index["width"]]
        self.shape = np.array(shapes, dtype=np.int64).reshape(2, -1).T  # [N, 2]: height, width
        published = [index["published_width"], index["published_height"]]
        self._published = np.array(published, dtype=np.float64).reshape(2, -1).T
        self._start = np.concatenate([[0], np.cumsum(self.shape.prod(1) * 3)])
        self._flat = self._map(folder / "pixels.u8")

    def _map(self, file: Path) -> Pixels:
        expected = int(self._start[-1])
        if expected == 0:
            return np.empty(0, np.uint8)
        found = file.stat().st_size if file.exists() else 0
        if found != expected:
            raise UserError(f"{file}: expected {expected:,} bytes, found {found:,}; prepare again")
        return np.memmap(file, np.uint8, "r")

    def rows(self, ids: Sequence[str]) -> list[int]:
        """The rows of items in the store, by id."""
        return [self._row[name] for name in ids]

    def __len__(self) -> int:
        return len(self._row)

    def __getitem__(self, row: int) -> Pixels:
        """A picture, uint8 [H, W, 3], RGB."""
        height, width = self.shape[row]
        return self._flat[self._start[row] : self._start[row + 1]].reshape(height, width, 3)

    def size_px(self, rows: Sequence[int]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """Widths and heights of pictures as published, float64 [N, 2], in pixels."""
        return self._published[list(rows)]


def write_store(
    folder: Path, files: Sequence[tuple[str, Path]], size: int | None
) -> dict[str, str]:
    """Decodes pictures into a new store, those that can't be decoded left out.

    Args:
        folder: where the store shall lie.
        files: (id, file) of each picture, in the order in which they are stored.
        size: pixels of the short side; smaller pictures and null keep their own size.

    Returns:
        The reason for each id that was left out.
    """
    bad: dict[str, str] = {}
    index: dict[str, list[int] | list[str]] = {}
    names: list[str] = []
    shapes: list[tuple[int, int, int, int]] = []
    with whole(folder) as partial:
        partial.mkdir()
        if files:
            with (partial / "pixels.u8").open("wb") as stream:
                for (name, _), found in zip(files, _decode_all(files, size), strict=True):
                    if isinstance(found, str):
                        bad[name] = found
                        continue
                    pixels, published = found
                    stream.write(pixels.tobytes())
                    names.append(name)
                    shapes.append((pixels.shape[0], pixels.shape[1], *published))
        columns = list(zip(*shapes, strict=True)) or [()] * 4
        keys = ["height", "width", "published_width", "published_height"]
        index = {"ids": names} | {k: list(c) for k, c in zip(keys, columns, strict=True)}
        write_json(partial / "index.json", index)
    return bad


def _decode_all(
    files: Sequence[tuple[str, Path]], size: int | None
) -> Iterator[tuple[Pixels, tuple[int, int]] | str]:
    """Decodes in threads (Pillow lets go of the lock), a bounded number ahead of the writer.

    Filters of warnings belong to the process: set here once, for threads would undo each other's.
    """
    ahead = 256
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings.simplefilter("ignore")
        for start in track(range(0, len(files), ahead), "decoding, in batches of 256"):
            paths = [path for _, path in files[start : start + ahead]]
            yield from pool.map(lambda path: decode(path, size), paths)


def decode(path: Path, size: int | None) -> tuple[Pixels, tuple[int, int]] | str:
    """Decodes a picture: upright as its EXIF says, RGB, its short side resized to `size` pixels.

    Returns:
        uint8 [H, W, 3] and the published (width, height), or why it can't be decoded.
    """
    try:
        with Image.open(path) as image:
            published = image.size
            if published[0] * published[1] > (Image.MAX_IMAGE_PIXELS or math.inf):
                return f"can't be decoded: more than {Image.MAX_IMAGE_PIXELS:,} pixels"
            if image.mode.startswith(("I", "F")):
                return f"has more than 8 bits a channel (Pillow's mode {image.mode})"
            if size is not None and min(published) > 2 * size:
                image.draft("RGB", (2 * size, 2 * size))  # JPEG: decode at a fraction
            upright = ImageOps.exif_transpose(image).convert("RGB")
            swapped = image.getexif().get(0x0112, 1) >= 5  # turned by 90 degrees
    except UnidentifiedImageError:
        return "not an image in a known format"
    except (OSError, ValueError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        return f"can't be decoded: {error}"
    short = min(upright.size)
    if size is not None and short > size:
        width, height = (max(1, round(side * size / short)) for side in upright.size)
        upright = upright.resize((width, height), Image.Resampling.BILINEAR)
    width, height = published[::-1] if swapped else published
    return np.asarray(upright), (width, height)
