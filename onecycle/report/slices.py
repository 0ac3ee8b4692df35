"""The score in parts of the judged items: which stand out, and how many would by chance."""

import pandas as pd

from onecycle.decide.bounds import LEVEL
from onecycle.decide.intervals import MIN_GROUPS
from onecycle.decide.kinds import KINDS
from onecycle.report.facts import Facts
from onecycle.report.parts import Section, Table
from onecycle.report.results import NAMES, decimals
from onecycle.report.words import between, count

ROWS = 16  # parts that the page shows
NOTES = {
    "map": "Few items rank more easily than many, so that a part scores higher than the whole "
    "whatever the model; its mark comes from random parts with as many of each label."
}
MARKS = {"better": "✓ better", "worse": "✗ worse", "": ""}


def sections(facts: Facts) -> list[Section]:
    """The parts that differ from the whole, then the worst of the others; nothing without parts."""
    table = facts.slices
    if table.empty:
        return []
    whole = facts.intervals[facts.headline]
    digits = decimals(whole)
    rows = [
        [
            f"{each['column']}: {each['value']}",
            f"{each['n']:,}",
            f"{each['score']:.{digits}f}",
            between(each["low"], each["high"], digits),
            MARKS[each["beyond"]],
        ]
        for _, each in chosen(table, facts).iterrows()
    ]
    name = NAMES[facts.headline][0]
    columns = ["Part", "Items", name, "95 % interval", "Than the whole"]
    says = [*verdict(table), f"The whole: {whole['value']:.{digits}f}."]
    says += [NOTES[facts.headline]] if facts.headline in NOTES else []
    if len(table) > len(rows):
        says.append(f"The {len(rows)} most telling; all {len(table):,} are in plots/slices.csv.")
    return [Section("Slices", says, tables=[Table(columns, rows)])]


def chosen(table: pd.DataFrame, facts: Facts) -> pd.DataFrame:
    """Those marked as worse, those marked as better, then the worst scores."""
    higher = KINDS[facts.decision["kind"]].better(facts.headline) == "higher"
    rank = table["beyond"].map({"worse": 0, "better": 1, "": 2})
    rank = rank.where(table["low"].notna(), 3)
    badness = table["score"] * (1 if higher else -1)
    order = pd.DataFrame({"rank": rank, "badness": badness}).sort_values(
        ["rank", "badness"], kind="stable"
    )
    return table.loc[order.index[:ROWS]]


def verdict(table: pd.DataFrame) -> list[str]:
    """How many parts differ from the whole, and how many would if chance alone were at work."""
    judged = int(table["low"].notna().sum())
    marked = int((table["beyond"] != "").sum())
    chance = (1 - LEVEL) * judged
    says = [
        f"{marked} of {count(judged, 'part')} differ from the whole beyond the 95 % interval of "
        f"the difference. Looked at one by one, about {chance:.1f} would even if all were alike: "
        "take a mark as a question to ask of new items, not as a finding."
    ]
    small = len(table) - judged
    if small:
        has = "has" if small == 1 else "have"
        says.append(f"{count(small, 'part')} {has} fewer than {MIN_GROUPS} items or groups.")
    return says
