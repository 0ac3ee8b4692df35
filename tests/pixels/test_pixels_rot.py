"""Pixel stores that are damaged, and one that is read in little memory."""

from pathlib import Path

import numpy as np
import pytest
import rot

from benchmarks.large_store import anonymous_bytes, sparse_store
from onecycle.errors import DamagedError
from onecycle.pixels.store import PixelStore, write_store
from onecycle.splits.checked import read_prints


@pytest.fixture
def folder(tmp_path) -> Path:
    draw = np.random.default_rng(0)
    pictures = [(f"{at:02}", draw.integers(0, 256, (20, 16 + at, 3), np.uint8)) for at in range(9)]
    assert write_store(tmp_path / "pixels", pictures, None) == {}
    return tmp_path / "pixels"


def seen(folder):
    store = PixelStore(folder)
    rows = store.rows(sorted(store._row))
    return [store[row].tobytes() for row in rows], store.size_px(rows).tolist(), store.size


@pytest.mark.trial("rot", "pixels: bits, cuts, zeros", "told, with the item's id")
def test_damaged_pixels_are_told(folder, record_property):
    rot.tell(folder / "pixels.u8", folder, seen, record_property)


@pytest.mark.trial("rot", "a pixel store's index: bits, cuts, zeros", "told, or the same values")
def test_a_damaged_index_is_told(folder, record_property):
    rot.tell(folder / "index.json", folder, seen, record_property)


@pytest.mark.trial("rot", "prints of pictures: bits, cuts, zeros", "told, or the same values")
def test_damaged_prints_are_told(folder, record_property):
    rot.tell(
        folder / "prints.parquet", folder, lambda at: read_prints(at).to_dict(), record_property
    )


def test_the_item_is_named_and_the_others_can_be_read(folder):
    end = PixelStore(folder)._start
    content = bytearray((folder / "pixels.u8").read_bytes())
    content[end[4] - 1] ^= 128
    (folder / "pixels.u8").write_bytes(content)
    store = PixelStore(folder)
    for row in [*range(3), *range(4, 9)]:
        assert store[row].nbytes == end[row + 1] - end[row]
    for _ in range(2):
        with pytest.raises(DamagedError, match=r"pixels\.u8: is damaged .*item '03'.*then run"):
            store[3]


def test_a_store_without_checksums_is_to_be_made_again(folder):
    from onecycle.paths import read_json, write_json

    index = read_json(folder / "index.json")
    del index["crc32"]
    write_json(folder / "index.json", index)
    with pytest.raises(DamagedError, match=r"index\.json: .*older version.*crc32.*prepare again"):
        PixelStore(folder)


@pytest.mark.trial("memory", "a pixel store larger than memory", "read in a few MB of its own")
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells anonymous memory")
def test_a_store_is_read_in_any_order_without_being_held(tmp_path):
    n = sparse_store(tmp_path / "pixels", 100 << 20)
    store, total = PixelStore(tmp_path / "pixels"), 0
    before = anonymous_bytes()
    for row in np.random.default_rng(0).permutation(n):
        total += store[row].nbytes
    assert total >= 100 << 20
    assert anonymous_bytes() - before < 10 << 20
