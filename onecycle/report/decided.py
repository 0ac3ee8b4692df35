"""What every kind's decision section says alike: worth on the judged items, and the gap to them."""

from collections.abc import Sequence
from math import isnan
from typing import Any

from onecycle.decide.intervals import MIN_GROUPS
from onecycle.decide.kinds import KINDS
from onecycle.report.facts import Facts
from onecycle.report.parts import Table
from onecycle.report.results import NAMES, decimals
from onecycle.report.words import count

PLAIN = {"f1_micro": "micro F1", "f1_macro": "macro F1"}  # names within a sentence
Told = dict[str, Any]  # a row of plots/decisions.csv


def told(facts: Facts, metric: str, decision: str | None = None) -> Told | None:
    """A decision's row for a metric, by default of the one that is used; null without any."""
    if facts.worth is None:
        return None
    table = facts.worth.decisions
    rows = table[table["metric"] == metric]
    rows = rows[rows["used"]] if decision is None else rows[rows["decision"] == decision]
    return None if rows.empty else {str(k): v for k, v in rows.iloc[-1].items()}


def number(row: Told, name: str = "value") -> str:
    """A value of a row and its interval; with a sign where it is a difference."""
    sign = "" if name == "value" else "+"
    digits = _digits(row, name)
    low, high = (f"{row[f'{name}_{end}']:{sign},.{digits}f}" for end in ("low", "high"))
    return f"{row[name]:{sign},.{digits}f} [{low}, {high}]"


def _digits(row: Told, name: str = "value") -> int:
    """Decimals of a value, by its interval."""
    found = {"value": row[name], "low": row[f"{name}_low"], "high": row[f"{name}_high"]}
    return decimals(found)


def name(metric: str) -> str:
    """A metric's name within a sentence."""
    title = NAMES[metric][0]
    return PLAIN.get(metric, title[0].lower() + title[1:])


def against(facts: Facts, row: Told, first: str) -> str:
    """Whether the decision is better than the one that nobody fitted, in a sentence.

    Args:
        facts: of the problem.
        row: of the decision and the metric.
        first: the other one, as the subject of a clause.
    """
    if row["more_low"] == row["more_high"] == 0:
        return f"On {facts.judged} it reaches {number(row)}, just as {first} does."
    higher = KINDS[facts.decision["kind"]].better(row["metric"]) == "higher"
    unclear = row["more_low"] <= 0 <= row["more_high"]
    verdict = "better" if higher == (row["more"] > 0) else "worse"
    return (
        f"On {facts.judged} it reaches {number(row)}; beside {first} that is "
        f"{number(row, 'more')}: "
        f"{'neither is shown to be better' if unclear else verdict + ' beyond the interval'}."
    )


def gap(facts: Facts, row: Told) -> list[str]:
    """Whether choosing on the fitted items flattered, in sentences; nothing without other items."""
    part = facts.decision["fitted_on"]["part"]
    if isnan(row["gap"]):  # there are no other items
        return [f"It is judged by the items that it was chosen on, {part}: it looks too good here."]
    says = (
        f"Does it overfit? On {part} it reaches {row['fit']:,.{_digits(row)}f}, a gap of "
        f"{number(row, 'gap')} to {facts.judged}."
    )
    groups = facts.split["groups"].get(part, 0)
    if 0 < groups < MIN_GROUPS:
        says += f" The interval leaves out that {part} is of {count(groups, 'group')} only."
    if isnan(row["choosing"]):
        return [says]
    higher = KINDS[facts.decision["kind"]].better(row["metric"]) == "higher"
    end = row["choosing_low"] if higher else -row["choosing_high"]
    other = row["choosing_high"] if higher else -row["choosing_low"]
    verdict = "choosing is not shown to have flattered"
    if end > 0:
        verdict = "choosing flattered, beyond the interval"
    elif other < 0:
        verdict = "choosing did not flatter"
    return [
        f"{says} Of that, {number(row, 'choosing')} would not be there without the choice (on the "
        f"same resamples): {verdict}."
    ]


def table(facts: Facts, metric: str, names: dict[str, str]) -> Table:
    """The rivals side by side by a metric; an arrow points at the one that is used.

    Args:
        facts: of the problem.
        metric: the one.
        names: of the rivals, in words; those that have the metric are shown.
    """
    found = {words: told(facts, metric, rival) for rival, words in names.items()}
    shown = {words: row for words, row in found.items() if row is not None}
    digits, rows = max(map(_digits, shown.values())), []
    for words, row in shown.items():
        more = "" if isnan(row["more"]) else number(row, "more")
        fit = "" if isnan(row["fit"]) else f"{row['fit']:,.{digits}f}"
        rows.append(
            [f"{words}\u00a0←" if row["used"] else words, f"{row['value']:,.{digits}f}", more, fit]
        )
    part, first = facts.decision["fitted_on"]["part"], next(iter(shown))
    head = [NAMES[metric][0], f"On {facts.judged}", f"Beside {first}", f"On {part}"]
    return Table(head, rows)


def values(facts: Facts, metrics: Sequence[str], names: dict[str, str]) -> Table:
    """The rivals' other metrics on the judged items, the values alone."""
    columns = [[told(facts, metric, rival) for rival in names] for metric in metrics]
    cells = []
    for column in columns:
        digits = max(_digits(row) for row in column if row is not None)
        cells.append(["" if row is None else f"{row['value']:,.{digits}f}" for row in column])
    rows = [list(row) for row in zip(names.values(), *cells, strict=True) if any(row[1:])]
    return Table([f"On {facts.judged}", *(NAMES[each][0] for each in metrics)], rows)
