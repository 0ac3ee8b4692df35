import json
import subprocess
import sys
import time

import numpy as np
import pytest
from pydantic import ValidationError

from onecycle.decide.intervals import measure
from onecycle.decide.kinds import KINDS
from onecycle.decide.metrics import better
from onecycle.errors import UserError

SIZE = np.tile([200.0, 100.0], (40, 1))
NAMES = {
    "category": ["accuracy", "error_rate", "balanced_accuracy", "nll", "ece", "brier"],
    "multicategory": ["map", "map_11", "accuracy_multi", "f1_micro", "f1_macro"],
    "points": ["mse", "error_px_mean", "error_px_median", "error_px_p90"],
    "rating": ["mse", "rmse", "mae"],
}
HEADLINES = {"category": "accuracy", "multicategory": "map", "points": "mse", "rating": "rmse"}


def example(name, seed=0):
    """Scores float32 [40, width], better than chance, and y."""
    rng = np.random.default_rng(seed)
    if name == "category":
        y = rng.integers(3, size=40)
        return (rng.normal(size=(40, 3)) + 6 * np.eye(3)[y]).astype(np.float32), y
    if name == "multicategory":
        hot = (rng.random((40, 3)) < 0.4).astype(np.float32)
        return (rng.normal(size=(40, 3)) + 3 * hot - 1).astype(np.float32), hot
    y = rng.uniform(-1, 1, size=(40, 2 if name == "points" else 1)).astype(np.float32)
    return (y + 0.1 * rng.normal(size=y.shape)).astype(np.float32), y


@pytest.fixture(params=sorted(KINDS))
def name(request):
    return request.param


def test_every_kind_is_there():
    assert sorted(KINDS) == sorted(NAMES)


def test_fit_measure_and_answer_go_through(name):
    kind, (scores, y) = KINDS[name], example(name)
    decision, curve = kind.fit(scores, y, kind.Params(), SIZE)
    assert decision["kind"] == name
    assert json.loads(json.dumps(decision)) == decision
    assert decision.keys() >= kind.default().keys()
    assert not curve.empty and curve.select_dtypes("number").notna().all(axis=None)
    for used in (decision, kind.default()):
        result = measure(lambda w, u=used: kind.metrics(scores, y, u, w, SIZE), 40, draws=50)
        own = kind.decided(scores, y, used, np.ones((1, 40)), SIZE)
        assert list(result) == NAMES[name] + (["coverage"] if "coverage" in own else [])
        for metric in own.keys() & result.keys():  # said twice, it is the same
            assert own[metric][0] == pytest.approx(result[metric]["value"], abs=1e-12)
        assert len(kind.answers(scores, used, ["a", "b", "c"], SIZE)) == 40
    json.dumps(kind.default(), allow_nan=False)


def test_headline_judges_the_model_better_than_the_baseline(name):
    kind, (scores, y) = KINDS[name], example(name)
    assert kind.headline == HEADLINES[name] and kind.headline in NAMES[name]
    base = kind.baseline(y, 40, scores.shape[1])
    assert base.shape == scores.shape and np.isfinite(base).all()
    ones = np.ones((1, 40))
    model, trivial = (
        kind.metrics(s, y, kind.default(), ones, SIZE)[kind.headline][0] for s in (scores, base)
    )
    assert kind.better(kind.headline) == better(kind.headline)
    assert model > trivial if kind.better(kind.headline) == "higher" else model < trivial


def test_unknown_parameters_are_refused(name):
    with pytest.raises(ValidationError):
        KINDS[name].Params(nonsense=1)


def test_parameters_have_their_ranges():
    for name in ("points", "rating"):
        assert KINDS[name].Params().coverage == 0.9
        for coverage in (0, 1, float("nan")):
            with pytest.raises(ValidationError):
                KINDS[name].Params(coverage=coverage)
    with pytest.raises(ValidationError):
        KINDS["multicategory"].Params(aim="map")
    assert KINDS["multicategory"].Params().aim == "accuracy_multi"
    assert KINDS["category"].Params().temperature is True


