"""What evaluate slices by, and what it holds the model against."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from onecycle.decide.kinds import KINDS
from onecycle.decide.sample import Sample
from onecycle.errors import UserError
from onecycle.items.table import items_table
from tasks import evaluate


@pytest.fixture
def items(tmp_path):
    """Two pictures, with a column that was kept."""
    rows = [{"id": n, "x": n, "y": "dog", "kept": {"scanner": n}} for n in "ab"]
    pq.write_table(items_table(rows, "category", pair=False), tmp_path / "items.parquet")
    return tmp_path / "items.parquet"


def test_kept_columns_and_sizes_are_sliced_by_unless_others_are_named(items, tmp_path):
    assert evaluate.to_slice(items, evaluate.Params()) == ["scanner", "width", "height"]
    assert evaluate.to_slice(items, evaluate.Params(slices=["y", "width"])) == ["y", "width"]
    assert evaluate.to_slice(items, evaluate.Params(slices=[])) == []
    with pytest.raises(UserError, match="no column 'scaner'; did you mean 'scanner'"):
        evaluate.to_slice(items, evaluate.Params(slices=["scaner"]))
    with pytest.raises(UserError, match="no column 'split'"):  # parts are the split's, not these
        evaluate.to_slice(items, evaluate.Params(slices=["split"]))
    pairs = [{"id": "u/i", "x": ["u", "i"], "y": 3.0}]
    pq.write_table(items_table(pairs, "rating", pair=True), tmp_path / "pairs.parquet")
    assert evaluate.to_slice(tmp_path / "pairs.parquet", evaluate.Params()) == []
    with pytest.raises(UserError, match="no column 'width'"):
        evaluate.to_slice(tmp_path / "pairs.parquet", evaluate.Params(slices=["width"]))


def test_slices_are_of_the_columns_and_of_the_sizes():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=60)
    decision = KINDS["category"].default()
    sample = Sample(np.eye(2)[y], y, decision, size_px=None, draws=100)
    part = SimpleNamespace(
        items=pd.DataFrame({"site": ["n", "s"] * 30}),
        size_px=np.column_stack([np.repeat([100.0, 300.0], 30), np.full(60, 50.0)]),
    )
    table = evaluate.slice_up(part, sample, ["site", "width", "height"])
    assert table[["column", "value", "n"]].values.tolist() == [
        ["site", "n", 30],
        ["site", "s", 30],
        ["width", "100", 30],
        ["width", "300", 30],
    ]
    assert (table["score"] == 1).all() and (table["high"] == 1).all() and (table["low"] < 1).all()


def multi(y, train, scores=None):
    """Intervals of a model that gives no label at all, and of the baseline."""
    scores = np.full(y.shape, -9.0) if scores is None else scores
    decision = KINDS["multicategory"].default()
    return evaluate.measure(Sample(scores, y, decision, draws=100), train)


def test_saying_nothing_does_not_beat_the_trivial_predictor():
    """The first label is frequent in train and rare in what is judged."""
    train, y = np.zeros((50, 4)), np.zeros((40, 4))
    train[:30, 0] = train[:5, 1] = 1
    y[:10, 0] = y[5:9, 1] = y[7:9, 2] = 1
    found = multi(y, train)
    none = 1 - y.mean()
    assert found["accuracy_multi"]["value"] == pytest.approx(none)
    assert found["baseline_accuracy_multi"]["value"] == pytest.approx(none)
    json.dumps(found)
    # and where the frequent label stays frequent, naming it always is what is to beat
    y[:35, 0] = 1
    found = multi(y, train)["baseline_accuracy_multi"]["value"]
    assert found == pytest.approx((y == [1, 0, 0, 0]).mean()) and found > 1 - y.mean()


def test_a_constant_answer_does_not_beat_the_trivial_f1():
    rng = np.random.default_rng(0)
    y = (rng.random((300, 5)) < [0.6, 0.4, 0.2, 0.1, 0.05]).astype(float)
    found = {name: each["value"] for name, each in multi(y, y).items()}
    for answer in np.array(np.meshgrid(*[[0, 1]] * 5)).reshape(5, -1).T:
        scores = np.tile(18.0 * answer - 9, (300, 1))
        constant = multi(y, y, scores)
        for name in ("accuracy_multi", "f1_micro", "f1_macro"):
            assert constant[name]["value"] <= found[f"baseline_{name}"] + 1e-12


def test_a_constant_number_does_not_beat_the_trivial_one():
    """Of ratings that are high more often than low the mean is not what is nearest to most."""
    y = np.repeat([1.0, 2, 3, 4, 5], [6, 11, 27, 34, 22])[:, None]

    def errors(constant):
        sample = Sample(np.full(y.shape, constant), y, KINDS["rating"].default(), draws=100)
        return {name: each["value"] for name, each in evaluate.measure(sample, y).items()}

    for constant in np.linspace(1, 5, 41):
        found = errors(constant)
        for name in ("mse", "rmse", "mae"):
            assert found[f"baseline_{name}"] <= found[name] + 1e-12
