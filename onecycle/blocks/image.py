"""The image block: pictures of the pixel store become batches through one warp and one table."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from onecycle.pixels.store import Pixels, PixelStore

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
# ImageNet's channel means and deviations on [0, 1], which torchvision's weights expect.
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])


class Images:
    """An input block over a store.

    Args:
        store: decoded pictures.
        size: height and width of what the model sees, in pixels.
    """

    kind = "image"

    def __init__(self, store: PixelStore, size: tuple[int, int]) -> None:
        self.store = store
        self.size = size

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
            float32 [N, 3, H, W] in channels-last memory, normalised by ImageNet's statistics.
        """
        height, width = self.size
        out = np.empty((len(rows), height, width, 3), np.float32)
        to_batch = np.linalg.inv(to_pixels(height, width))
        for at, row in enumerate(rows.tolist()):
            pixels: Pixels = self.store[row]
            warp = to_pixels(*pixels.shape[:2]) @ geometry[at] @ to_batch
            seen = cv2.warpPerspective(
                pixels,
                warp,
                (width, height),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REFLECT_101,
            )
            table = ((tables[at][:, None] - MEAN) / STD).astype(np.float32)
            out[at] = cv2.LUT(seen, table[:, None, :])
        return torch.from_numpy(out).permute(0, 3, 1, 2)


def to_pixels(height: int, width: int) -> Floats:
    """The matrix from [-1, 1] coordinates to pixel centres, float64 [3, 3]; -1 is an outer edge."""
    half = np.array([[width / 2, 0, width / 2], [0, height / 2, height / 2], [0, 0, 1.0]])
    half[:2, 2] -= 0.5
    return half
