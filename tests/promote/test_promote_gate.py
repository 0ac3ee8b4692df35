"""The gate: who passes, and everything that it refuses."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from onecycle.decide import category
from onecycle.errors import UserError
from onecycle.paths import Paths, write_json
from onecycle.promote import side as sides
from onecycle.promote.gate import decide
from onecycle.promote.side import Side
from onecycle.tables import write, write_predictions

N, VOCAB = 200, ["cat", "dog", "eel"]
IDS = [f"i{at:03}" for at in range(N)]


def side(share=0.7, seed=0, vocab=VOCAB, **changed):
    """A model that is right on a share of the items; the two of a seed err on the same ones."""
    right = np.random.default_rng(seed).random(N) < share
    truth = np.arange(N) % 3
    guess = np.where(right, truth, (truth + 1) % 3)
    place = np.array([vocab.index(each) for each in VOCAB])
    columns = {
        "id": IDS,
        "x": [f"{each}.jpg" for each in IDS],
        "y": [VOCAB[at] for at in truth],
        "group": pa.array([None] * N, pa.string()),
        "scores": list(4.0 * np.eye(3)[place[guess]]),
    }
    parts = {"test": IDS, "train": ["t0", "t1"], "valid": ["v0"]}
    rows = [(each, part) for part, names in parts.items() for each in names]
    accuracy = {"value": share, "low": share - 0.1, "high": share + 0.1}
    found = Side(
        predictions=pa.table(columns),
        split=pd.DataFrame(rows, columns=["id", "split"]),
        met=frozenset(),
        prints=pd.Series("a" * 64, index=IDS),
        size_px=None,
        target={"kind": "category", "vocab": vocab},
        decision=category.default(),
        intervals={"accuracy": accuracy, "baseline_accuracy": {"value": 0.33}},
        lineage={"code": {"commit": "c" * 40, "changed": False}, "trained_on": {"kind": "x"}},
        sha256={"model.safetensors": f"{share} {seed} {vocab}"},
    )
    return replace(found, **changed)


def column(of, name, values):
    at = of.predictions.column_names.index(name)
    return replace(of, predictions=of.predictions.set_column(at, name, pa.array(values)))


def parted(of, **parts):
    """The same with items moved to other parts, or new ones in them."""
    moved = pd.Series({name: part for part, names in parts.items() for name in names})
    split = of.split.set_index("id")["split"].drop(moved.index, errors="ignore")
    rows = pd.concat([split, moved]).rename_axis("id").rename("split").reset_index()
    return replace(of, split=rows)


OLD = side()


def test_a_better_model_passes_and_a_worse_or_lucky_one_does_not():
    better = decide(OLD, side(0.85))
    assert better.passes and "the challenger is better" in better.why[0]
    gain = better.gains.set_index("metric").loc["accuracy"]
    assert (better.metric, better.n) == ("accuracy", N) and gain["low"] > 0
    worse = decide(side(0.85), OLD)
    assert not worse.passes and "the challenger is worse" in worse.why[0]
    lucky = decide(OLD, side(0.71))
    assert lucky.gains.set_index("metric").loc["accuracy", "gain"] > 0
    assert not lucky.passes and "no gain is shown" in lucky.why[0]


def test_a_margin_lets_pass_what_is_shown_to_lose_less():
    near = side(0.69)
    assert decide(OLD, near, margin=0.06).passes
    assert "a loss is smaller than 0.06" in decide(OLD, near, margin=0.06).why[0]
    refused = decide(OLD, near, margin=0.01)
    assert not refused.passes and "a loss may be over 0.01" in refused.why[0]


def test_another_metric_may_decide_and_lower_may_be_better():
    assert decide(OLD, side(0.85), metric="nll").why[0].startswith("nll: ")
    assert decide(OLD, side(0.85), metric="nll").passes
    with pytest.raises(UserError, match=r"no 'accurracy'; did you mean 'accuracy'"):
        decide(OLD, side(0.85), metric="accurracy")


def test_the_first_must_beat_the_trivial_predictor():
    assert decide(None, OLD).passes
    intervals = {"accuracy": {"value": 0.4, "low": 0.3, "high": 0.5}}
    trivial = side(0.4, intervals=intervals | {"baseline_accuracy": {"value": 0.33}})
    assert not decide(None, trivial).passes
    assert not decide(None, side(0.4, intervals=intervals)).passes


def test_the_champion_itself_is_no_challenger():
    verdict = decide(OLD, side())
    assert not verdict.passes and "to the byte" in verdict.why[0]


def test_labels_in_another_order_are_the_same_labels():
    turned = side(0.85, vocab=["eel", "cat", "dog"])
    found, plain = (decide(OLD, each).gains for each in (turned, side(0.85)))
    pd.testing.assert_frame_equal(found, plain)


NEW = side(0.85)
UNKNOWN = side(0.85, target={"kind": "category", "vocab": ["cat", "dog", "fox"]})
POINTS = side(0.85, target={"kind": "points"})
FEWER = replace(NEW, predictions=NEW.predictions.slice(1))
NAN = column(NEW, "scores", [[np.nan] * 3, *NEW.predictions["scores"].to_pylist()[1:]])
BLANK = column(NEW, "y", [None, *NEW.predictions["y"].to_pylist()[1:]])
MENDED = column(NEW, "y", ["eel", *NEW.predictions["y"].to_pylist()[1:]])
MOVED = column(NEW, "x", ["other.jpg", *NEW.predictions["x"].to_pylist()[1:]])
GROUPED = column(NEW, "group", ["one"] * N)
TWICE = replace(NEW, split=pd.concat([NEW.split, pd.DataFrame({"id": IDS[:2], "split": "train"})]))


@pytest.mark.parametrize(
    ("challenger", "said"),
    [
        (FEWER, "lacks predictions: 200 items are test, 199 of them and 0 others"),
        (parted(NEW, valid=IDS), "no test part"),
        (NAN, "not finite"),
        (BLANK, "without a label"),
        (UNKNOWN, "labels \\['eel'\\]"),
        (POINTS, "kind category, not points"),
        (parted(FEWER, train=IDS[:1]), "200 items, 199 .* 199 in both; .* learnt from 1"),
        (parted(NEW, test=["new"]), "200 items, 201 of the challenger"),
        (MENDED, "labels of 1 item, such as i000"),
        (MOVED, "inputs of 1 item, such as i000"),
        (GROUPED, "groups of 200 items"),
        (replace(NEW, prints=pd.Series(["b" * 64] * N, IDS)), "files of 200 items, such as i000"),
        (TWICE, "learnt from 2 items of test, such as i000"),
        (replace(NEW, met=frozenset(IDS[:3])), "met 3 items of 200 of test"),
    ],
)
def test_what_can_t_be_compared_is_refused(challenger, said):
    verdict = decide(OLD, challenger)
    assert not verdict.passes and verdict.gains is None
    assert re.search(said, "; ".join(verdict.why)), verdict.why


def test_a_champion_is_held_to_the_same():
    verdict = decide(replace(TWICE, sha256={}), side(0.9))
    assert not verdict.passes and "the champion has learnt from 2 items" in verdict.why[0]


def test_few_items_that_another_part_has_too_are_left_out():
    met = frozenset(IDS[:1])
    verdict = decide(OLD, replace(NEW, met=met))
    assert verdict.passes and verdict.n == N - 1
    assert "1 item of test were left out" in verdict.cautions[0]


def test_what_the_numbers_leave_out_is_said():
    lineage = {"code": {"commit": None, "changed": None}, "trained_on": {"kind": "y"}}
    groups = np.repeat(["a", "b", "c", "d"], N // 4)
    few = (column(each, "group", groups) for each in (OLD, replace(NEW, lineage=lineage)))
    said = " ".join(decide(*few).cautions)
    assert "in no commit" in said and "on y, the champion on x" in said and "few groups" in said


def test_groups_are_resampled():
    groups = np.repeat(np.arange(20), N // 20).astype(str)
    alone = decide(OLD, NEW).gains.set_index("metric").loc["accuracy"]
    grouped = decide(column(OLD, "group", groups), column(NEW, "group", groups))
    assert grouped.gains.set_index("metric").loc["accuracy", "low"] != alone["low"]


def test_a_verdict_is_json():
    for verdict in (decide(OLD, NEW), decide(None, NEW), decide(OLD, FEWER)):
        found = json.loads(json.dumps(verdict.json(), allow_nan=False))
        assert found["passes"] == verdict.passes


def test_test_items_are_known_by_their_truth_whatever_was_answered():
    assert decide(OLD, NEW).test_sha256 == decide(None, side(0.5)).test_sha256
    assert decide(OLD, MENDED).test_sha256 != decide(OLD, NEW).test_sha256


@pytest.mark.parametrize("pictures", [True, False])
def test_a_side_is_read_from_what_the_stages_leave(tmp_path, pictures):
    paths = Paths("p", tmp_path)
    order = [2, 0, 1]
    frame = pd.DataFrame(
        {"id": ["a", "b", "c"], "x": ["a.jpg", "b.jpg", "c.jpg"], "y": ["cat", "dog", "eel"]}
    ).assign(group=pd.Series([None] * 3, dtype=object))
    scores = np.eye(3, dtype=np.float32)
    paths.report().mkdir(parents=True)
    (paths.data() / "pixels").mkdir(parents=True)
    file = paths.report("predictions.parquet")
    write_predictions(file, frame.iloc[order].reset_index(drop=True), scores[order])
    leaks = {"kind": ["near", "identical"], "id": ["a", "b"], "split": ["test", "test"]}
    write(pd.DataFrame(leaks), paths.data("leaks.parquet"))
    write(pd.DataFrame({"id": list("abc"), "split": ["test"] * 3}), paths.data("split.parquet"))
    ids = ["c", "b", "a", "other"] if pictures else []
    sizes = {"published_width": [30, 20, 10, 0], "published_height": [3, 2, 1, 0]}
    write_json(paths.data(sides.INDEX), {"ids": ids, **sizes}, sealed=True)
    if pictures:
        prints = pd.DataFrame({"id": ids, "sha256": ids})
        write(prints, paths.data(sides.PRINTS))
    write_json(paths.report("intervals.json"), {})
    write_json(paths.model("model.json"), {"y": {"kind": "category", "vocab": VOCAB}}, sealed=True)
    write_json(paths.model("decision.json"), category.default())
    write_json(paths.model("lineage.json"), {})
    paths.model("model.safetensors").write_bytes(b"weights")

    found = Side.read(paths)
    assert sides.are_pictures(paths) == pictures
    assert found.ids == ["a", "b", "c"] and found.met == {"b"}
    assert found.scores.tolist() == scores.tolist()
    sample = found.sample(np.array([True, False, True]), 100, 0)
    assert sample.y.tolist() == [0, 2] and sample.groups is None
    if pictures:
        assert found.size_px.tolist() == [[10, 1], [20, 2], [30, 3]]
        assert found.prints["c"] == "c"
    else:
        assert found.size_px is None and found.prints.empty
