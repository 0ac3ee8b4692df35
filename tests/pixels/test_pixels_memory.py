"""A store that is larger than memory: its pages come and go with the kernel."""

import re
import zlib
from pathlib import Path

import numpy as np
import pytest

from onecycle.paths import write_json
from onecycle.pixels.store import PixelStore

MB = 1 << 20


def own_bytes() -> int:
    """What this process holds that the kernel can't read again from a file."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024


@pytest.mark.trial("memory", "a pixel store of 384 MB read in random order, all of it",
                   "the process's own memory grows by less than a twentieth of that")  # fmt: skip
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells RssAnon")
def test_reading_a_store_keeps_none_of_it(tmp_path):
    side, n = 256, 2048  # 192 KiB a picture; the file has holes only, and takes no disk
    with (tmp_path / "pixels.u8").open("wb") as file:
        file.truncate(n * side * side * 3)
    sides = dict.fromkeys(["height", "width", "published_height", "published_width"], [side] * n)
    ids = [str(at) for at in range(n)]
    sums = [zlib.crc32(bytes(side * side * 3))] * n
    index = {"size": side, "channels": 3, "ids": ids, "crc32": sums, **sides}
    write_json(tmp_path / "index.json", index)
    before = own_bytes()
    store = PixelStore(tmp_path)
    for row in np.random.default_rng(0).permutation(n).tolist():
        assert store[row].sum(dtype=np.int64) == 0
    assert own_bytes() - before < 384 * MB / 20
