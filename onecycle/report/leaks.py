"""What crosses the split: how much of each kind, and the worst pairs side by side."""

import pandas as pd

from onecycle.blocks.image import Images
from onecycle.report.facts import Facts
from onecycle.report.gallery import picture
from onecycle.report.parts import Table, Twins
from onecycle.report.words import count

SHOWN = 6  # pairs
NAMES = {
    "group": "Same group",
    "identical": "Same file",
    "near": "Looks the same",
    "pair": "Same user and item",
    "time": "Overlaps in time",
}


def table(facts: Facts) -> list[Table]:
    """Leaks of each kind that was looked for, and the limit."""
    rows = [
        [NAMES[kind], f"{it['found']:,}", f"{it['of']:,}", _limit(it["limit"])]
        for kind, it in facts.split["leaks"].get("kinds", {}).items()
    ]
    return [Table(["Leak into a later part", "Found", "Of items", "Limit"], rows)] if rows else []


def _limit(limit: float | None) -> str:
    return "only counted" if limit is None else f"{100 * limit:g} %"


def says(facts: Facts) -> list[str]:
    """What was done about duplicates, and what may have been missed."""
    leaks, said = facts.split["leaks"], []
    if moved := leaks.get("moved"):
        gave = ", ".join(f"{count(n, 'item')} of {part}" for part, n in moved.items())
        said.append(f"Duplicates were moved to where their counterpart is: {gave}.")
    if leaks.get("cut"):
        said.append(
            f"{count(leaks['cut'], 'item')} could not be compared with every picture that might "
            "look the same: too many are alike."
        )
    return said


def warnings(facts: Facts) -> list[str]:
    """A sentence on each kind of leak that was accepted; groups are counted as such."""
    kinds, leaks = facts.split["leaks"].get("kinds", {}), facts.split["leaks"]
    parts = "valid, calib and test" if "calib" in facts.split["counts"] else "valid and test"
    said = [
        f"Leak: {kinds[kind]['found']:,} of {count(kinds[kind]['of'], 'item')} of {parts} "
        f"({NAMES[kind].lower()}). The score will flatter."
        for kind in facts.accepted_leaks
        if kind != "group"
    ]
    if leaks["shared_groups"] and ("group" in facts.accepted_leaks or "group" not in kinds):
        first = ", ".join(map(str, leaks["first"][:5]))
        shared = count(leaks["shared_groups"], "group")
        said.append(f"Leak: {shared} in more than one part ({first}…). The score will flatter.")
    return said


def examples(facts: Facts) -> list[Table]:
    """The first pairs that are no pictures to be compared: groups and ratings."""
    rows = facts.leaks[facts.leaks["kind"].isin(["group", "pair"])]
    if rows.empty:
        return []
    cells = [
        [
            NAMES[str(row["kind"])],
            f"{row['id']} ({row['split']})",
            f"{row['other']} ({row['other_split']})",
            str(row["detail"]),
        ]
        for _, row in rows.groupby("kind").head(SHOWN).iterrows()
    ]
    return [Table(["Leak", "Item", "Counterpart", "Both"], cells, text=4)]


def twins(facts: Facts) -> list[Twins]:
    """The nearest pairs of pictures, side by side."""
    images = facts.blocks.x
    if not isinstance(images, Images):
        return []
    rows = facts.leaks[facts.leaks["kind"].isin(["identical", "near"])].head(SHOWN)
    return [
        Twins(
            left=picture(images, row["id"]),
            right=picture(images, row["other"]),
            names=(f"{row['id']} ({row['split']})", f"{row['other']} ({row['other_split']})"),
            says=_alike(row["kind"], row["distance"], row["detail"]),
        )
        for _, row in rows.iterrows()
    ]


def _alike(kind: str, distance: float, detail: object) -> str:
    if kind == "identical" or pd.isna(distance):
        return "the same bytes"
    return f"{distance:.0f} of 256 bits differ" + (f", {detail}" if isinstance(detail, str) else "")
