"""The data: where it came from, what was set aside, how it was split."""

from typing import Any

import pandas as pd

from onecycle.report import leaks
from onecycle.report.facts import Facts
from onecycle.report.parts import Section, Table
from onecycle.report.words import count, place

SHOWN = 5  # rows of the quarantine


def section(facts: Facts) -> Section:
    """Source, quarantine, notes and parts; what leaks between them, accepted leaks as warnings."""
    split = facts.split
    total = sum(split["counts"].values()) + split["left_out"]
    left_out = f"; {split['left_out']:,} of them in no part" if split["left_out"] else ""
    says = [_source(facts.source), f"{count(total, 'item')}, split by {split['by']}{left_out}."]
    says += leaks.says(facts)
    tables = [_parts(split)]
    bad = facts.quarantine
    if len(bad):
        says.append(f"{count(len(bad), 'row')} set aside as unreadable or wrong; the first:")
        first = bad.head(SHOWN)[["file", "row", "reason"]].values.tolist()
        rows = [[file, str(row or "all"), reason] for file, row, reason in first]
        tables.append(Table(["Set aside: file", "Row", "Reason"], rows, text=3))
    else:
        says.append("No row was set aside.")
    if len(facts.notes):
        tables.append(_notes(facts.notes))
    tables += [*leaks.table(facts), *leaks.examples(facts)]
    return Section(
        "Data", says, tables=tables, twins=leaks.twins(facts), warnings=leaks.warnings(facts)
    )


def _source(source: dict[str, Any]) -> str:
    """Where the raw files came from, in a sentence."""
    if "sample" in source:
        origin = f"Drawn by code: sample {source['sample']}, seed {source['seed']}"
    elif "folder" in source:
        origin = f"Copied from the folder {place(source['folder'])}"
    else:
        archives = [
            f"{place(each['url'])} (sha256 {each['sha256'][:12]}…)" for each in source["archives"]
        ]
        origin = f"Extracted from {', '.join(archives)}"
    return f"{origin}: {count(source['files'], 'file')}, {source['bytes'] / 1e6:,.1f} MB."


def _notes(notes: pd.DataFrame) -> Table:
    """Kinds of notes, the most frequent first, with the first file of each."""
    kinds = notes.groupby("note").agg(rows=("file", "size"), first=("file", "first"))
    kinds = kinds.reset_index().sort_values(["rows", "note"], ascending=[False, True])
    shown = kinds.head(2 * SHOWN)[["note", "first", "rows"]].values.tolist()
    rows = [[note, first, f"{found:,}"] for note, first, found in shown]
    return Table(["Noted, and kept", "The first", "Rows"], rows, text=2)


def _parts(split: dict[str, Any]) -> Table:
    """Items and, where there are any, groups of each part."""
    groups = split["groups"]
    columns = ["Part", "Items", "Groups"] if groups else ["Part", "Items"]
    rows = [
        [part, f"{items:,}"] + ([f"{groups.get(part, 0):,}"] if groups else [])
        for part, items in split["counts"].items()
    ]
    return Table(columns, rows)
