"""The best thresholds: equal to brute force, and worth what is said of them on fresh items."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onecycle.decide.kinds import KINDS
from onecycle.decide.labelling import Goal
from onecycle.decide.optimum import best_for_all, best_for_each, shrink
from onecycle.decide.scores import sigmoid
from onecycle.decide.thresholds import THRESHOLDS, choose_labels, measure
from onecycle.errors import UserError

AIMS = ["accuracy_multi", "f1_micro", "f1_macro", "cost", "precision"]
KIND = KINDS["multicategory"]


@st.composite
def scored(draw):
    """Up to 12 items of up to 4 labels, with ties and scores that saturate."""
    n, k = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    y = rng.random((n, k)) < draw(st.sampled_from([0.1, 0.4, 0.9]))
    y[0, 0] = True
    logits = np.round(rng.normal(size=(n, k)) * draw(st.sampled_from([0.5, 3, 60])) + y, 1)
    goal = Goal(draw(st.sampled_from(AIMS)), draw(st.floats(0.2, 9)), draw(st.floats(0.1, 0.95)))
    return logits, y, goal


def worth(logits, y, goal, threshold) -> float:
    chosen = choose_labels(logits, threshold)
    reached = measure(chosen, y, goal, np.ones((1, len(y))))
    return float(goal.worth(reached | {"cost": reached.get("cost")})[0])


def places(p):
    """A threshold below, at and between all scores."""
    known = np.unique(np.concatenate([[0.0, 1.0], p.ravel()]))
    return np.concatenate([known, (known[1:] + known[:-1]) / 2])


@settings(deadline=None, max_examples=150)
@given(scored())
def test_the_best_for_all_equals_brute_force_and_no_threshold_of_the_sweep_is_better(case):
    logits, y, goal = case
    found = best_for_all(logits, y, goal)
    best = max(worth(logits, y, goal, t) for t in places(sigmoid(logits)))
    if found is None:
        assert goal.aim == "precision" and best == -np.inf
        return
    assert 0 <= found <= 1
    assert worth(logits, y, goal, found) == pytest.approx(best, abs=1e-9)
    assert best >= max(worth(logits, y, goal, t) for t in THRESHOLDS) - 1e-9


@settings(deadline=None, max_examples=100)
@given(scored())
def test_the_best_for_each_is_as_good_as_any_choice_for_each(case):
    logits, y, goal = case
    logits, y = logits[:6, :2], y[:6, :2]  # all pairs of thresholds can be tried
    found = best_for_each(logits, y, goal)
    if goal.aim == "precision":  # each on its own
        for k in range(y.shape[1]):
            own = [worth(logits[:, [k]], y[:, [k]], goal, t) for t in places(sigmoid(logits[:, k]))]
            mine = worth(logits[:, [k]], y[:, [k]], goal, found[k])
            given = choose_labels(logits[:, k], found[k]).any()
            assert mine == pytest.approx(max(own)) if max(own) > 0 else not given or mine >= 0
        return
    grids = [places(sigmoid(logits[:, k])) for k in range(y.shape[1])]
    pairs = np.stack(np.meshgrid(*grids), axis=-1).reshape(-1, y.shape[1])
    best = max(worth(logits, y, goal, pair) for pair in pairs)
    assert worth(logits, y, goal, found) == pytest.approx(best, abs=1e-9)


def test_ties_take_the_middle_of_the_widest_range_the_lowest_of_equal_ones():
    def best(p, y):
        p = np.array(p)[:, None]
        return best_for_all(np.log(p / (1 - p)), np.array(y)[:, None], Goal())

    assert best([0.2, 0.8], [0, 1]) == pytest.approx(0.5)
    assert best([0.2, 0.4, 0.5], [1, 0, 1]) == pytest.approx(0.1)  # all: 0 to .2; one: .4 to .5
    assert best([0.3, 0.5, 0.7], [1, 0, 1]) == pytest.approx(0.15)  # 0 to .3 beats .5 to .7
    assert best([0.25, 0.5], [1, 0]) == pytest.approx(0.75)  # none or all: .5 to 1 is wider
    one = np.nextafter(0.5, 1)
    for pair in ([0.5, one], [np.nextafter(0.5, 0), 0.5]):
        found = best_for_all(np.log(np.array(pair) / (1 - np.array(pair)))[:, None],
                             np.array([[0], [1]]), Goal())  # fmt: skip
        assert 0 <= found <= 1  # neighbours may be one in logits; there is no middle between them


def test_shrinking_goes_from_the_label_s_own_to_the_common_one():
    own, positives = np.array([0.2, 0.2, 0.2, 0.9]), np.array([0, 20, 180, 20])
    assert shrink(own, 0.4, positives, 20).tolist() == pytest.approx([0.4, 0.3, 0.22, 0.65])
    assert shrink(own, 0.4, positives, 0).tolist() == pytest.approx([0.4, 0.2, 0.2, 0.9])
    assert shrink(own, 0.4, positives, 1e12).tolist() == pytest.approx([0.4] * 4)


def labelled(rng, n, shift, k=10, rate=0.1):
    """Calibrated logits of rare labels, those of each label then moved by its shift."""
    logits = rng.normal(np.log(rate / (1 - rate)), 2.0, size=(n, k))
    return logits + shift, rng.random((n, k)) < sigmoid(logits)


@pytest.mark.parametrize("aim", ["f1_macro", "cost"])
def test_thresholds_for_each_label_help_where_labels_differ_and_not_where_they_are_alike(aim):
    """60 fits on 200 items, judged on 2,000: own thresholds, shrunk, and one for all."""
    rng, params = np.random.default_rng(0), KIND.Params(aim=aim, cost=5.0)
    goal = Goal(aim, cost=5.0)
    gain = {"alike": [], "apart": [], "alike, unshrunk": []}
    for name, spread in (("alike", 0.0), ("apart", 3.0)):
        for _ in range(60):
            shift = rng.normal(size=10) * spread
            logits, y = labelled(rng, 200, shift)
            fresh, truth = labelled(rng, 2000, shift)
            common, own = best_for_all(logits, y, goal), best_for_each(logits, y, goal)
            one = worth(fresh, truth, goal, common)
            mine = shrink(own, common, y.sum(axis=0), params.shrink)
            gain[name].append(worth(fresh, truth, goal, mine) - one)
            if name == "alike":
                gain["alike, unshrunk"].append(worth(fresh, truth, goal, own) - one)
    mean = {name: np.mean(each) for name, each in gain.items()}
    error = {name: np.std(each) / 60**0.5 for name, each in gain.items()}
    assert mean["alike"] < 2 * error["alike"]  # no better
    assert mean["alike, unshrunk"] < mean["alike"] - 2 * error["alike"]  # shrinking costs less
    assert mean["apart"] > 5 * error["apart"]


def test_the_decision_says_what_was_asked_and_uses_what_it_says():
    rng = np.random.default_rng(0)
    logits, y = labelled(rng, 300, np.arange(10) / 3)
    scores, ones = logits.astype(np.float32), np.ones((1, 300))
    decision, _ = KIND.fit(scores, y, KIND.Params(aim="cost", cost=4.0, per_class=True))
    assert (decision["aim"], decision["cost"]) == ("cost", 4.0) and "precision" not in decision
    assert decision["threshold"] == decision["sweep"] and len(decision["thresholds"]) == 10
    rivals = {n: KIND.decided(scores, y, d, ones)["cost"][0] for n, d in
              KIND.rivals(decision).items()}  # fmt: skip
    assert list(rivals) == ["0.5", "sweep", "exact", "per class"]
    assert rivals["per class"] < rivals["exact"] <= rivals["sweep"] <= rivals["0.5"]
    assert [d == decision for d in KIND.rivals(decision).values()] == [False] * 3 + [True]
    exact, _ = KIND.fit(scores, y, KIND.Params(aim="precision", precision=0.8, exact=True))
    assert exact["threshold"] == exact["exact"] and exact["precision"] == 0.8
    assert KIND.decided(scores, y, exact, ones)["precision"][0] >= 0.8
    own = KIND.answers(scores, decision, list("abcdefghij"))
    expected = sigmoid(scores.astype(float)) > np.array(decision["thresholds"])
    assert [len(row) for row in own["predicted"]] == expected.sum(axis=1).tolist()
    for labels, p in zip(own["predicted"], own["probabilities"], strict=True):
        assert len(labels) == len(p)
    row = next(at for at in range(300) if expected[at].any())
    assert own["probabilities"][row] == pytest.approx(
        sigmoid(scores.astype(float))[row][expected[row]].tolist()
    )


def test_a_precision_out_of_reach_is_told():
    scores = np.array([[2.0], [1.0], [0.0]])
    with pytest.raises(UserError, match=r"calibrate\.precision: 0\.9 .* highest .* 0\.333.*exact"):
        KIND.fit(scores, np.array([[0], [0], [1]]), KIND.Params(aim="precision"))


def test_a_precision_that_no_threshold_of_the_sweep_reaches_has_no_spread():
    y = np.random.default_rng(1).random((60, 3)) < 0.3
    scores = -5 + 0.5 * y  # all probabilities are below .05
    decision, _ = KIND.fit(scores, y, KIND.Params(aim="precision", exact=True))
    assert decision["sweep"] is None and 0 < decision["exact"] < 0.02
    assert decision["threshold_low"] is decision["threshold_high"] is None
    json.dumps(decision, allow_nan=False)
