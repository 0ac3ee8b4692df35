"""The leak audit: which items of valid, calib and test have a counterpart in an earlier part.

For each such item and kind one row, with its nearest counterpart; so there are at most as many rows
as items, even where every frame of a video is like every other.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from onecycle.splits.near import nearest
from onecycle.tables import Coded, ascends, joined, users_and_items

COLUMNS = ["kind", "id", "split", "other", "other_split", "distance", "detail"]
BEFORE = {
    "valid": ["train"],
    "calib": ["train", "valid"],
    "test": ["train", "valid", "calib"],
}
DUPLICATES = ["identical", "near", "pair"]


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        rows: `kind id split other other_split distance detail`, sorted by kind, distance and id.
            The distance is in bits for near, in the unit of time for time, else null.
        kinds: those that could be looked for: the items have groups, files, pairs, times.
        cut: items that were not compared with every picture that might be near.
    """

    rows: pd.DataFrame
    kinds: list[str]
    cut: int = 0


def audit(
    items: pd.DataFrame,
    split: pd.DataFrame,
    prints: pd.DataFrame | None,
    bits: int,
    gap: float = 0.0,
    one_clock: bool = False,
) -> Audit:
    """Looks for leaks of every kind.

    Args:
        items: the items table.
        split: `id split`.
        prints: `id sha256 hash mirror` of pictures; null where there are none.
        bits: in which the hashes of pictures may differ that look the same.
        gap: in the unit of time, between what is learnt from and what is judged.
        one_clock: whether times of different groups are compared too.
    """
    rows = _rows(items, split)
    found = {}
    if rows["group"].notna().any():
        found["group"] = _alike(rows, rows["group"])
    if rows["time"].notna().any():
        found["time"] = _early(rows.assign(group=None) if one_clock else rows, gap)
    same, cut = duplicates(items, split, prints, bits)
    found |= same
    named = [leaks.assign(kind=kind) for kind, leaks in sorted(found.items())]
    table = pd.concat(named) if named else pd.DataFrame()
    table = table.reindex(columns=COLUMNS).astype({"distance": "float64"})
    order = ["kind", "distance", "id"]
    return Audit(table.sort_values(order, ignore_index=True), sorted(found), cut)


def duplicates(
    items: pd.DataFrame, split: pd.DataFrame, prints: pd.DataFrame | None, bits: int
) -> tuple[dict[str, pd.DataFrame], int]:
    """Leaks of the kinds identical, near and pair, and how many items were not fully compared."""
    rows = _rows(items, split)
    found, cut = {}, 0
    if prints is not None and len(prints):
        rows = rows.merge(prints, on="id", how="left")
        found["identical"] = _alike(rows, rows["sha256"]).assign(detail=None)
        if rows["hash"].notna().any():
            found["near"], cut = _near(rows, set(found["identical"]["id"]), bits)
    if are_pairs(rows):
        rows = rows[pair_codes(rows).duplicated(keep=False)]  # few: texts of all are dear
        found["pair"] = _alike(rows, pair_keys(rows))
    return found, cut


