"""What every kind's decision section says alike: worth on the judged items, and the gap to them."""

from collections.abc import Sequence
from typing import Any

from onecycle.decide.kinds import KINDS
from onecycle.report.facts import Facts
from onecycle.report.parts import Table
from onecycle.report.results import NAMES, decimals

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
    title = NAMES.get(metric, (metric, ""))[0]
    return title if title[:2].isupper() or title.startswith("F1") else title[0].lower() + title[1:]


def against(facts: Facts, row: Told, first: str) -> str:
    """Whether the decision is better than the one that nobody fitted, in a sentence.

    Args:
        facts: of the problem.
        row: of the decision and the metric.
        first: the other one, as the subject of a clause.
    """
    if row["more_low"] == row["more_high"] == 0:
        return f"On {facts.judged} it gives what {first} gives: {number(row)}."
    higher = KINDS[facts.decision["kind"]].better(row["metric"]) == "higher"
    unclear = row["more_low"] <= 0 <= row["more_high"]
    verdict = "better" if higher == (row["more"] > 0) else "worse"
    return (
        f"On {facts.judged} it reaches {number(row)}, {number(row, 'more')} more than {first}: "
        f"{'neither is shown to be better' if unclear else verdict + ' beyond the interval'}."
    )


def gap(facts: Facts, row: Told) -> list[str]:
    """Whether choosing on the fitted items flattered, in sentences; nothing without other items."""
    part = facts.decision["fitted_on"]["part"]
    if row["gap"] != row["gap"]:  # NaN: there are no other items
        return [f"It is judged by the items that it was chosen on, {part}: it looks too good here."]
    says = (
        f"Does it overfit? {part.capitalize()} says {row['fit']:,.{_digits(row)}f}, "
        f"{number(row, 'gap')} more than {facts.judged}."
    )
    if row["choosing"] != row["choosing"]:
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
        f"{says} Of that gap {number(row, 'choosing')} is there because of the choice, and not "
        f"without it, on the same resamples: {verdict}."
    ]


def table(facts: Facts, metric: str, names: dict[str, str], others: Sequence[str] = ()) -> Table:
    """The rivals side by side on the judged items, by a metric.

    Args:
        facts: of the problem.
        metric: the one that is told in full.
        names: of the rivals, in words; those that have the metric are shown.
        others: metrics of which the value alone is told.
    """
    part = facts.decision["fitted_on"]["part"]
    shown = {each: told(facts, metric, each) for each in names}
    first, rows = next(iter(names.values())), []
    for rival, row in shown.items():
        if row is None:
            continue
        more = "" if row["more"] != row["more"] else number(row, "more")
        fit = "" if row["fit"] != row["fit"] else f"{row['fit']:,.{_digits(row)}f}"
        values = [told(facts, each, rival) for each in others]
        cells = [f"{each['value']:,.{_digits(each)}f}" if each else "" for each in values]
        mark = " ←" if row["used"] else ""
        rows.append([names[rival] + mark, number(row), more, fit, *cells])
    head = [f"On {facts.judged} (← used)", name(metric), f"More than {first}", f"On {part}"]
    return Table([*head, *(name(each) for each in others)], rows)
