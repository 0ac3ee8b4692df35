"""The image block: pictures of the pixel store become batches through one warp and one table."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from torch import Tensor

from onecycle.pixels.decode import Pixels
from onecycle.pixels.store import Store

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Lights = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
# ImageNet's channel means and deviations on [0, 1], which torchvision's weights expect.
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])
WARPED = 4  # OpenCV warps so many channels at once


class Images:
    """An input block over a store.

    Args:
        store: decoded pictures.
        size: height and width of what the model sees, in pixels.
    """

    kind = "image"

    def __init__(self, store: Store, size: tuple[int, int]) -> None:
        self.store = store
        self.size = size
        self.mean, self.std = statistics(store.channels)

    def state(self) -> dict[str, object]:
        """What model.json keeps: how a picture is decoded, before it is shown to a model."""
        return {"kind": self.kind, "size": self.store.size, "channels": self.store.channels}

    def encode(self, ids: Sequence[str], _: object = None) -> Tensor:
        """The store's row of each item, int64 [N]."""
        return torch.tensor(self.store.rows(ids), dtype=torch.int64)

    def size_px(self, ids: Sequence[str]) -> Floats:
        """Published widths and heights, float64 [N, 2], in pixels."""
        return self.store.size_px(self.store.rows(ids))

    def batch(self, rows: Tensor, geometry: Floats, tables: Floats) -> Tensor:
        """Pictures as the model sees them.

        Args:
            rows: int64 [N], rows of the store.
            geometry: float64 [N, 3, 3]; takes homogeneous coordinates of the batch's picture to
                those of the stored one, both in [-1, 1], x before y, origin in the middle.
            tables: float64 [N, 256]; the value in [0, 1] that each stored value 0 to 255 becomes.

        Returns:
            float32 [N, C, H, W] in channels-last memory, normalised by ImageNet's statistics.
        """
        (height, width), channels = self.size, self.store.channels
        out = np.empty((len(rows), height, width, channels), np.float32)
        shapes, to_batch = self.store.shape[rows.numpy()], np.linalg.inv(to_pixels(height, width))
        warps = [
            to_pixels(*shape) @ each @ to_batch
            for shape, each in zip(shapes, geometry, strict=True)
        ]
        lights = ((tables[:, :, None] - self.mean) / self.std).astype(np.float32)

        def fill(some: Sequence[int]) -> None:
            for at in some:
                show(self.store[int(rows[at])], warps[at], lights[at], out[at])

        threads = min(torch.get_num_threads(), len(rows))
        if threads <= 1:
            fill(range(len(rows)))
        else:
            with ThreadPoolExecutor(threads) as pool:  # OpenCV lets go of the interpreter
                list(pool.map(fill, [range(first, len(rows), threads) for first in range(threads)]))
        return torch.from_numpy(out).permute(0, 3, 1, 2)

    def pictures(self, x: Tensor) -> Pixels:
        """What `batch` gave, as uint8 [N, H, W, C], to be looked at."""
        values = x.permute(0, 2, 3, 1).numpy() * self.std + self.mean
        shown: Pixels = (255 * values.clip(0, 1)).round().astype(np.uint8)
        return shown


def show(pixels: Pixels, warp: Floats, lights: Lights, out: Lights) -> None:
    """One picture as the model sees it.

    Args:
        pixels: uint8 [h, w, C], stored.
        warp: float64 [3, 3]; takes pixels of the batch's picture to stored ones.
        lights: float32 [256, C]; what each stored value becomes.
        out: float32 [H, W, C], to be filled.
    """
    height, width, channels = out.shape
    whole = channels <= WARPED  # then OpenCV writes where it shall stand: new memory is slow
    for first in range(0, channels, WARPED):
        some = slice(first, first + WARPED)
        seen = cv2.warpPerspective(
            np.ascontiguousarray(pixels[:, :, some]),
            warp,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        looked_up = cv2.LUT(seen, lights[:, None, some], dst=out if whole else None)
        if not whole:
            out[:, :, some] = looked_up.reshape(height, width, -1)


def statistics(channels: int) -> tuple[Floats, Floats]:
    """Means and deviations to normalise by, float64 [C] each.

    RGB has ImageNet's; grey, and each channel beyond RGB, their means, since the weights that see
    it are made of RGB's.
    """
    mean, std = (np.full(channels, rgb.mean()) for rgb in (MEAN, STD))
    if channels >= 3:
        mean[:3], std[:3] = MEAN, STD
    return mean, std


def to_pixels(height: int, width: int) -> Floats:
    """The matrix from [-1, 1] coordinates to pixel centres, float64 [3, 3]; -1 is an outer edge."""
    half = np.array([[width / 2, 0, width / 2], [0, height / 2, height / 2], [0, 0, 1.0]])
    half[:2, 2] -= 0.5
    return half
