"""Parts of the judged items, the telling ones first, and what chance would do."""

import numpy as np
import pandas as pd
import pytest

from onecycle.decide.slices import COLUMNS
from onecycle.report import slices


def table(n, marks=()):
    """Parts of rising score, the last of too few items."""
    rows = [["site", f"s{k}", 50, "accuracy", 0.5 + k / 100, 0.4, 0.7, ""] for k in range(n)]
    for at, mark in marks:
        rows[at][-1] = mark
    rows.append(["site", "small", 3, "accuracy", 0.1, np.nan, np.nan, ""])
    return pd.DataFrame(rows, columns=COLUMNS)


def test_the_marked_come_first_then_the_worst_then_the_small(problem):
    made = problem("category")
    made.slices = table(30, [(20, "better"), (10, "worse"), (5, "worse")])
    (section,) = slices.sections(made.facts())
    shown = [row[0] for row in section.tables[0].rows]
    assert shown[:5] == ["site: s5", "site: s10", "site: s20", "site: s0", "site: s1"]
    assert len(shown) == slices.ROWS and "all 31 are in plots/slices.csv" in section.says[-1]
    assert section.tables[0].rows[0][-1] == "✗ worse"


def test_how_many_chance_would_mark_is_said():
    said, small = slices.verdict(table(30, [(20, "better")]))
    assert said.startswith("1 of 30 parts differ") and "about 1.5 would" in said
    assert "1 part has fewer than 5" in small


@pytest.mark.parametrize(("kind", "said"), [("multicategory", True), ("rating", False)])
def test_that_few_items_rank_easily_is_said_of_rankings_only(problem, kind, said):
    made = problem(kind)
    made.slices = table(3)
    (section,) = slices.sections(made.facts())
    assert any("Few items rank more easily" in each for each in section.says) == said
    lowest = section.tables[0].rows[0][0]
    assert lowest == ("site: s2" if kind == "rating" else "site: s0")  # an error's worst is high


def test_without_parts_there_is_no_section(problem):
    made = problem("rating")
    made.slices = table(0).iloc[:0]
    assert slices.sections(made.facts()) == []
    assert "<h2>Slices</h2>" not in made.write()
    assert pd.read_csv(made.paths.report("plots/slices.csv")).columns.tolist() == COLUMNS
