"""Ratings: known and unknown, with an interval; the best items for users."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from onecycle.errors import UserError
from onecycle.predict.model import load_model
from onecycle.predict.top import Top
from tasks.__main__ import main

PAIRS = [("u3", "i7"), ("nobody", "i7"), ("u3", "none"), ("", "i7"), ("u1", None), ("u29", "i39")]


def test_ratings_are_the_model_s_and_say_what_is_known(rating):
    model = load_model(rating)
    found = model.predict(PAIRS)
    assert found["known_user"].tolist() == [True, False, True, False, True, True]
    assert found["known_item"].tolist() == [True, True, False, True, False, True]
    assert found["error"].notna().tolist() == [False, False, False, True, True, False]
    rows = torch.tensor([[4, 8], [0, 8], [4, 0], [30, 40]])  # sorted as given; 0 is unseen
    with torch.inference_mode():
        expected = model.learner.model(rows)[:, 0].double().numpy()
    good = found[found["error"].isna()]
    assert np.allclose(good["predicted"], expected, rtol=0, atol=1e-6)
    assert np.allclose(good["high"] - good["low"], 1.0)
    frame = pd.DataFrame({"item": ["i7"], "user": ["u3"], "mine": [5]})
    assert model.predict(frame)[["mine", "predicted"]].values.tolist() == [
        [5, found["predicted"][0]]
    ]


def brute_force(model, users, n, excluded):
    """Every pair rated, sorted."""
    items = model.learner.data.blocks.x.items
    for user in users:
        rated = model.predict([(user, item) for item in items])
        rated = rated[[(user, item) not in excluded for item in items]]
        best = rated.sort_values("predicted", ascending=False, kind="stable").head(n)
        yield from zip([user] * n, best["item"], best["predicted"], strict=False)


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_the_best_items_are_those_of_all_pairs_rated(rating, chunk, monkeypatch):
    model = load_model(rating)
    monkeypatch.setattr(Top, "chunk", chunk)
    excluded = {("u2", f"i{at}") for at in range(36)} | {("u5", "i1"), ("gone", "i2"), ("u5", "?")}
    table = pa.table(dict(zip(("user", "item"), zip(*sorted(excluded), strict=True), strict=True)))
    users = ["u2", "u5", "stranger", "u0"]
    top = Top(model, users, 6, table)
    parts = [part for part, _ in top.parts(range(0, len(users), chunk))]
    found = pa.concat_tables(parts).to_pandas()
    expected = list(brute_force(model, users, 6, excluded))
    assert len(found) == 4 + 6 + 6 + 6  # u2 has four left
    assert list(zip(found["user"], found["item"], strict=True)) == [it[:2] for it in expected]
    assert np.allclose(found["predicted"], [it[2] for it in expected], rtol=0, atol=1e-6)
    assert found["rank"].tolist() == [*range(1, 5), *range(1, 7), *range(1, 7), *range(1, 7)]
    assert found["title"].tolist() == [f"Title {name[1:]}" for name in found["item"]]
    assert set(found["user"][~found["known_user"]]) == {"stranger"}


def test_of_equal_ratings_the_first_items_are_taken(rating):
    model = load_model(rating)
    for each in model.takes.model.parameters():
        torch.nn.init.zeros_(each)
    ((part, counted),) = Top(model, ["u1", "u2"], 3).parts([0])
    assert part["item"].to_pylist() == model.learner.data.blocks.x.items[:3] * 2
    assert counted["inputs"]["users"] == {"known": 6, "unknown": 0}


def test_the_command_takes_users_and_excludes(rating, tmp_path, capsys):
    out, seen = tmp_path / "top.csv", tmp_path / "seen.parquet"
    pd.DataFrame({"user": ["u1"] * 39, "item": [f"i{at}" for at in range(39)]}).to_parquet(seen)
    options = ["--top", "2", "--exclude", str(seen), "-o", str(out)]
    assert main(["predict", str(rating), "--users", "u1,u4", *options]) == 0
    found = pd.read_csv(out)
    assert found["user"].tolist() == ["u1", "u4", "u4"] and found["item"][0] == "i39"
    assert main(["predict", str(rating), str(seen), *options]) == 0
    assert pd.read_csv(out)["user"].tolist() == ["u1"]
    assert main(["predict", str(rating), *options]) == 0
    assert pd.read_csv(out)["user"].nunique() == 30
    assert main(["predict", str(rating), str(seen), "--users", "u1", "-o", str(out)]) == 1
    assert "--users: only with --top" in capsys.readouterr().err
    assert main(["predict", str(rating), "--top", "0", "-o", str(out)]) == 1
    (tmp_path / "none.csv").write_text("user,item\n")
    options = ["--top", "1", "--exclude", str(tmp_path / "none.csv"), "-o", str(out)]
    assert main(["predict", str(rating), *options]) == 0


def test_pictures_have_no_items_to_choose_from(category):
    with pytest.raises(UserError, match="no recommender"):
        Top(load_model(category), ["u"], 1)
