"""Moves duplicates across a split to one side."""

import pandas as pd

from onecycle.splits.audit import duplicates

RANK = {"train": 0, "valid": 1, "test": 2}


def to_train(
    items: pd.DataFrame, split: pd.DataFrame, prints: pd.DataFrame | None, bits: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Moves each duplicate to its counterpart's part, with its whole group, until there is none.

    Items only go from test to valid and from both to train, so it ends, and test never grows.

    Args:
        items: the items table.
        split: `id split`.
        prints: of pictures, or null.
        bits: in which the hashes of pictures may differ that look the same.

    Returns:
        The new split, and how many items each part gave away, such as {"valid": 2, "test": 5}.
    """
    rank = split.set_index("id")["split"].map(RANK)
    group = items.set_index("id")["group"].reindex(rank.index)
    before = rank.copy()
    while True:
        now = _split(rank)
        found, _ = duplicates(items, now, prints, bits)
        leaks = pd.concat(found.values()) if found else pd.DataFrame()
        if not len(leaks):
            break
        to = leaks.assign(rank=leaks["other_split"].map(RANK)).groupby("id")["rank"].min()
        rank.loc[to.index] = to
        touched = group.isin(group.loc[to.index].dropna())
        rank[touched] = rank[touched].groupby(group[touched]).transform("min")
    gave = before[rank < before].map({rank: part for part, rank in RANK.items()})
    return _split(rank), {part: int((gave == part).sum()) for part in ("valid", "test")}


def _split(rank: "pd.Series[int]") -> pd.DataFrame:
    """`id split`, in the order of the ranks."""
    parts = rank.map({rank: part for part, rank in RANK.items()})
    return pd.DataFrame({"id": rank.index, "split": parts.to_numpy(dtype=object)})