def test_scores_that_are_not_finite_are_refused(name):
    kind, (scores, y) = KINDS[name], example(name)
    scores[3, 0] = np.nan
    with pytest.raises(UserError, match="row 3"):
        kind.fit(scores, y, kind.Params(), SIZE)
    with pytest.raises(UserError, match="row 3"):
        kind.metrics(scores, y, kind.default(), np.ones((1, 40)), SIZE)
    with pytest.raises(UserError, match="at least one item"):
        kind.fit(scores[:0], y[:0], kind.Params(), SIZE[:0])


def test_baselines_by_hand():
    category = KINDS["category"].baseline(np.array([0, 0, 1]), 2, 4)
    np.testing.assert_allclose(np.exp(category), [[3 / 7, 2 / 7, 1 / 7, 1 / 7]] * 2)
    multi = KINDS["multicategory"].baseline(np.array([[1, 0], [1, 0], [0, 0.0]]), 2, 2)
    np.testing.assert_allclose(1 / (1 + np.exp(-multi)), [[3 / 5, 1 / 5]] * 2)
    points = KINDS["points"].baseline(np.array([[0.0, 1.0], [1.0, 0.0], [0.5, -1.0]]), 2, 2)
    np.testing.assert_allclose(points, [[0.5, 0.0]] * 2)
    np.testing.assert_allclose(
        KINDS["rating"].baseline(np.array([[1.0], [4.0]]), 2, 1), [[2.5]] * 2
    )


def test_category_temperature_changes_probabilities_only():
    kind, (scores, y) = KINDS["category"], example("category")
    wrong = y.copy()
    wrong[:12] = (y[:12] + 1) % 3  # too sure of itself now
    decision, curve = kind.fit(scores, wrong, kind.Params())
    assert decision["temperature"] > 1.5
    ones = np.ones((1, 40))
    raw = kind.metrics(scores, wrong, kind.default(), ones)
    tempered = kind.metrics(scores, wrong, decision, ones)
    assert tempered["accuracy"] == raw["accuracy"]
    assert tempered["nll"] < raw["nll"] and tempered["ece"] < raw["ece"]
    sure = kind.answers(scores, kind.default(), ["a", "b", "c"])
    less = kind.answers(scores, decision, ["a", "b", "c"])
    assert (sure["predicted"] == less["predicted"]).all()
    assert (sure["probability"] > less["probability"]).all()
    for when, values in (("before", raw), ("after", tempered)):
        bins = curve[curve["when"] == when]
        gaps = (bins["confidence"] - bins["accuracy"]).abs() * bins["n"]
        assert bins["n"].sum() == 40
        assert bins["confidence"].between(bins["low"], bins["high"]).all()
        assert gaps.sum() / 40 == pytest.approx(values["ece"][0])
    assert kind.fit(scores, wrong, kind.Params(temperature=False))[0] == kind.default()


def test_category_answers_name_the_label():
    frame = KINDS["category"].answers(
        np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]), {"temperature": 1.0}, ["cat", "dog", "emu"]
    )
    assert frame["predicted"].tolist() == ["cat", "emu"]
    np.testing.assert_allclose(frame["probability"], [0.7, 0.8])


def test_multicategory_threshold_decides():
    kind, scores = KINDS["multicategory"], np.array([[0.0, 1.0], [-3.0, -2.0]])
    low = kind.answers(scores, {"threshold": 0.4}, ["sea", "sky"])
    assert low["predicted"].tolist() == [["sea", "sky"], []]
    assert kind.answers(scores, {"threshold": 0.6}, ["sea", "sky"])["predicted"][0] == ["sky"]
    np.testing.assert_allclose(low["probability"], 1 / (1 + np.exp([-1.0, 2.0])))
    y = np.array([[1, 1], [0, 0]])
    values = kind.metrics(scores, y, {"threshold": 0.6}, np.ones((1, 2)))
    assert values["accuracy_multi"][0] == 0.75
    scores, y = example("multicategory")
    for aim in ("accuracy_multi", "f1_micro", "f1_macro"):
        decision, curve = kind.fit(scores, y, kind.Params(aim=aim))
        reached = kind.metrics(scores, y, decision, np.ones((1, 40)))[aim][0]
        assert decision["aim"] == aim and reached == pytest.approx(curve[aim].max())


