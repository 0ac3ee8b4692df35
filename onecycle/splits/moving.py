"""Moves duplicates across a split to one side."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from onecycle.splits import leaks, near
from onecycle.splits.audit import are_pairs, duplicates, hashes, pair_codes

RANK = {"train": 0, "valid": 1, "calib": 2, "test": 3}


def to_train(
    items: pd.DataFrame, split: pd.DataFrame, prints: pd.DataFrame | None, bits: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Moves each duplicate to its counterpart's part, until there is none.

    A group that was whole goes along whole; one in several parts already stays there. Items only go
    from test to calib, where there is one, valid and train, and so on, so it ends, and test never
    grows.

    Args:
        items: the items table.
        split: `id split`.
        prints: of pictures, or null.
        bits: in which the hashes of pictures may differ that look the same.

    Returns:
        The new split, and how many items each part gave away, such as {"valid": 2, "test": 5};
        calib is among them where there is one.
    """
    rows = items.merge(split.rename(columns={"split": "part"}), on="id", validate="1:1")
    rows = rows.set_index("id").loc[split["id"]].reset_index()
    rank = rows["part"].map(RANK)
    before = rank.copy()
    whole = rows["group"].where(rank.groupby(rows["group"]).transform("nunique") == 1)
    chain = _chains(rows, whole, prints, bits)
    rank = rank.groupby(chain).transform("min")
    while True:  # the rest, where so many are alike that not all were compared
        found, _ = duplicates(items, _split(rows["id"], rank), prints, bits)
        rest = pd.concat(found.values()) if found else pd.DataFrame()
        if not len(rest):
            break
        to = rest.assign(rank=rest["other_split"].map(RANK)).groupby("id")["rank"].min()
        rank = rows["id"].map(to).fillna(rank).astype("int64")
        rank = rank.groupby(chain).transform("min")
    gave = before[rank < before].map({rank: part for part, rank in RANK.items()})
    after = _split(rows["id"], rank)
    given = [part for part in leaks.counts(split) if part != "train"]
    return after, {part: int((gave == part).sum()) for part in given}


def _chains(
    rows: pd.DataFrame, whole: "pd.Series[str]", prints: pd.DataFrame | None, bits: int
) -> NDArray[np.int64]:
    """A number for each row that is equal where a chain of duplicates and groups joins them.

    At once, not link by link: a film is one chain of thousands.
    """
    keys: list[pd.Series[Any]] = [whole]
    if prints is not None and len(prints):
        printed = rows[["id"]].merge(prints, on="id", how="left")
        keys.append(printed["sha256"])
        seen = printed["hash"].notna()
        same = near.components(
            hashes(printed.loc[seen, "hash"]), hashes(printed.loc[seen, "mirror"]), bits
        )
        keys.append(pd.Series(same, index=printed.index[seen]).reindex(rows.index))
    if are_pairs(rows):
        keys.append(pair_codes(rows))
    n, start, ends = len(rows), len(rows), []
    for key in keys:
        code = pd.factorize(key)[0]
        ends.append(np.stack([np.arange(n), code + start])[:, code >= 0])
        start += int(code.max(initial=-1)) + 1
    one, other = np.concatenate(ends, axis=1)
    return near.connected(start, one, other)[:n]


def _split(ids: "pd.Series[str]", rank: "pd.Series[int]") -> pd.DataFrame:
    """`id split`, in the order of the ranks."""
    parts = rank.map({rank: part for part, rank in RANK.items()})
    return pd.DataFrame({"id": ids.to_numpy(), "split": parts.to_numpy(dtype=object)})