def _rows(items: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """The items that take part, sorted by id; their part is `split`."""
    kept = [name for name in ("id", "x", "group", "time", "title") if name in items]
    rows = joined(items[kept], split)
    return rows if ascends(rows["id"]) else rows.sort_values("id", ignore_index=True)


def _alike(rows: pd.DataFrame, key: "pd.Series[str]") -> pd.DataFrame:
    """Items of later parts whose key an earlier part has; the counterpart is the first by id."""
    found = []
    keyed = rows.assign(detail=key.astype(object)).dropna(subset="detail")
    for part, before in BEFORE.items():
        for other in before:
            known = keyed[keyed["split"] == other].drop_duplicates("detail")
            mine = keyed[keyed["split"] == part]
            known = known[["id", "detail"]].rename(columns={"id": "other"})
            found.append(mine.merge(known, on="detail").assign(other_split=other))
    table = pd.concat(found).drop_duplicates("id")  # train comes before valid
    return table.reindex(columns=COLUMNS)


def _early(rows: pd.DataFrame, gap: float) -> pd.DataFrame:
    """Items earlier than the latest of an earlier part, or sooner after it than the gap.

    Compared are items of one group, and all those that have none.
    """
    rows = rows[["id", "split", "group", "time"]].dropna(subset="time")
    rows = rows.assign(clip=rows["group"].astype(object).fillna(""), detail=rows["group"])
    found = []
    for part, before in BEFORE.items():
        earlier = np.flatnonzero(rows["split"].isin(before))
        earlier = earlier[np.argsort(rows["time"].to_numpy()[earlier], kind="stable")]
        last = ~rows["clip"].iloc[earlier].duplicated(keep="last")
        latest = rows.iloc[earlier[last]][["clip", "id", "split", "time"]]
        latest.columns = pd.Index(["clip", "other", "other_split", "latest"])
        mine = rows[rows["split"] == part].merge(latest, on="clip")
        mine = mine.assign(distance=mine["latest"] - mine["time"])
        found.append(mine[mine["distance"] > -gap])
    return pd.concat(found).reindex(columns=COLUMNS)


def _near(rows: pd.DataFrame, identical: set[str], bits: int) -> tuple[pd.DataFrame, int]:
    """Items of later parts that look like an item of an earlier part, or like its mirror."""
    rows = rows.dropna(subset="hash")
    found, cut = [], 0
    for part, before in BEFORE.items():
        mine = rows[(rows["split"] == part) & ~rows["id"].isin(identical)]
        sides = [rows[rows["split"] == other] for other in before]  # of equally near ones, train's
        others = pd.concat(sides, ignore_index=True)
        plain, turned = (
            nearest(hashes(mine[name]), hashes(others["hash"]), bits) for name in ("hash", "mirror")
        )
        use = (turned.row >= 0) & ((plain.row < 0) | (turned.distance < plain.distance))
        row = np.where(use, turned.row, plain.row)
        seen = row >= 0
        cut += int(((plain.cut | turned.cut) & ~seen).sum())
        other = others.iloc[row[seen]]
        leaks = mine[seen].assign(
            other=other["id"].to_numpy(),
            other_split=other["split"].to_numpy(),
            distance=np.where(use, turned.distance, plain.distance)[seen],
            detail=pd.Series(use[seen]).map({True: "mirrored", False: None}).to_numpy(),
        )
        found.append(leaks)
    return pd.concat(found).reindex(columns=COLUMNS), cut


def hashes(cells: "pd.Series[bytes]") -> NDArray[np.uint8]:
    """Hashes of 32 bytes, uint8 [N, 32]."""
    return np.frombuffer(b"".join(cells), dtype=np.uint8).reshape(-1, 32)


def are_pairs(rows: pd.DataFrame) -> bool:
    """Whether items are of a user and an item, not files."""
    return len(rows) > 0 and not isinstance(rows["x"].iloc[0], str)


def pair_codes(rows: pd.DataFrame) -> "pd.Series[int]":
    """A number for each rating that is equal where user and item are the same, however written.

    An item with a title is told by that, for some data sets have a film under several names.
    """
    (user, _), (item, items) = _told_pairs(rows)
    return pd.Series(user.astype(np.int64) * len(items) + item, index=rows.index)


def pair_keys(rows: pd.DataFrame) -> "pd.Series[str]":
    """The same as texts, for people to read."""
    columns = []
    for codes, names in _told_pairs(rows):
        columns.append(np.array([name.replace("/", "//") for name in names], dtype=object)[codes])
    return pd.Series(columns[0] + " / " + columns[1], index=rows.index, dtype=object)


def _told_pairs(rows: pd.DataFrame) -> tuple[Coded, Coded]:
    """User and item of each rating, without the differences that writing makes."""
    (user, users), (item, items) = users_and_items(rows["x"])
    if "title" in rows:
        titled, titles = pd.factorize(rows["title"])
        item = np.where(titled < 0, item, len(items) + titled)
        items = [*items, *titles]
    return _told(user, users), _told(item, items)


def _told(codes: NDArray[np.integer[Any]], names: list[str]) -> Coded:
    places, told = pd.factorize(np.array([_plain(name) for name in names], dtype=object))
    return places[codes], list(told)


def _plain(name: str) -> str:
    """A name in one case, width and spacing; whole numbers without zeros before or after."""
    text = unicodedata.normalize("NFKC", name).casefold()
    text = "".join(each for each in text if unicodedata.category(each) != "Cf")
    text = " ".join(text.split())
    number = re.fullmatch(r"([0-9]+)(\.0+)?", text)
    return number[1].lstrip("0") or "0" if number else text
