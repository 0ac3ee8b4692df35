import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from onecycle.decide import metrics as m
from onecycle.decide.intervals import columns
from onecycle.decide.labelling import Counts
from onecycle.decide.ranking import average_precisions, mean_average_precision
from onecycle.decide.scores import log_softmax, sigmoid


def ones(n):
    return np.ones((1, n))


def by_labels(chosen, y, weights):
    return columns(Counts.of(chosen, y, weights).measures())


def by_area(scores, y, weights):
    return average_precisions(scores, y, weights)[0]


def by_eleven_points(scores, y, weights):
    return average_precisions(scores, y, weights)[1]


def category(seed, n=60, classes=5, ties=False, missing=False):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, classes)) * 2
    y = rng.integers(classes - missing, size=n)
    return (np.round(logits) if ties else logits), y


def labels(seed, n=60, classes=4, ties=False):
    """The last class has no positive."""
    rng = np.random.default_rng(seed)
    y = rng.random((n, classes)) < 0.3
    y[:, -1] = False
    logits = rng.normal(size=(n, classes)) + y
    return (np.round(logits) if ties else logits), y


def whole_weights(seed, n, rows=6):
    """Rows of counts, some 0."""
    return np.random.default_rng(seed).integers(0, 4, size=(rows, n)).astype(float)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("missing", [False, True])
def test_category_metrics_equal_scikit_learn(seed, missing):
    logits, y = category(seed, missing=missing)
    top, probabilities = logits.argmax(1), np.exp(log_softmax(logits))
    weights = np.vstack([ones(60), whole_weights(seed, 60)])
    for row, w in enumerate(weights):
        kept = w > 0  # scikit-learn counts a class of weight 0 as present
        expected = {
            m.accuracy: sk.accuracy_score(y, top, sample_weight=w),
            m.error_rate: sk.zero_one_loss(y, top, sample_weight=w),
            m.balanced_accuracy: sk.recall_score(
                y[kept],
                top[kept],
                labels=np.unique(y[kept]),
                average="macro",
                sample_weight=w[kept],
            ),
            m.nll: sk.log_loss(y, probabilities, sample_weight=w, labels=range(5)),
            m.brier: sk.brier_score_loss(y, probabilities, sample_weight=w, labels=range(5)),
        }
        for metric, value in expected.items():
            assert metric(logits, y, weights)[row] == pytest.approx(value, abs=1e-12), metric


def test_balanced_accuracy_equals_scikit_learns_own():
    logits, y = category(0)
    expected = sk.balanced_accuracy_score(y, logits.argmax(1))
    assert m.balanced_accuracy(logits, y, ones(60))[0] == pytest.approx(expected)


def test_a_tie_goes_to_the_first_class():
    assert m.accuracy(np.zeros((2, 3)), np.array([0, 1]), ones(2))[0] == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_top_5_equals_scikit_learn(seed):
    logits, y = category(seed, classes=12)
    weights = np.vstack([ones(60), whole_weights(seed, 60)])
    for row, w in enumerate(weights):
        expected = sk.top_k_accuracy_score(y, logits, k=5, sample_weight=w, labels=range(12))
        assert m.top_5_accuracy(logits, y, weights)[row] == pytest.approx(expected)


def test_of_a_tie_at_the_fifth_place_the_first_classes_are_in():
    assert m.top_5_accuracy(np.zeros((7, 7)), np.arange(7), ones(7))[0] == pytest.approx(5 / 7)


@pytest.mark.parametrize("seed", range(5))
def test_ece_equals_its_definition_bin_by_bin(seed):
    logits, y = category(seed, n=200)
    weights = whole_weights(seed, 200)
    probabilities = np.exp(log_softmax(logits))
    confidence, right = probabilities.max(1), probabilities.argmax(1) == y
    for row, w in enumerate(weights):
        total = 0.0
        for i in range(15):
            inside = (confidence > i / 15) & (confidence <= (i + 1) / 15) & (w > 0)
            if inside.any():
                gap = np.average(right[inside], weights=w[inside]) - np.average(
                    confidence[inside], weights=w[inside]
                )
                total += abs(gap) * w[inside].sum() / w.sum()
        assert m.ece(logits, y, weights)[row] == pytest.approx(total, abs=1e-12)


def test_ece_by_hand():
    """Certain of class 0, and right half of the time."""
    logits = np.array([[50.0, 0.0]] * 4)
    assert m.ece(logits, np.array([0, 0, 1, 1]), ones(4))[0] == pytest.approx(0.5)


