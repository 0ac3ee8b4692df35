"""The harness that kills runs, in short: a few places and a moment of the quickest sample."""

from collections import Counter
from pathlib import Path

import pytest

from kills import chance, page, points, soak
from kills.ground import Ground
from kills.results import Results, held_up

MOVIELENS = points.LAST


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Ground:
    return Ground(tmp_path_factory.mktemp("ground"), MOVIELENS, 30).make(empty_database)


@pytest.mark.slow
def test_killed_at_a_place_a_stage_gives_the_same_bytes_when_run_again(ground):
    recorded = points.record(points.WORKS["train"], ground)
    by_place = {each.place: each for each in recorded}
    expected = {"stage begins train", "stepped", "checkpoint kept", "recorded train@PROBLEM"}
    assert expected <= by_place.keys()
    row = points.attempt(by_place["checkpoint kept"], ground)
    assert held_up(row), row
    assert row["status"] != 0 and row["resumed"] > 0


@pytest.mark.slow
def test_what_is_wrong_is_told(ground):
    other = ground.tree / f"reports/{MOVIELENS}/metrics.json"
    partial = other.with_name(".metrics.json.1.partial")
    other.chmod(0o644)
    content = other.read_text()
    other.unlink()  # not DVC's cache, to which it is a link
    other.write_text(content + " ")
    partial.touch()
    found = ground.wrong()
    assert found["differs"] == [f"reports/{MOVIELENS}/metrics.json"]
    assert found["left"] == [f"reports/{MOVIELENS}/{partial.name}"]
    ground.fresh()
    assert not any(ground.wrong().values())


def test_trials_are_spread_over_victims_and_samples():
    trials = chance.plan(100, seed=9)
    assert trials == chance.plan(100, seed=9)
    for of in ("victim", "problem"):
        counts = Counter(getattr(it, of) for it in trials).values()
        assert max(counts) - min(counts) <= 6 and len(counts) == {"victim": 6, "problem": 4}[of]


def test_a_place_is_tried_once_of_the_sample_that_had_the_fewest():
    def point(work: str, problem: str, place: str) -> points.Point:
        return points.Point(work, problem, place, (place,))

    both = [point("train", p, place) for place in ("stepped", "epoch ends") for p in ("a", "b")]
    flow = [point("flow", "a", "stepped"), point("flow", "a", "writing login")]
    found = points.chosen([*both, *flow])
    assert [(it.work, it.problem, it.place) for it in found] == [
        ("train", "a", "stepped"),
        ("train", "b", "epoch ends"),
        ("flow", "a", "writing login"),
    ]
    assert points.told(f"renamed 000012-{'a' * 64}.safetensors", "x") == "renamed *.safetensors"


def test_growth_is_told_and_noise_is_not():
    rows = [
        {"grows": 1000 + 10 * at, "swings": 100 + at % 2, "kills": ["flow"], "status": 0}
        for at in range(20)
    ]
    grows, swings = soak.verdicts(rows)
    assert grows["growth"] == 10 and not grows["constant"]
    assert swings["constant"]


def test_the_page_tells_what_did_not_hold(tmp_path):
    folder = tmp_path / "made"
    whole = {"survived": [], "differs": [], "left": [], "said": []}
    results = Results(folder / "points.jsonl")
    row = {"work": "train", "kind": "stepped", "place": "stepped", "problem": MOVIELENS}
    places = ["stepped", "epoch ends", "renamed model.json"]
    known = [{"work": "train", "problem": MOVIELENS, "place": it, "where": [it]} for it in places]
    Results(folder / "places.jsonl").add({"points": known})
    results.add(row | {"wrong": whole})
    results.add(row | {"wrong": whole | {"differs": ["models/x"]}})
    with results.file.open("a") as file:
        file.write('{"torn')
    text = page.write(folder, tmp_path / "page.md").read_text()
    assert "at 2 of the 3 places where a run can be broken, **1 held**" in text
    assert "| a training step is done (`stepped`) | 2 | 2 of 2 | 1 of 2 | 2 of 2 |" in text
