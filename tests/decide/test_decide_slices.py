from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from onecycle.decide import slices
from onecycle.decide.kinds import KINDS
from onecycle.decide.sample import Sample


def right_or_wrong(right):
    """A sample of two classes whose accuracy is that of `right`, bool [N]."""
    scores = np.where(right[:, None], [1.0, 0.0], [0.0, 1.0])
    return Sample(scores, np.zeros(len(right), int), KINDS["category"].default(), draws=300)


def named(cells):
    return {name: rows.tolist() for name, rows in slices.cut(pd.Series(cells))}


def test_texts_are_parts_of_their_own_and_the_rest_is_one():
    cells = [f"v{n:02}" for n in range(25) for _ in range(25 - n)] + [None] * 2
    found = named(cells)
    assert list(found) == [f"v{n:02}" for n in range(20)] + ["(5 others)", "(none)"]
    assert found["v01"] == list(range(25, 49)) and found["(none)"] == [325, 326]
    assert sorted(row for rows in found.values() for row in rows) == list(range(327))


def test_few_numbers_are_values_and_many_are_bins():
    assert named([3, 1, 1, 2.5]) == {"1": [1, 2], "2.5": [3], "3": [0]}
    found = named(np.arange(100.0))
    assert next(iter(found)) == "0 to 19" and [len(rows) for rows in found.values()] == [20] * 5
    tied = named([7] * 50 + list(range(20, 70)))
    assert set(next(iter(tied.values()))) >= set(range(50))  # equal numbers stay together
    for most in ([0] * 85 + list(range(1, 16)), list(range(1, 16)) + [20] * 85):
        assert sorted(map(len, named(most).values())) == [15, 85]  # no quantile parts them
    assert named([True, False, True]) == {"True": [0, 2], "False": [1]}


def test_a_list_puts_an_item_in_several_parts_once():
    found = named([["a", "b"], ["a", "a"], [], ["b"]])
    assert found == {"a": [0, 1], "b": [0, 3], "(none)": [2]}
    assert named([np.array(["a"]), np.array(["b", "a"])]) == {"a": [0, 1], "b": [1]}


def test_one_value_is_no_part():
    assert named(["a"] * 5) == {} and named([None, None]) == {}
    table = slices.measure(right_or_wrong(np.ones(5, bool)), {"a": pd.Series(["x"] * 5)})
    assert table.empty and list(table) == slices.COLUMNS


def test_scores_are_those_of_the_part_and_the_odd_one_is_marked():
    rng = np.random.default_rng(0)
    site = np.repeat(["a", "b", "c", "d"], [200, 200, 200, 3])
    right = rng.random(603) < np.where(site == "b", 0.6, 0.85)
    table = slices.measure(right_or_wrong(right), {"site": pd.Series(site)})
    assert list(table) == slices.COLUMNS and set(table["metric"]) == {"accuracy"}
    table = table.set_index("value")
    for name in "abcd":
        assert table.loc[name, "score"] == pytest.approx(right[site == name].mean())
        assert table.loc[name, "n"] == (site == name).sum()
    assert table["beyond"].to_dict()["b"] == "worse" and table["beyond"].to_dict()["d"] == ""
    assert np.isnan(table.loc["d", "low"])
    assert (table["low"] < table["score"]).head(3).all()
    # the marks go by the difference from the whole, which has the part in it
    assert table.loc["b", "high"] < right.mean()


def test_a_part_of_few_groups_is_not_judged():
    rng = np.random.default_rng(0)
    right, group = rng.random(300) < 0.8, np.repeat(np.arange(30), 10)
    sample = right_or_wrong(right)
    sample = Sample(sample.scores, sample.y, sample.decision, group.astype(str), draws=200)
    table = slices.measure(sample, {"of four": pd.Series(np.where(group < 4, "few", "many"))})
    assert table.set_index("value")["low"].isna().to_dict() == {"few": True, "many": False}


@pytest.mark.parametrize("kind", ["category", "multicategory", "rating"])
def test_random_parts_are_marked_about_as_often_as_said(kind):
    """One in twenty: labels' rankings too, though few items rank more easily than many."""
    rng, marked, judged = np.random.default_rng(1), 0, 0
    for seed in range(25):
        y = rng.random((240, 4)) < [0.4, 0.3, 0.2, 0.1]
        if kind == "multicategory":
            scores = rng.normal(size=(240, 4)) + 1.5 * y
        elif kind == "category":
            y = rng.integers(4, size=240)
            scores = rng.normal(size=(240, 4)) + np.eye(4)[y]
        else:
            y = rng.normal(size=(240, 1))
            scores = y + rng.normal(size=(240, 1))
        sample = Sample(scores, y, KINDS[kind].default(), draws=150, seed=seed)
        parts = pd.Series(rng.choice(list("abcdefgh"), 240, p=[0.3, *[0.1] * 7]))
        table = slices.measure(sample, {"part": parts})
        marked += (table["beyond"] != "").sum()
        judged += table["low"].notna().sum()
    assert 0.01 < marked / judged < 0.12


@pytest.mark.parametrize("grouped", [False, True])
def test_small_parts_that_are_all_right_are_marked_no_more_often(grouped):
    """Of 20 items that are right in 95 %, a third are all right; no resample has a wrong one."""
    rng, marked, judged = np.random.default_rng(2), 0, 0
    for seed in range(20):
        right = right_or_wrong(rng.random(1000) < 0.95)
        owners = np.arange(1000).astype(str) if grouped else None
        sample = replace(right, groups=owners, draws=150, seed=seed)
        table = slices.measure(sample, {"part": pd.Series(rng.integers(50, size=1000)).astype(str)})
        marked += (table["beyond"] != "").sum()
        judged += table["low"].notna().sum()
    assert 0.005 < marked / judged < 0.08


def test_a_large_part_without_an_error_is_marked():
    site = np.repeat(["a", "b", "c"], [200, 400, 6])
    right = np.where(site == "b", np.arange(606) % 4 > 0, True)
    table = slices.measure(right_or_wrong(right), {"site": pd.Series(site)}).set_index("value")
    assert table["beyond"].to_dict() == {"a": "better", "b": "worse", "c": ""}