def test_macro_metrics_without_any_positive_have_no_value():
    logits, y = np.zeros((3, 2)), np.zeros((3, 2))
    assert np.isnan(mean_average_precision(logits, y, ones(3))[0])
    found = Counts.of(logits > 0, y, ones(3)).measures()
    assert np.isnan(found["f1_macro"][0])
    assert found["f1_micro"][0] == 0


@pytest.mark.parametrize("dtype", [bool, np.float32])
@pytest.mark.parametrize("seed", range(5))
def test_label_metrics_equal_scikit_learn(seed, dtype):
    logits, y = labels(seed)
    chosen = sigmoid(logits) > 0.6
    weights = np.vstack([ones(60), whole_weights(seed, 60)])
    found = Counts.of(chosen, y.astype(dtype), weights).measures()
    for row, w in enumerate(weights):
        f1 = {"labels": [0, 1, 2, 3], "sample_weight": w, "zero_division": 0}
        micro = sk.f1_score(y, chosen, average="micro", **f1)
        macro = sk.f1_score(y, chosen, average="macro", **{**f1, "labels": [0, 1, 2]})
        share = sk.accuracy_score(y.ravel(), chosen.ravel(), sample_weight=np.repeat(w, 4))
        assert found["f1_micro"][row] == pytest.approx(micro)
        assert found["f1_macro"][row] == pytest.approx(macro)
        assert found["accuracy_multi"][row] == pytest.approx(share)


@pytest.mark.parametrize("seed", range(3))
def test_errors_equal_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores, y = rng.normal(size=(40, 2)), rng.normal(size=(40, 2))
    weights = whole_weights(seed, 40)
    for row, w in enumerate(weights):
        squared = sk.mean_squared_error(y, scores, sample_weight=w)
        absolute = sk.mean_absolute_error(y, scores, sample_weight=w)
        assert m.mse(scores - y, weights)[row] == pytest.approx(squared)
        assert m.mae(scores - y, weights)[row] == pytest.approx(absolute)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 4)), min_size=1, max_size=30), st.data()
)
def test_weighted_quantile_equals_numpys_on_repeated_items(items, data):
    values, counts = (np.array(column) for column in zip(*items, strict=True))
    counts[0] += 1
    q = data.draw(st.sampled_from([0.1, 0.25, 0.5, 0.9, 1.0]))
    assert np.isnan(m.quantile(values.astype(float), q, np.zeros((1, len(values))))[0])
    expected = np.quantile(np.repeat(values, counts), q, method="inverted_cdf")
    assert m.quantile(values.astype(float), q, counts[None].astype(float))[0] == expected


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_whole_weights_equal_repeated_items_for_every_metric(seed, ties):
    w = whole_weights(seed, 25, rows=1)
    w[0, 0] += 1
    again = np.repeat(np.arange(25), w[0].astype(int))
    alone = ones(len(again))

    def same(metric, *arrays):
        weighted = metric(*arrays, w)
        repeated = metric(*(array[again] for array in arrays), alone)
        np.testing.assert_allclose(weighted, repeated, atol=1e-12, err_msg=metric.__name__)

    logits, y = category(seed, n=25, ties=ties)
    for metric in (m.accuracy, m.error_rate, m.balanced_accuracy, m.nll, m.ece, m.brier):
        same(metric, logits, y)
    logits, y = category(seed, n=25, classes=8, ties=ties)
    for metric in (m.top_5_accuracy,):
        same(metric, logits, y)
    logits, y = labels(seed, n=25, ties=ties)
    same(mean_average_precision, logits, y)
    for metric in (by_area, by_eleven_points):
        same(metric, logits, y)
    same(by_labels, logits > 0, y)
    for metric in (m.mse, m.mae):
        same(metric, logits)


def test_extreme_logits_stay_finite():
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0, 0.5, 1]
    assert m.nll(np.array([[1e4, -1e4]]), np.array([1]), ones(1))[0] == 2e4


def test_better_tells_the_way():
    higher = "accuracy top_5_accuracy balanced_accuracy map map_11 accuracy_multi".split()
    higher += ["f1_micro", "f1_macro"]
    lower = "error_rate nll ece brier mse rmse mae error_px_mean error_px_median error_px_p90"
    assert {m.better(name) for name in higher} == {"higher"}
    assert {m.better(name) for name in lower.split()} == {"lower"}
    with pytest.raises(KeyError):
        m.better("acuracy")
    shares = {name for name in [*higher, *lower.split()] if m.is_share(name)}
    wanted = {"accuracy", "error_rate", "top_5_accuracy", "balanced_accuracy", "accuracy_multi"}
    assert shares == wanted
    assert m.is_share("baseline_accuracy") and not m.is_share("baseline_map")
