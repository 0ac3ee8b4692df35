import numpy as np
import pytest
from sklearn import metrics as sk

from onecycle.decide import ranking


def ones(n):
    return np.ones((1, n))


def labels(seed, n=60, classes=4, ties=False):
    """The last class has no positive."""
    rng = np.random.default_rng(seed)
    y = rng.random((n, classes)) < 0.3
    y[:, -1] = False
    logits = rng.normal(size=(n, classes)) + y
    return (np.round(logits) if ties else logits), y


def voc_ap(scores, y):
    """VOC 2007's, read off VOCevaluation.m, of scores without ties.

    for t=0:0.1:1, p=max(prec(rec>=t)), if isempty(p) p=0, ap=ap+p/11
    """
    order = np.argsort(-scores)
    hits = np.cumsum(y[order])
    precision = hits / np.arange(1, len(y) + 1)
    reached = [precision[10 * hits >= t * hits[-1]] for t in range(11)]  # whole numbers
    return sum(p.max() if len(p) else 0 for p in reached) / 11


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_map_equals_scikit_learn_with_ties_weights_and_a_class_without_positives(seed, ties):
    logits, y = labels(seed, ties=ties)
    weights = np.random.default_rng(seed).integers(0, 4, size=(6, 60)).astype(float)
    weights = np.vstack([ones(60), weights])
    got = ranking.mean_average_precision(logits, y, weights)
    each = ranking.average_precisions(logits, y, weights)[0]
    for row, w in enumerate(weights):
        areas = [
            sk.average_precision_score(y[:, k], logits[:, k], sample_weight=w) for k in (0, 1, 2)
        ]
        assert got[row] == pytest.approx(np.mean(areas), abs=1e-12)
        assert each[row].tolist() == pytest.approx([*areas, 0], abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_eleven_points_are_those_of_voc_2007(seed):
    logits, y = labels(seed, n=10 + 7 * seed)
    y[0, :3] = True
    found = ranking.average_precisions(logits, y, ones(len(y)))[1][0]
    expected = [voc_ap(logits[:, k], y[:, k]) for k in range(3)]
    assert found.tolist() == pytest.approx([*expected, 0], abs=1e-12)


def test_eleven_points_by_hand():
    """Ranks 1, 3 and 4 of five are right: recalls 1/3, 2/3, 1 at 1, 2/3, 3/4 of precision."""
    scores, y = np.array([[5.0], [4], [3], [2], [1]]), np.array([[1], [0], [1], [1], [0]])
    area, eleven = ranking.average_precisions(scores, y, ones(5))
    assert area[0, 0] == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert eleven[0, 0] == pytest.approx((4 * 1 + 7 * 3 / 4) / 11)


def test_three_of_ten_reach_a_recall_of_three_tenths():
    """0.3 is no float: 3 * 0.1 is a little more than 3 / 10."""
    y = np.array([1] * 3 + [0] * 90 + [1] * 7)[:, None]
    eleven = ranking.average_precisions(-np.arange(100.0)[:, None], y, ones(100))[1]
    assert eleven[0, 0] == pytest.approx((4 * 1 + 7 * 0.1) / 11)


def test_a_predictor_that_knows_no_item_has_the_labels_share():
    y = np.arange(20)[:, None] < 7
    for found in ranking.average_precisions(np.zeros((20, 1)), y, ones(20)):
        assert found[0, 0] == pytest.approx(7 / 20)


def test_map_leaves_out_a_class_that_a_draw_misses():
    logits, y = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1, 0], [0, 1]])
    weights = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    np.testing.assert_allclose(ranking.mean_average_precision(logits, y, weights), 1)


def test_a_small_part_is_expected_to_rank_better():
    rng = np.random.default_rng(0)
    y = rng.random((400, 2)) < 0.1
    scores = rng.normal(size=(400, 2)) + y
    whole = ranking.average_precisions(scores, y, ones(400))[0][0]
    parts = []
    for _ in range(300):
        taken = ((y[:, 0], 6), (~y[:, 0], 54))
        rows = np.concatenate([rng.permutation(np.flatnonzero(of))[:size] for of, size in taken])
        part = ranking.average_precisions(scores[rows], y[rows], ones(60))[0][0]
        parts.append(part[0] - whole[0])
    bias = ranking.part_bias(scores, y, rows)
    assert np.mean(parts) > 0.02
    assert bias[0] == pytest.approx(np.mean(parts), abs=0.035)
    assert np.isnan(ranking.part_bias(scores, y, np.flatnonzero(~y[:, 1]))[1])
