"""Near hashes without comparing all pairs: multi-index hashing (Norouzi, Punjani, Fleet 2012).

256 bits are cut into 16 bands. Two hashes that differ in fewer than 16 bits agree in a whole band,
so it is enough to compare those that share one. Most that differ in more do so too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BANDS = 16
MOST = 1024  # hashes of a band that one is compared with, those that go on most alike
AT_ONCE = 1 << 20  # comparisons held in memory
NONE = np.iinfo(np.int64).max
Hashes = NDArray[np.uint8]


@dataclass(frozen=True)
class Nearest:
    """The nearest hash of each query.

    Attributes:
        row: its row among those searched, the first of equally near ones; -1 where there is none
            within the limit. int64 [Q].
        distance: bits that differ, int64 [Q]; -1 where there is none.
        cut: whether the query was not compared with every hash that shares a band. bool [Q].
    """

    row: NDArray[np.int64]
    distance: NDArray[np.int64]
    cut: NDArray[np.bool_]


def nearest(queries: Hashes, searched: Hashes, most_bits: int) -> Nearest:
    """Finds the nearest of many hashes for each query.

    None within 15 bits is missed, unless `cut` says so; of those farther away some are.

    Args:
        queries: uint8 [Q, 32].
        searched: uint8 [N, 32].
        most_bits: that may differ, 0 to 256.
    """
    known, first = _distinct(searched)
    asked, _, place = np.unique(_whole(queries), return_index=True, return_inverse=True)
    words = asked.view(np.uint8).reshape(-1, 32)
    best = np.full(len(asked), NONE, dtype=np.int64)
    cut = np.zeros(len(asked), dtype=bool)
    if len(known) and len(asked):
        for band in range(BANDS):
            for query, other, differ in _sharing(words, known, band, cut):
                np.minimum.at(best, query, differ << 40 | first[other])
    distance, row = best >> 40, best & ((1 << 40) - 1)
    missing = (best == NONE) | (distance > most_bits)
    row, distance = np.where(missing, -1, row), np.where(missing, -1, distance)
    return Nearest(row[place], distance[place], cut[place])


def components(hashes: Hashes, mirrors: Hashes, most_bits: int) -> NDArray[np.int64]:
    """Numbers pictures so that those are equal which chains of similar ones join.

    Links are what `nearest` would compare: each looks like the next, or like its mirror image.

    Args:
        hashes: uint8 [N, 32].
        mirrors: of the mirror images, uint8 [N, 32].
        most_bits: that may differ, 0 to 256.

    Returns:
        The number of each picture's component, int64 [N].
    """
    known, _, place = np.unique(_whole(hashes), return_index=True, return_inverse=True)
    words = known.view(np.uint8).reshape(-1, 32)
    turned, first = np.unique(_whole(mirrors), return_index=True)
    sides = [(words, np.arange(len(known))), (turned.view(np.uint8).reshape(-1, 32), place[first])]
    # Pictures of one hash are one node, whatever their mirror images: so these are joined too.
    label = np.arange(len(known))
    if not len(known):
        return place.astype(np.int64)
    for asked, node in sides:
        for band in range(BANDS):
            for query, other, differ in _sharing(asked, words, band, np.zeros(len(asked), bool)):
                near = differ <= most_bits
                label = _join(label, label[node[query[near]]], label[other[near]])
    return label[place].astype(np.int64)


def _whole(hashes: Hashes) -> NDArray[np.void]:
    """Each hash as one value that can be compared, [N]."""
    return np.ascontiguousarray(hashes).reshape(-1, 32).view("V32")[:, 0]


def _distinct(hashes: Hashes) -> tuple[Hashes, NDArray[np.int64]]:
    """Hashes without repetition, uint8 [M, 32], and the first row of each, int64 [M]."""
    values, first = np.unique(_whole(hashes), return_index=True)
    return values.view(np.uint8).reshape(-1, 32), first.astype(np.int64)


def _join(
    label: NDArray[np.int64], one: NDArray[np.int64], other: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Labels, int64 [N], after those of each pair are made one."""
    apart = one != other
    if not apart.any():
        return label
    count = int(label.max()) + 1
    return connected(count, one[apart], other[apart])[label]


def connected(n: int, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of the connected component of each of `n` nodes, int64 [n].

    Args:
        n: how many nodes there are.
        one: one end of each edge, int64 [E].
        other: the other end.
    """
    from scipy.sparse import coo_array  # slow to import, and every stage reads this module
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(n, n))
    label: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return label


def _sharing(
    asked: Hashes, known: Hashes, band: int, cut: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
    """Rows of both that share a band, and the bits that differ, some at a time; marks `cut`."""
    keys, mine = _from_band(known, band), _from_band(asked, band)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    low = np.searchsorted(keys, mine & ~np.uint64((1 << 48) - 1), "left")
    high = np.searchsorted(keys, mine | np.uint64((1 << 48) - 1), "right")
    middle = np.searchsorted(keys, mine)
    start = np.maximum(low, np.minimum(middle - MOST // 2, high - MOST))
    stop = np.minimum(high, start + MOST)
    cut |= stop - start < high - low
    counts = stop - start
    whole, sorted_known = asked.view(np.uint64), known[order].view(np.uint64)
    ends = np.cumsum(counts)
    at = 0
    while at < len(asked):
        done = ends[at - 1] if at else 0
        until = max(at + 1, int(np.searchsorted(ends, done + AT_ONCE, "right")))
        n = counts[at:until]
        query = np.repeat(np.arange(at, until), n)
        other = np.arange(n.sum()) + np.repeat(start[at:until] - (ends[at:until] - n - done), n)
        differ = np.bitwise_count(whole[query] ^ sorted_known[other]).sum(1, dtype=np.int64)
        yield query, order[other], differ
        at = until


def _from_band(hashes: Hashes, band: int) -> NDArray[np.uint64]:
    """A band and the three that follow it as one number, uint64 [N]: sorting puts like by like."""
    turned = np.roll(hashes, -2 * band, axis=1)[:, :8]
    return np.ascontiguousarray(turned).view(">u8")[:, 0].astype(np.uint64)