def test_points_are_told_in_px():
    """(0.5, -0.5) of a 200 x 100 picture is (150, 25)."""
    kind, size = KINDS["points"], np.array([[200.0, 100.0]])
    scores, y = np.array([[0.5, -0.5]]), np.array([[0.53, -0.42]])  # 3 and 4 px off
    values = kind.metrics(scores, y, kind.default(), np.ones((1, 1)), size)
    for quantity in ("mean", "median", "p90"):
        assert values[f"error_px_{quantity}"][0] == pytest.approx(5)
    assert values["mse"][0] == pytest.approx((0.03**2 + 0.08**2) / 2)
    frame = kind.answers(scores, {"radius_px": 7.0}, [], size)
    assert frame.to_numpy().tolist() == [[150, 25, 7]]
    assert frame.columns.tolist() == ["predicted_x_px", "predicted_y_px", "radius_px"]
    assert np.isnan(kind.answers(scores, kind.default(), [], size)["radius_px"][0])
    with pytest.raises(ValueError, match="size_px"):
        kind.metrics(scores, y, kind.default(), np.ones((1, 1)))


def test_points_quantiles_are_of_the_error():
    kind, scores = KINDS["points"], np.zeros((40, 2))
    y = np.column_stack([np.arange(1, 41) / 100, np.zeros(40)])  # 1 to 40 px off
    values = kind.metrics(scores, y, kind.default(), np.ones((1, 40)), SIZE)
    assert values["error_px_median"][0] == pytest.approx(20)
    assert values["error_px_p90"][0] == pytest.approx(36)
    assert kind.fit(scores, y, kind.Params(), SIZE)[0]["radius_px"] == pytest.approx(37)


def test_rating_bounds_are_the_radius_away():
    kind = KINDS["rating"]
    frame = kind.answers(np.array([[4.8]]), {"radius": 0.5}, [])
    np.testing.assert_allclose(frame[["predicted", "low", "high"]], [[4.8, 4.3, 5.3]])
    assert (
        kind.answers(np.array([[4.8]]), kind.default(), [])[["low", "high"]].isna().all(axis=None)
    )
    scores, y = np.zeros((40, 1)), np.arange(1.0, 41)[:, None] * [[-1]]
    assert kind.fit(scores, y, kind.Params(), None)[0]["radius"] == 37


@pytest.mark.parametrize("name", ["points", "rating"])
def test_flat_truth_is_refused_rather_than_broadcast(name):
    kind, (scores, y) = KINDS[name], example(name)
    with pytest.raises(ValueError, match="one shape"):
        kind.metrics(scores, y[:, 0], kind.default(), np.ones((1, 40)), SIZE)


def test_too_few_items_for_the_coverage_are_refused():
    kind, (scores, y) = KINDS["rating"], example("rating")
    with pytest.raises(UserError, match="at least 99 items"):
        kind.fit(scores, y, kind.Params(coverage=0.99), None)


@pytest.mark.parametrize(
    ("name", "n", "width", "limit_s"), [("rating", 20_000, 1, 10), ("multicategory", 250, 20, 5)]
)
def test_a_thousand_draws_are_quick(name, n, width, limit_s):
    rng = np.random.default_rng(0)
    scores, y = rng.normal(size=(n, width)), (rng.random((n, width)) < 0.2).astype(float)
    kind, started = KINDS[name], time.perf_counter()
    measure(lambda w: kind.metrics(scores, y, kind.default(), w, None), n)
    assert time.perf_counter() - started < limit_s


def test_torch_is_not_needed():
    code = "import sys, onecycle.decide.kinds; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
