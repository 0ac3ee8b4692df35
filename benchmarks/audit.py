"""What the leak audit costs: `python benchmarks/audit.py [data/PROBLEM/raw]`.

Prints the seconds of the search in hashes drawn by code, of which one in a hundred has a near copy
across the split, and how many of these were found; with a folder of pictures, the seconds that
their prints take while they are decoded.
"""

import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from onecycle.pixels.decode import decode
from onecycle.pixels.prints import print_of
from onecycle.splits.audit import audit

DIFFERENT = 15  # bits of 256, of the copies


def search(n: int) -> str:
    """Seconds to audit n items: 60 % train, 20 % valid, 20 % test."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (n, 2, 32), dtype=np.uint8)
    parts = np.repeat(["train", "valid", "test"], [n * 6 // 10, n * 2 // 10, n - n * 8 // 10])
    copies = np.arange(n - n // 100, n)  # of test, like the first of train
    marks = np.zeros((len(copies), 256), np.uint8)
    marks[:, :DIFFERENT] = 1
    changed = np.packbits(rng.permuted(marks, axis=1), axis=1)
    hashes[copies, 0] = hashes[: len(copies), 0] ^ changed
    ids = [f"{row:07}" for row in range(n)]
    items = pd.DataFrame({"id": ids, "x": ids, "group": None, "time": None})
    cells = [[row.tobytes() for row in hashes[:, side]] for side in (0, 1)]
    prints = pd.DataFrame({"id": ids, "sha256": ids, "hash": cells[0], "mirror": cells[1]})
    start = time.perf_counter()
    rows = audit(items, pd.DataFrame({"id": ids, "split": parts}), prints, 40).rows
    seconds = time.perf_counter() - start
    right = rows["other"] == [ids[int(name) - n + len(copies)] for name in rows["id"]]
    return (
        f"{n:>9,} {seconds:>8.1f} {seconds / n * 1e4:>10.2f} {right.sum():>7,} of {len(copies):,}"
    )


def printing(folder: Path, size: int = 256) -> str:
    """Seconds per 10,000 pictures of a folder, to decode and to print."""
    files = list(islice((f for f in sorted(folder.rglob("*.jpg"))), 300))
    start = time.perf_counter()
    decoded = [(file, decode(file, size)) for file in files]
    middle = time.perf_counter()
    for file, found in decoded:
        if not isinstance(found, str):
            print_of(file, found[0])
    ends = time.perf_counter()
    decoding, prints = ((middle - start) / len(files), (ends - middle) / len(files))
    return f"{folder}: {decoding * 1e4:.0f} s to decode 10,000, {prints * 1e4:.1f} s for the prints"


if __name__ == "__main__":
    print("    items  seconds  per 10,000   found")  # noqa: T201
    for items in (10_000, 50_000, 200_000):
        print(search(items), flush=True)  # noqa: T201
    for name in sys.argv[1:]:
        print(printing(Path(name)))  # noqa: T201
