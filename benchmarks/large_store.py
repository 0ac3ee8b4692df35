"""A pixel store larger than memory, read in random order: how much memory that takes.

`python -m benchmarks.large_store FOLDER --gib 32` writes a sparse store, which takes no room on the
disk, makes batches of random pictures of it, and says the anonymous memory that the process came
to: what the system can't take back, unlike pages of files.
"""

import argparse
import time
import zlib
from pathlib import Path

import numpy as np
import torch

from onecycle.paths import write_json
from onecycle.pixels.store import PixelStore
from onecycle.progress import say

HEIGHT, WIDTH = 512, 683  # of each picture: a megabyte
STATUS = Path("/proc/self/status")


def sparse_store(folder: Path, size: int) -> int:
    """Writes a store of black pictures.

    Args:
        folder: is made.
        size: bytes at least.

    Returns:
        How many pictures it has.
    """
    folder.mkdir(parents=True)
    one = HEIGHT * WIDTH * 3
    n = -(-size // one)
    with (folder / "pixels.u8").open("wb") as stream:
        stream.truncate(n * one)
    index: dict[str, object] = {"size": HEIGHT, "channels": 3, "ids": [str(at) for at in range(n)]}
    index |= {"height": [HEIGHT] * n, "width": [WIDTH] * n}
    index |= {"published_width": [WIDTH] * n, "published_height": [HEIGHT] * n}
    write_json(folder / "index.json", index | {"crc32": [zlib.crc32(bytes(one))] * n}, sealed=True)
    return n


def anonymous_bytes() -> int:
    """Memory of this process that is not a file's."""
    told = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return int(told["RssAnon"].split()[0]) << 10


def main() -> None:
    """Reads each picture once."""
    from onecycle.blocks.image import Images

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="is made, and may be removed afterwards")
    parser.add_argument("--gib", type=float, default=32.0)
    arguments = parser.parse_args()
    n = sparse_store(arguments.folder, int(arguments.gib * 2**30))
    images = Images(PixelStore(arguments.folder), (64, 64))
    torch.set_num_threads(1)
    order = np.random.default_rng(0).permutation(n)
    geometry = np.tile(np.eye(3), (64, 1, 1))
    tables = np.tile(np.linspace(0, 1, 256), (64, 1))
    most = before = 0
    began = time.perf_counter()
    for first in range(0, n, 64):
        rows = torch.from_numpy(order[first : first + 64])
        images.batch(rows, geometry[: len(rows)], tables[: len(rows)])
        most = max(most, anonymous_bytes())
        before = before or most
    took = time.perf_counter() - began
    say(f"{n:,} pictures, {n * HEIGHT * WIDTH * 3 / 2**30:.1f} GiB, in {took:.0f} s; anonymous")
    say(f"memory {before / 2**20:.0f} MiB after the first batch, {most / 2**20:.0f} at most")


if __name__ == "__main__":
    main()
