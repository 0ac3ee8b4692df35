"""Prints of pictures, by which the split's audit finds those that show the same.

The perceptual hash is pHash (Zauner 2010, as in the package imagehash, `phash(hash_size=16)`): the
16 x 16 lowest frequencies of a 64 x 64 grey copy, each compared with their median. Done by OpenCV
it takes an eighth of imagehash's time, and the mirror image's hash comes from the same frequencies.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onecycle.pixels.decode import Pixels
from onecycle.tables import write

SIDE, KEPT = 64, 16  # of the grey copy; frequencies of each axis
PLAIN = 2.0  # grey levels, 0 to 255: with less contrast the bits would be noise
ROWS, COLUMNS = np.mgrid[:KEPT, :KEPT]
# Low frequencies first: they change least, so a band of neighbouring bits often stays whole.
ORDER = np.lexsort((ROWS.ravel(), np.maximum(ROWS, COLUMNS).ravel(), (ROWS + COLUMNS).ravel()))
MIRRORED = np.where(COLUMNS % 2, -1, 1).astype(np.float32)  # odd waves change sign


@dataclass(frozen=True)
class Print:
    """What tells a picture.

    Attributes:
        sha256: of the file's bytes, or of the array's shape and bytes.
        hash: 256 bits, low frequencies first; null of a picture without contrast or of
            a side below 16 pixels.
        mirror: the same of its mirror image.
    """

    sha256: str
    hash: bytes | None
    mirror: bytes | None


def print_of(source: Path | Pixels, pixels: Pixels) -> Print:
    """A picture's print.

    Args:
        source: its file, or array.
        pixels: as it is stored, uint8 [H, W, C].
    """
    hashes = perceptual(pixels) or (None, None)
    return Print(_sha256(source), *hashes)


def perceptual(pixels: Pixels) -> tuple[bytes, bytes] | None:
    """The hashes of a picture, uint8 [H, W, C], and of its mirror image; null without contrast.

    Null too below 16 pixels a side: such a picture has not the frequencies that are compared.
    """
    if min(pixels.shape[:2]) < KEPT:
        return None
    waves = cv2.dct(_grey(pixels))
    energy = float((waves**2).sum() - waves[0, 0] ** 2)
    if energy < PLAIN**2 * SIDE**2:
        return None
    low = np.asarray(waves[:KEPT, :KEPT], dtype=np.float32)
    return _bits(low), _bits(low * MIRRORED)


def _grey(pixels: Pixels) -> NDArray[np.float32]:
    """What can be seen of a picture, in grey, float32 [SIDE, SIDE]."""
    seen = np.ascontiguousarray(pixels[:, :, :3] if pixels.shape[2] >= 3 else pixels[:, :, :1])
    grey = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY) if seen.shape[2] == 3 else seen[:, :, 0]
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _bits(low: NDArray[np.float32]) -> bytes:
    ordered = np.sort(low, axis=None)
    median = (ordered[KEPT * KEPT // 2 - 1] + ordered[KEPT * KEPT // 2]) / 2  # np.median, quicker
    return np.packbits((low > median).ravel()[ORDER]).tobytes()


def _sha256(source: Path | Pixels) -> str:
    if isinstance(source, np.ndarray):
        return hashlib.sha256(repr(source.shape).encode() + source.tobytes()).hexdigest()
    with source.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_prints(path: Path, names: Sequence[str], prints: Sequence[Print]) -> None:
    """Writes `id sha256 hash mirror`, a row for each stored picture."""
    columns = {
        "id": pa.array(names, pa.string()),
        "sha256": pa.array([each.sha256 for each in prints], pa.string()),
        "hash": pa.array([each.hash for each in prints], pa.binary(KEPT * KEPT // 8)),
        "mirror": pa.array([each.mirror for each in prints], pa.binary(KEPT * KEPT // 8)),
    }
    write(pa.table(columns), path)
