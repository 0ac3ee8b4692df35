"""What is wrong across a split: a group on two sides of it, a label that train lacks."""

from collections.abc import Collection

import pandas as pd

from onecycle.tables import joined

PARTS = ("train", "valid", "calib", "test")  # in the order in which a model meets them


def counts(split: pd.DataFrame) -> dict[str, int]:
    """Rows of each part, in the order train, valid, calib, test; calib only if it has any."""
    found = split["split"].value_counts()
    parts = [part for part in PARTS if part != "calib" or part in found]
    return {part: int(found.get(part, 0)) for part in parts}


def later(counts: Collection[str], word: str = "and") -> str:
    """The parts after train in words: `valid and test`, or `valid, calib and test`."""
    return f"valid, calib {word} test" if "calib" in counts else f"valid {word} test"


def groups(items: pd.DataFrame, split: pd.DataFrame) -> dict[str, int]:
    """Groups of each part; empty where the items have no groups."""
    rows = joined(items[["id", "group"]], split, "part")
    found = rows.dropna(subset="group").groupby("part")["group"].nunique()
    return {str(part): int(count) for part, count in found.items()}


def shared_groups(items: pd.DataFrame, split: pd.DataFrame) -> list[str]:
    """The groups that have rows in more than one part, sorted."""
    rows = joined(items[["id", "group"]], split, "part")
    parts = rows.dropna(subset="group").groupby("group")["part"].nunique()
    return sorted(str(name) for name in parts.index[parts > 1])


def unlearnt_labels(items: pd.DataFrame, split: pd.DataFrame) -> list[str]:
    """Labels that occur in another part but not in train, sorted; none for other targets."""
    if pd.api.types.is_numeric_dtype(items["y"]):
        return []
    rows = joined(items[["id", "y"]], split)[["y", "split"]].explode("y")
    rows = rows[[isinstance(label, str) for label in rows["y"]]]
    learnt = set(rows.loc[rows["split"] == "train", "y"])
    return sorted(set(rows["y"]) - learnt)


def having(items: pd.DataFrame, split: pd.DataFrame, labels: list[str]) -> list[str]:
    """The ids of the items in some part that have one of the labels."""
    rows = items[items["id"].isin(split["id"])][["id", "y"]].explode("y")
    return sorted(set(rows.loc[rows["y"].isin(labels), "id"]))
