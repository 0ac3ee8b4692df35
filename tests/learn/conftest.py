"""What the learner's tests share."""

import numpy as np
import pytest
from PIL import Image

from onecycle.pixels.store import PixelStore, write_store


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """40 pictures, dark ones and light ones."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    files = []
    for at in range(40):
        level = 60 if at % 2 else 190
        pixels = generator.normal(level, 25, (20, 20, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{at}.png")
        files.append((f"{at:02}", folder / f"{at}.png"))
    write_store(folder / "pixels", files, None)
    return PixelStore(folder / "pixels")
