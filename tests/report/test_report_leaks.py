"""What the page says of leaks: counts and limits, the pairs as pictures or as rows."""

import pandas as pd
import pytest
from hostile import HOSTILE

from onecycle.splits.audit import COLUMNS


def plant(made, *rows, limit: float | None = 0.5, **more) -> str:
    frame = pd.DataFrame(list(rows), columns=COLUMNS)
    frame.to_parquet(made.paths.data("leaks.parquet"))
    counts = frame["kind"].value_counts().to_dict()
    kinds = {kind: {"found": n, "of": 36, "limit": limit} for kind, n in counts.items()}
    leaks = {"shared_groups": 0, "first": [], "kinds": kinds, "cut": 0, "moved": {}} | more
    made.change(made.paths.report("split.json"), leaks=leaks)
    return " ".join(made.write().split())


def test_pairs_of_pictures_stand_side_by_side(problem):
    near = [("near", f"{n:02}.png", "test", "01.png", "train", n, None) for n in range(2, 10)]
    same = ("identical", HOSTILE, "test", "01.png", "train", None, None)
    html = plant(problem("category"), same, *near)
    assert html.count("<image ") == 12 + 2 * 6  # of at most six pairs
    assert "the same bytes" in html and "2 of 256 bits differ" in html
    assert "02.png (test)" in html and "01.png (train)" in html and "<script" not in html
    said = "Leak: 8 of 36 items of valid and test (looks the same). The score will flatter."
    assert said in html
    assert "Some items leak between the parts" in html and '<td class="number">50 %</td>' in html


def test_pairs_of_ratings_are_rows(problem):
    html = plant(problem("rating"), ("pair", "u0/i0", "test", "u0/i1", "train", None, "u0 / m"))
    assert "<td>u0/i0 (test)</td><td>u0/i1 (train)</td><td>u0 / m</td>" in html
    assert "<image " not in html


@pytest.mark.parametrize(("limit", "warned"), [(None, False), (0.5, True)])
def test_times_that_are_only_counted_are_no_warning(problem, limit, warned):
    row = ("time", "u0/i0", "test", "u0/i1", "train", 5.0, None)
    html = plant(problem("rating"), row, limit=limit)
    assert ("The score will flatter" in html) == warned and ("only counted" in html) != warned


@pytest.mark.parametrize(("by", "warned"), [("time", False), ("random", True)])
def test_users_that_go_on_in_time_are_no_warning(problem, by, warned):
    made = problem("rating")
    made.change(made.paths.report("split.json"), by=by)
    row = ("group", "u0/i0", "test", "u0/i1", "train", None, "u0")
    html = plant(made, row, limit=None, shared_groups=1, first=["u0"])
    assert ("The score will flatter" in html) == warned and "only counted" in html


def test_what_was_moved_and_what_was_not_compared_is_said(problem):
    html = plant(problem("category"), cut=7, moved={"valid": 1, "test": 2})
    assert "1 item of valid, 2 items of test" in html
    assert "7 items could not be compared" in html and "The score will flatter" not in html
