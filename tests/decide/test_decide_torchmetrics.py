"""Every metric against torchmetrics, which computes in float32."""

import numpy as np
import pytest
import torch
from torchmetrics import functional as tm

from onecycle.decide.kinds import KINDS
from onecycle.decide.scores import sigmoid

N, K = 200, 8


def values(kind, scores, y, size_px=None, decision=None):
    rules = KINDS[kind]
    found = rules.metrics(scores, y, decision or rules.default(), np.ones((1, len(y))), size_px)
    return {name: float(value[0]) for name, value in found.items()}


def close(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(float(value), abs=2e-6), name


@pytest.mark.parametrize("seed", range(3))
def test_category(seed):
    rng = np.random.default_rng(seed)
    y = rng.integers(K, size=N)
    scores = rng.normal(size=(N, K)) + 2 * np.eye(K)[y]
    given, true = torch.tensor(scores, dtype=torch.float32), torch.tensor(y)
    accuracy = tm.classification.multiclass_accuracy
    once = accuracy(given, true, K, average="micro")
    p = given.softmax(dim=1)
    expected = {
        "accuracy": once,
        "error_rate": 1 - once,
        "top_5_accuracy": accuracy(given, true, K, average="micro", top_k=5),
        "balanced_accuracy": accuracy(given, true, K, average="macro"),
        "nll": torch.nn.functional.cross_entropy(given, true),  # torchmetrics has none
        "ece": tm.classification.multiclass_calibration_error(p, true, K, n_bins=15),
        "brier": K * tm.mean_squared_error(p, torch.nn.functional.one_hot(true, K).float()),
    }
    close(values("category", scores, y), expected)


@pytest.mark.parametrize("seed", range(3))
def test_multicategory(seed):
    rng = np.random.default_rng(seed)
    y = rng.random((N, K)) < 0.3
    scores = rng.normal(size=(N, K)) + y
    decision = {"kind": "multicategory", "threshold": 0.6, "aim": None}
    found = values("multicategory", scores, y.astype(float), decision=decision)
    del found["map_11"]  # it has none
    given, true = torch.tensor(sigmoid(scores), dtype=torch.float32), torch.tensor(y).long()
    f1 = tm.classification.multilabel_f1_score
    expected = {
        "map": tm.classification.multilabel_average_precision(given, true, K),
        "accuracy_multi": tm.classification.multilabel_accuracy(
            given, true, K, threshold=0.6, average="micro"
        ),
        "f1_micro": f1(given, true, K, threshold=0.6, average="micro"),
        "f1_macro": f1(given, true, K, threshold=0.6, average="macro"),
    }
    close(found, expected)


def test_points_and_ratings():
    rng = np.random.default_rng(0)
    y = rng.uniform(-1, 1, size=(N, 2))
    scores = y + 0.1 * rng.normal(size=(N, 2))
    size_px = rng.integers(100, 600, size=(N, 2)).astype(float)
    given, true = torch.tensor(scores, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
    half = torch.tensor(size_px / 2, dtype=torch.float32)
    far = torch.linalg.norm((given - true) * half, dim=1)
    found = values("points", scores, y, size_px)
    assert found["mse"] == pytest.approx(float(tm.mean_squared_error(given, true)), abs=1e-6)
    assert found["error_px_mean"] == pytest.approx(float(far.mean()), rel=1e-5)
    for name, q in (("median", 0.5), ("p90", 0.9)):
        expected = float(far.quantile(q, interpolation="lower"))
        assert found[f"error_px_{name}"] == pytest.approx(expected, rel=1e-5)
    given, true = given[:, 0].contiguous(), true[:, 0].contiguous()
    expected = {
        "mse": tm.mean_squared_error(given, true),
        "rmse": tm.mean_squared_error(given, true, squared=False),
        "mae": tm.mean_absolute_error(given, true),
    }
    close(values("rating", scores[:, :1], y[:, :1]), expected)
