"""The data: where it came from, what was set aside, what was noted."""

from typing import Any

import pandas as pd

from onecycle.report.facts import Facts
from onecycle.report.parts import Section, Table
from onecycle.report.words import count, place

SHOWN = 5  # rows of the quarantine


def section(facts: Facts) -> Section:
    """Source, quarantine and notes."""
    says, tables = [source(facts.source)], []
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
    return Section("Data", says, tables=tables)


def source(source: dict[str, Any]) -> str:
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
