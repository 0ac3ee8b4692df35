"""A split with its audit: what the stage writes, and what a DataBlock says."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from onecycle.splits import leaks, limits, moving, splitters
from onecycle.splits.audit import Audit, audit
from onecycle.splits.splitter import Parts, Splitter
from onecycle.tables import read_frame

Tally = dict[str, int | float | None]


@dataclass(frozen=True)
class Checked:
    """What the audit says of a split.

    Attributes:
        audit: its rows, and what could be looked for.
        kinds: of each kind that could: leaks found, items looked at, the limit's share.
        over: a sentence on each kind that is over its limit.
    """

    audit: Audit
    kinds: dict[str, Tally]
    over: list[str]


def read_prints(folder: Path) -> pd.DataFrame | None:
    """The prints of the pictures in a pixel store; null where it holds none."""
    file = folder / "prints.parquet"
    return read_frame(file) if file.exists() else None


def divide(
    items: pd.DataFrame, params: Splitter, prints: pd.DataFrame | None, raw: Path | None
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Splits items, and moves duplicates if the parameters say so.

    Args:
        items: the items table.
        params: one of `splitters.Params`.
        prints: of pictures, or null.
        raw: the folder of raw data, where `by: files` reads its files.

    Returns:
        `id split` of the items in a part; how many each part gave away, {} if none is to be moved.

    Raises:
        UserError: the items can't be split so.
    """
    split = table(items, splitters.divide(items, params, raw))
    if params.leaks.duplicates == "leave":
        return split, {}
    return moving.to_train(items, split, prints, params.leaks.bits)


def table(items: pd.DataFrame, parts: Parts) -> pd.DataFrame:
    """`id split` of the items that are in a part."""
    split = pd.DataFrame({"id": items["id"], "split": pd.Series(parts, dtype=object)})
    return split.dropna(subset="split")


def check(
    items: pd.DataFrame, split: pd.DataFrame, params: Splitter, prints: pd.DataFrame | None
) -> Checked:
    """Looks for leaks, and holds them to the limits."""
    by_time = getattr(params, "by", None) == "time"
    gap = float(getattr(params, "gap", 0))
    found = audit(items, split, prints, params.leaks.bits, gap, by_time)
    counts, parts = found.rows["kind"].value_counts(), leaks.counts(split)
    kinds: dict[str, Tally] = {
        kind: {
            "found": int(counts.get(kind, 0)),
            "of": sum(parts.values()) - parts["train"],
            "limit": params.limit(kind),
        }
        for kind in found.kinds
    }
    return Checked(found, kinds, limits.over(found.rows, kinds, leaks.later(parts)))
