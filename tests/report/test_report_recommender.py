"""A recommender's sections: whether it beats SVD, who is unseen, what its embeddings say."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from onecycle.decide.recommend import Rated
from onecycle.report import beside, by_activity, labels, rating, tastes
from onecycle.report.gallery import FACES
from onecycle.report.rated import RatedItems, titles


def known(**more) -> RatedItems:
    """Four items; b was rated three times, d and a twice, c once."""
    pairs = np.array([[1, 1], [1, 2], [2, 2], [3, 2], [1, 4], [3, 4], [2, 3], [2, 1]])
    ratings = Rated(pairs, np.array([1.0, 2, 3, 4, 5, 4, 3, 2]))
    given = {"train": ratings, "valid": ratings, "judged": ratings, "users": 3}
    given |= {"items": list("abcd"), "titles": ["A", "B", "B", "D"]}
    given["factors"] = np.array([[1.0, 0], [2, 0.1], [0, 1], [-1, 0]])
    given["bias"] = np.array([0.1, -0.2, 0.3, 0.0])
    return RatedItems(**(given | more))


def test_the_ranking_is_by_bias():
    table = tastes.ranking(known(), known().bias)
    assert table.values.tolist() == [
        ["c", "B", 1, 0.3],
        ["a", "A", 2, 0.1],
        ["d", "D", 2, 0.0],
        ["b", "B", 3, -0.2],
    ]


def test_the_nearest_are_by_angle_not_by_length():
    table = tastes.nearest(known(), known().factors)
    assert list(dict.fromkeys(table["item"])) == ["b", "a", "d", "c"]  # the most rated first
    of_b = table[table["item"] == "b"]
    assert of_b[["rank", "near", "near_title"]].values.tolist() == [
        [1, "a", "A"],
        [2, "c", "B"],
        [3, "d", "D"],
    ]
    assert of_b["cosine"].iloc[0] == pytest.approx(2 / np.hypot(2, 0.1))
    assert not (table["item"] == table["near"]).any()


def test_the_map_keeps_distances_of_a_plane_and_its_sign_is_fixed():
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(4, 2))
    factors = plane @ np.linalg.qr(rng.normal(size=(5, 5)))[0][:2] + 3
    table = tastes.flat_map(known(), factors)
    xy = table.sort_values("item")[["x", "y"]].to_numpy()
    far = np.linalg.norm(plane[:, None] - plane, axis=2)
    assert np.allclose(np.linalg.norm(xy[:, None] - xy, axis=2), far)
    assert table["x_share"].iloc[0] + table["y_share"].iloc[0] == pytest.approx(1)
    assert table["x_share"].iloc[0] >= table["y_share"].iloc[0]
    mirrored = tastes.flat_map(known(), -factors)
    assert np.allclose(np.abs(mirrored["x"]), np.abs(table["x"]))
    assert all(each[np.abs(each).argmax()] > 0 for each in xy.T)


def test_one_factor_has_a_map_too():
    table = tastes.flat_map(known(), np.array([[1.0], [2], [3], [4]]))
    assert np.allclose(table["y"], 0) and table["x_share"].iloc[0] == pytest.approx(1)


def test_without_biases_or_factors_it_says_so():
    made = tastes.sections(tastes.frames(known(bias=None)))
    assert [section.title for section in made] == ["Nearest items", "Map of items"]
    (only,) = tastes.sections(tastes.frames(known(bias=None, factors=None)))
    assert "Dense layers" in only.says[0]


def row(name: str, rmse: float, more: float, low: float, high: float) -> dict[str, object]:
    return {"name": name, "rmse": rmse, "rmse_more": more, "rmse_more_low": low} | {
        "rmse_more_high": high
    }


@pytest.mark.parametrize(
    ("more", "low", "high", "said"),
    [
        (
            0.02,
            0.01,
            0.03,
            "Yes: the RMSE of ALS (rank 2), the best factorisation below, is 0.0200 ",
        ),
        (
            -0.02,
            -0.03,
            -0.01,
            "No: the RMSE of ALS (rank 2), the best factorisation below, is 0.0200 ",
        ),
        (
            0.02,
            -0.01,
            0.05,
            "Not shown: the RMSE of ALS (rank 2), the best factorisation below, is +0.02",
        ),
    ],
)
def test_the_verdict_is_by_the_paired_interval_of_the_best_factorisation(more, low, high, said):
    rows = [row(beside.OWN, 0.9, 0, 0, 0), row("Biases", 0.85, -0.05, -0.06, -0.04)]
    rows += [row("Truncated SVD (rank 8)", 0.95, 0.05, 0.04, 0.06)]
    table = pd.DataFrame([*rows, row("ALS (rank 2)", 0.9 + more, more, low, high)])
    assert beside.verdict(table).startswith(said)


def test_the_page_of_a_recommender(problem):
    made = problem("rating")
    html = made.write()
    for title in ("Better than SVD?", "Items by bias", "Nearest items", "Map of items"):
        assert f">{title}</h2>" in html
    plots = made.paths.report("plots")
    table = pd.read_csv(plots / "baselines.csv")
    assert table["name"].iloc[0] == beside.OWN and len(table) == 5
    own = made.predictions["predicted"] - made.predictions["y"]
    assert table["mse"].iloc[0] == pytest.approx((own**2).mean())
    assert len(pd.read_csv(plots / "item_biases.csv")) == 24
    assert len(pd.read_csv(plots / "nearest_items.csv")) == 24 * tastes.NEAREST
    assert len(pd.read_csv(plots / "item_map.csv")) == 24
    assert "Train has every user and every item" in html


def test_the_unseen_are_counted_and_shown(problem):
    made = problem("rating")
    pairs = made.rated.judged.pairs.copy()
    pairs[:2, 0] = pairs[1:4, 1] = 0
    judged = dataclasses.replace(made.rated.judged, pairs=pairs)
    made.rated = dataclasses.replace(made.rated, judged=judged)
    facts = made.facts()
    section = by_activity.section(facts, rating.frames(facts))
    (said,) = section.says
    assert "2 ratings (8.33\u00a0%) of users that train does not have" in said
    assert "3 ratings (12.50\u00a0%) of items that train" in said
    assert "RMSE 0.84 (too few for an interval), of train's mean 0.84." in said
    users, items = section.tables
    assert users.rows[0][:2] == ["none", "2"] and items.rows[0][:2] == ["none", "3"]
    assert [sum(int(row[1]) for row in table.rows) for table in section.tables] == [24, 24]


def test_titles_fall_back_on_names():
    train = pd.DataFrame({"x": [["u", "a"], ["v", "b"], ["v", "a"]], "title": ["A", None, "A"]})
    assert titles(["a", "b"], train) == ["A", "b"]
    assert titles(["a", "b"], train.drop(columns="title")) == ["a", "b"]


def test_a_card_names_the_item_by_title_where_it_has_one():
    row = {"x": ["u", "7"], "title": "Amélie"}
    assert FACES["pair"][1](None, pd.Series(row)) == (["u", "Amélie (7)"], None)
    for none in ({"title": None}, {"title": float("nan")}):
        assert FACES["pair"][1](None, pd.Series(row | none)) == (["u", "7"], None)
    assert FACES["pair"][1](None, pd.Series({"x": ["u", "7"]})) == (["u", "7"], None)


def test_names_on_a_map_hide_no_other_where_there_is_room():
    figure = Figure(figsize=(8, 5))
    axes = figure.add_subplot()
    points = np.array([[0.0, 0], [0.02, 0], [0.04, 0.01], [1, 1], [1, 0.98], [0, 1]])
    axes.plot(*points.T, "o")
    labels.place(axes, points, [f"a name of item {at}" for at in range(6)], "black")
    boxes = [text.get_window_extent(figure.canvas.get_renderer()) for text in axes.texts]
    assert not [1 for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    frame = axes.get_window_extent(figure.canvas.get_renderer())
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
