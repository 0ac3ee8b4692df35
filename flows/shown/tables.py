"""A run's tables: scores of the problems, a problem's metrics, what the stages cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from flows.costs import Cost, Ledger
from flows.shown.standing import MARKS, OTHER, Standing
from onecycle.report.score import Score

COLUMNS = ("problem", "judged by", "score", "95 % interval", "trivial", "", "on", "training")
LAST, BEST = "since last run", "to champion"
RIGHT = ("score", "95 % interval", "trivial")
LEGEND = (
    "Trivial: a predictor that sees no input. ✓ the model is better beyond its interval, "
    "≈ not shown to be, ✗ worse."
)
WITHIN = "* The interval is over items of few groups: it does not say how a new group does."
Standings = Mapping[str, Standing]  # by problem; one that can't be told of is missing
Rows = list[Sequence[str]]


def cells(score: Score) -> list[str]:
    """The columns of a score's row in a table."""
    it = score.metric
    interval = it.interval + ("*" if score.within_groups else "")
    name, on = f"{it.name} {it.arrow}", f"{score.n:,} {score.split}"
    return [score.problem, name, it.value, interval, it.baseline, it.mark, on, score.reading.name]


def rows(scores: Sequence[Score], standings: Standings) -> Rows:
    """The scores, below the columns' names; differences where there is one."""
    found: Rows = [COLUMNS, *map(cells, scores)]
    more = [_differences(standings.get(score.problem)) for score in scores]
    for at in (1, 0):
        column = [each[at] for each in more]
        if any(column):
            found = inserted(found, COLUMNS.index("score") + 1, [(LAST, BEST)[at], *column])
    return found


def inserted(table: Rows, at: int, column: Sequence[str]) -> Rows:
    """A table with one column more."""
    return [[*row[:at], cell, *row[at:]] for row, cell in zip(table, column, strict=True)]


def _differences(standing: Standing | None) -> tuple[str, str]:
    return standing.differences(standing.headline) if standing else ("", "")


def console(scores: Sequence[Score], standings: Standings) -> Table:
    """The scores for the console."""
    head, *body = rows(scores, standings)
    found = Table(*head, box=None, pad_edge=False, header_style="bold")
    for column in RIGHT:
        found.columns[list(head).index(column)].justify = "right"
    for row in body:
        found.add_row(*row)
    return found


def notes(scores: Sequence[Score], standings: Standings) -> list[str]:
    """What the table's signs mean."""
    said = [LEGEND, *([WITHIN] if any(score.within_groups for score in scores) else [])]
    differences = "".join("".join(_differences(each)) for each in standings.values())
    best = dict.fromkeys(each.best.of for each in standings.values() if each.best)
    if best:
        said.append(f"Champion: {', '.join(map(code, best))}.")
    return said + ([MARKS] if differences else []) + ([OTHER] if "†" in differences else [])


def markdown(table: Rows) -> list[str]:
    """A table in Markdown, in lines; its first row is the head."""
    head, *body = table
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *body)]


def metrics(standing: Standing) -> Rows:
    """All metrics of a problem for Prefect's page; each difference says from what."""
    found: Rows = [["metric", "value", "95 % interval", "trivial", ""]]
    found += [
        [f"{it.name} {it.arrow}", it.value, it.interval, it.baseline, it.mark]
        for it, *_ in standing.rows
    ]
    _, last, best = zip(*standing.rows, strict=True)
    for what, before, column in ((BEST, standing.best, best), (LAST, standing.last, last)):
        if before:
            found = inserted(found, 2, [f"{what}, {code(before.of)}", *column])
    return found


def code(name: str) -> str:
    """A name in Markdown, which would else take `pets@v1.0.0` for an address to write to."""
    return f"`{name}`"


def costs(ledger: Ledger, states: Mapping[str, str]) -> list[dict[str, Any]]:
    """What each stage that ran took, beside the last time, and all of them.

    Args:
        ledger: of the run.
        states: how each stage ended.
    """
    found = [
        _cost(name, states.get(name, ""), cost, ledger.before.get(name))
        for name, cost in ledger.spent.items()
    ]
    return [*found, _cost("all", "", ledger.total, None)]


def _cost(stage: str, state: str, cost: Cost, before: Cost | None) -> dict[str, Any]:
    return {
        "stage": stage,
        "seconds": round(cost.seconds, 1),
        "last time": round(before.seconds, 1) if before else "",
        "CPU s": round(cost.cpu_s, 1),
        "GPU s": round(cost.gpu_s, 1),
        "peak memory": cost.memory,
        "ended": state,
    }
