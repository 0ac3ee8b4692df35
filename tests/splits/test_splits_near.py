"""Multi-index hashing against all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onecycle.splits import near
from onecycle.splits.near import nearest


def hashes(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, 32), dtype=np.uint8)


def flipped(whole: np.ndarray, bits: int, seed: int) -> np.ndarray:
    """Copies of hashes, each with so many bits changed."""
    rng = np.random.default_rng(seed)
    marks = np.zeros((len(whole), 256), np.uint8)
    marks[:, :bits] = 1
    return whole ^ np.packbits(rng.permuted(marks, axis=1), axis=1)


def all_pairs(queries, searched):
    distance = np.bitwise_count(queries[:, None] ^ searched[None]).sum(2, dtype=int)
    return distance.argmin(1), distance.min(1)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 15), st.integers(0, 99))
def test_within_15_bits_the_nearest_is_that_of_all_pairs(q, n, bits, seed):
    searched = hashes(n, seed)
    searched[n // 2] = searched[0]  # a repeated one
    rng = np.random.default_rng(seed)
    queries = flipped(searched[rng.integers(n, size=q)], bits, seed + 1)
    queries[: q // 4] = hashes(q // 4, seed + 2)  # of nothing
    found = nearest(queries, searched, 15)
    row, distance = all_pairs(queries, searched)
    within = distance <= 15
    assert (found.row == np.where(within, row, -1)).all()
    assert (found.distance == np.where(within, distance, -1)).all()
    assert not found.cut.any()


@pytest.mark.trial("leaks", "hashes of 256 bits that differ in 0 to 15, among 20,000", "all found")
@pytest.mark.parametrize("bits", [0, 1, 8, 15])
def test_planted_hashes_are_all_found(bits, record_property):
    searched = hashes(20_000, 0)
    queries = np.concatenate([flipped(searched[::40], bits, 1), hashes(2000, 2)])
    found = nearest(queries, searched, 40)
    assert (found.row[:500] == np.arange(0, 20_000, 40)).all()
    assert (found.distance[:500] == bits).all() and (found.row[500:] == -1).all()
    record_property("tried", 500)


def test_no_more_bits_than_allowed_are_taken_for_near():
    searched = hashes(50, 0)
    queries = flipped(searched, 10, 1)
    assert (nearest(queries, searched, 10).distance == 10).all()
    assert (nearest(queries, searched, 9).row == -1).all()


def test_a_crowd_is_not_compared_in_all_pairs_and_that_is_said(monkeypatch):
    monkeypatch.setattr(near, "MOST", 16)
    searched = hashes(400, 0)
    searched[:, :30] = 7  # all share 15 bands
    found = nearest(searched[:5], searched, 40)
    assert (found.distance == 0).all() and found.cut.all()
    alone = nearest(hashes(5, 1), hashes(400, 2), 40)
    assert not alone.cut.any()


@pytest.mark.parametrize(("q", "n"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_has_no_nearest(q, n):
    found = nearest(hashes(q, 0), hashes(n, 1), 40)
    assert found.row.tolist() == [-1] * q and len(found.cut) == q


def test_what_is_held_in_memory_does_not_change_the_answer(monkeypatch):
    searched = hashes(300, 0) & 1
    queries = flipped(searched, 5, 1)
    whole = nearest(queries, searched, 40)
    monkeypatch.setattr(near, "AT_ONCE", 7)
    again = nearest(queries, searched, 40)
    assert (whole.row == again.row).all() and (whole.distance == again.distance).all()
