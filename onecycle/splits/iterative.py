"""Rows of many labels into parts that each hold their share of every label.

After Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data" (2011): rows of
the rarest label first, each to the part that lacks it most. Three things differ. Rows with the same
labels are first dealt out together, as many as divide without a rest: sets of labels keep their
shares too, and few rows are left for the loop. A row goes to the part that lacks most of all its
labels, not of the rarest alone, each measured against that part's share of what is still to come
and divided by the root of that. And parts are filled to their exact sizes.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from onecycle.splits.splitter import Ints


def assign(labels: Iterable[Sequence[str]], sizes: Sequence[int], seed: int) -> Ints:
    """Deals rows out to parts.

    Args:
        labels: of each row, none to many; neither their order nor repeats matter.
        sizes: rows of each part; their sum is the number of rows.
        seed: of the draw.

    Returns:
        Each row's part, int64 [n], from 0.
    """
    known: dict[tuple[str, ...], int] = {}
    sets = np.array([known.setdefault(tuple(sorted(set(r))), len(known)) for r in labels], int)
    n, room = len(sets), np.asarray(sizes, dtype=np.int64).copy()
    part = np.full(n, -1, dtype=np.int64)
    if not n:
        return part
    shares = room / n
    # Rows by their set of labels, at random within it: `place` counts 0, 1, 2, … in each set.
    # Sets are numbered by their first row, so the order of ids decides, and nothing else.
    generator = np.random.default_rng(seed)
    order = generator.permutation(n)
    order = order[np.argsort(sets[order], kind="stable")]
    counts = np.bincount(sets, minlength=len(known))
    place = np.arange(n) - np.repeat(np.cumsum(counts) - counts, counts)
    whole = np.floor(counts[:, None] * shares + 1e-9).astype(np.int64)  # [sets, parts]
    bounds = np.cumsum(whole, axis=1)[sets[order]]
    part[order] = (place[:, None] >= bounds).sum(axis=1)
    part[part == len(room)] = -1
    room -= whole.sum(axis=0)

    names = {name: at for at, name in enumerate(sorted({name for key in known for name in key}))}
    of_set = [[names[name] for name in key] for key in known]
    wanted = np.zeros((len(names), len(room)))
    for has, count, dealt in zip(of_set, counts, whole, strict=True):
        wanted[has] += count * shares - dealt
    rest = order[part[order] < 0]
    _deal(part, rest, [of_set[key] for key in sets[rest]], wanted.tolist(), room.tolist())
    return part


def _deal(
    part: Ints, rows: Ints, labels: list[list[int]], wanted: list[list[float]], room: list[int]
) -> None:
    """Deals the rest out, row by row, the rarest remaining label first; fills `part`.

    Args:
        part: of all rows, int64 [n], to be filled at `rows`.
        rows: the rest, in a random order.
        labels: of each row of the rest.
        wanted: how many rows with each label each part lacks, [labels][parts].
        room: how many rows each part lacks.
    """
    having: list[list[int]] = [[] for _ in wanted]
    for at, has in enumerate(labels):
        for label in has:
            having[label].append(at)
    # What is still to come, of each label and, last, of rows: a row counts as a label of all.
    wanted = [*wanted, [float(count) for count in room]]
    left = [*map(len, having), len(rows)]
    shares = [count / max(1, len(rows)) for count in room]
    remaining = np.array(left[:-1], dtype=np.float64)
    remaining[remaining == 0] = np.inf
    done = [False] * len(rows)

    def lack(at: int, p: int) -> float:
        """How much more than its share of what is left a part wants of a row's labels."""
        ours = [*labels[at], -1]
        return sum(
            (wanted[label][p] - shares[p] * left[label]) / math.sqrt(left[label]) for label in ours
        )

    def place(at: int) -> None:
        scores = [round(lack(at, p), 9) if room[p] else -math.inf for p in range(len(room))]
        best = scores.index(max(scores))
        part[rows[at]], done[at] = best, True
        room[best] -= 1
        for label in [*labels[at], -1]:
            wanted[label][best] -= 1
            left[label] -= 1
        for label in labels[at]:
            remaining[label] = left[label] or math.inf

    while np.isfinite(remaining).any():
        for at in having[int(remaining.argmin())]:
            if not done[at]:
                place(at)
    for at in range(len(rows)):
        if not done[at]:
            place(at)
