"""The pixel store: every picture decoded once, its short side resized, kept as flat uint8.

A folder with `index.json` (size, channels, ids, stored and published heights and widths, checksums)
and, where there are pictures, `pixels.u8`: their H x W x C arrays one after another, read by memory
mapping, and `prints.parquet`, by which equal and similar pictures are found.
"""

import os
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np

from onecycle.errors import DamagedError, UserError
from onecycle.paths import read_json, whole, write_json
from onecycle.pixels.decode import Decoded, Pixels, decode
from onecycle.pixels.prints import Print, print_of, write_prints
from onecycle.progress import track

Sizes = np.ndarray[tuple[int, int], np.dtype[np.float64]]
Shapes = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


class Store(Protocol):
    """Decoded pictures, wherever they lie.

    Attributes:
        size: pixels of the short side at most; null: pictures keep their own size.
        channels: of every picture; three are RGB.
        shape: heights and widths as they are stored, int64 [N, 2].
    """

    size: int | None
    channels: int
    shape: Shapes

    def rows(self, ids: Sequence[str]) -> list[int]:
        """The rows of items, by id."""
        ...

    def __getitem__(self, row: int) -> Pixels:
        """A picture, uint8 [H, W, C]."""
        ...

    def size_px(self, rows: Sequence[int]) -> Sizes:
        """Widths and heights as published, float64 [N, 2], in pixels."""
        ...


class InMemory:
    """A store of pictures that lie in memory; an item's id is its row in digits.

    Args:
        pictures: as `decode` gives them, of one size and number of channels.
        size: of the short side, as in `decode`.
        channels: likewise.
    """

    def __init__(self, pictures: Sequence[Decoded], size: int | None, channels: int = 3) -> None:
        self.size, self.channels, self._pictures = size, channels, pictures
        shapes = [each.pixels.shape[:2] for each in pictures]
        self.shape: Shapes = np.array(shapes, dtype=np.int64).reshape(-1, 2)

    def rows(self, ids: Sequence[str]) -> list[int]:
        """The rows of items, by id."""
        return [int(name) for name in ids]

    def __getitem__(self, row: int) -> Pixels:
        return self._pictures[row].pixels

    def size_px(self, rows: Sequence[int]) -> Sizes:
        """Widths and heights as published, float64 [N, 2], in pixels."""
        published = [self._pictures[row].published for row in rows]
        return np.array(published, dtype=np.float64).reshape(-1, 2)


class PixelStore:
    """Reads a store; it may be larger than memory.

    Args:
        folder: a stage's `pixels/`.

    Attributes:
        size: pixels of the short side at most; null: pictures kept their own size.
        channels: of every picture; three are RGB.
        shape: stored heights and widths, int64 [N, 2].

    Raises:
        UserError: the store is not whole; so does a picture that is not what was stored.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        index = read_json(folder / "index.json")
        try:
            self.size: int | None = index["size"]
            self._row = {name: row for row, name in enumerate(index["ids"])}
            self.channels = int(index["channels"])
            shapes = [index["height"], index["width"]]
            self.shape: Shapes = np.array(shapes, dtype=np.int64).reshape(2, -1).T  # height, width
            published = [index["published_width"], index["published_height"]]
            self._published = np.array(published, dtype=np.float64).reshape(2, -1).T
            self._crc32 = np.array(index["crc32"], dtype=np.uint32)
        except (KeyError, TypeError, ValueError) as error:
            said = f"{type(error).__name__}: {error}"
            raise DamagedError(
                folder / "index.json", f"or of an older version; {said}", "prepare again"
            ) from None
        self._is_checked = np.zeros(len(self._row), dtype=bool)
        self._start = np.concatenate([[0], np.cumsum(self.shape.prod(1) * self.channels)])
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
        """A picture, uint8 [H, W, C]."""
        height, width = self.shape[row]
        flat = self._flat[self._start[row] : self._start[row + 1]]
        if not self._is_checked[row]:
            self._check(row, flat)
        return flat.reshape(height, width, -1)

    def _check(self, row: int, flat: Pixels) -> None:
        """Holds a picture to its checksum when it is read for the first time.

        Raises:
            DamagedError: it is not what was stored.
        """
        if zlib.crc32(flat.data) != self._crc32[row]:
            name = list(self._row)[row]
            raise DamagedError(self.folder / "pixels.u8", f"the picture of item '{name}' changed")
        self._is_checked[row] = True

    def size_px(self, rows: Sequence[int]) -> Sizes:
        """Widths and heights of pictures as published, float64 [N, 2], in pixels."""
        return self._published[list(rows)]


def visible(pixels: Pixels) -> Pixels:
    """What a person can look at of a picture [H, W, C]: RGB [H, W, 3], or one channel [H, W]."""
    return pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, 0]


def write_store(
    folder: Path,
    files: Sequence[tuple[str, Path | Pixels]],
    size: int | None,
    channels: int = 3,
    note: Callable[[str, str], object] = lambda *_: None,
) -> dict[str, str]:
    """Decodes pictures into a new store, those that can't be decoded left out.

    Args:
        folder: where the store shall lie.
        files: (id, file) of each picture, in the order in which they are stored; or (id, array).
        size: pixels of the short side; smaller pictures and null keep their own size.
        channels: of every picture; 1 is grey, 3 is RGB.
        note: called with the id and what was changed in it, or is odd.

    Returns:
        The reason for each id that was left out.
    """
    bad: dict[str, str] = {}
    names: list[str] = []
    prints: list[Print] = []
    shapes: list[tuple[int, int, int, int, int]] = []
    with whole(folder) as partial:
        partial.mkdir()
        if files:
            with (partial / "pixels.u8").open("wb") as stream:
                decoded = _decode_all(files, size, channels)
                for (name, _), (found, printed) in zip(files, decoded, strict=True):
                    if isinstance(found, str) or printed is None:
                        bad[name] = str(found)
                        continue
                    pixels, published, notes = found
                    for said in notes:
                        note(name, said)
                    content = pixels.tobytes()
                    stream.write(content)
                    names.append(name)
                    prints.append(printed)
                    height, width = pixels.shape[:2]
                    shapes.append((height, width, *published, zlib.crc32(content)))
            write_prints(partial / "prints.parquet", names, prints)
        keys = ["height", "width", "published_width", "published_height", "crc32"]
        columns = list(zip(*shapes, strict=True)) or [()] * len(keys)
        index: dict[str, object] = {"size": size, "channels": channels, "ids": names} | {
            k: list(c) for k, c in zip(keys, columns, strict=True)
        }
        write_json(partial / "index.json", index, sealed=True)
    return bad


def _decode_all(
    files: Sequence[tuple[str, Path | Pixels]], size: int | None, channels: int
) -> Iterator[tuple[Decoded | str, Print | None]]:
    """Decodes in threads (Pillow lets go of the lock), a bounded number ahead of the writer.

    Filters of warnings belong to the process: set here once, for threads would undo each other's.
    """

    def read(source: Path | Pixels) -> tuple[Decoded | str, Print | None]:
        found = decode(source, size, channels)
        return found, None if isinstance(found, str) else print_of(source, found[0])

    ahead = 256
    with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
        warnings.simplefilter("ignore")
        for start in track(range(0, len(files), ahead), "decoding, in batches of 256"):
            sources = [source for _, source in files[start : start + ahead]]
            yield from pool.map(read, sources)
