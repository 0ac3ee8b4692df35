import numpy as np
import pandas as pd
import pytest
from made_up import asked, ids, trained
from sklearn.metrics import roc_auc_score

from onecycle.decide.scores import sigmoid
from onecycle.errors import UserError
from onecycle.studies.arm import Arm
from onecycle.studies.outcome import Part
from onecycle.studies.questions import none
from onecycle.studies.questions.unknown import Sure, auroc, beyond

pytestmark = pytest.mark.usefixtures("few_draws")

K = 4


def sets(seed, ties):
    rng = np.random.default_rng(seed)
    known, unknown = rng.normal(0.6, 1, 40), rng.normal(0, 1, 25)
    if ties:
        known, unknown = known.round(1), unknown.round(1)
    return known, unknown, rng.integers(0, 4, size=(6, 65)).astype(float)


@pytest.mark.parametrize("ties", [False, True])
def test_the_area_equals_scikit_learns_for_items_drawn_again_and_again(ties):
    known, unknown, weights = sets(1, ties)
    truth, sure = np.repeat([1, 0], [40, 25]), np.concatenate([known, unknown])
    expected = [roc_auc_score(truth, sure, sample_weight=row) for row in weights]
    assert auroc(known, unknown, weights) == pytest.approx(expected)
    assert np.isnan(auroc(known, unknown, np.repeat([[1.0, 0.0]], [40, 25], axis=1)))[0]


@pytest.mark.parametrize("ties", [False, True])
def test_a_place_on_the_curve_is_that_of_the_items_repeated(ties):
    known, unknown, weights = sets(2, ties)
    for row, found in zip(weights, beyond(known, unknown, 0.2, weights), strict=True):
        times = row.astype(int)
        some, others = np.repeat(known, times[:40]), np.repeat(unknown, times[40:])
        limit = np.quantile(some, 0.2, method="inverted_cdf")
        assert (some < limit).mean() <= 0.2
        assert found == pytest.approx((others < limit).mean())


def test_a_threshold_from_valid_leaves_out_the_share_that_was_meant_on_average():
    rng = np.random.default_rng(3)
    nothing = np.zeros(0)
    shares = []
    for valid in rng.random((400, 59)):
        shares.append(Sure(valid, valid > 0, nothing, nothing).threshold(0.1))  # uniform: the share
    assert np.mean(shares) == pytest.approx(0.1, abs=0.006)
    few = Sure(np.arange(5.0), np.arange(5) > 0, np.arange(5.0), nothing)
    assert not few.none(few.threshold(0.1))[0].any()  # of 5 items none is a tenth


def test_labels_are_held_out_from_frequent_and_rare_ones_and_some_are_left():
    labels = pd.Series([f"l{k}" for k in range(9) for _ in range(10 - k)])
    assert none.held_out(labels) == ("l1", "l5")
    assert none.held_out(labels, ["l8", "l0"]) == ("l0", "l8")
    with pytest.raises(UserError, match="no item has the label 'dog'"):
        none.held_out(labels, ["dog"])
    with pytest.raises(UserError, match="at least two"):
        none.held_out(pd.Series(["a", "b"]))


def test_it_is_a_study_of_single_labels(tmp_path):
    with pytest.raises(UserError, match="y: category"):
        none.arms(asked(tmp_path, "rating"), {})


def scores(rng, y, n, height, noise=1.0):
    """Logits [n, K]: the label's own by `height`, none for unknown items."""
    found = rng.normal(0, noise, size=(n, K))
    if y is not None:
        found[np.arange(n), y] += height
    return found


def outcomes(folder, softmax, binary, seeds=3, n=150):
    """Both arms on the same items, by how high a known label's logit is; 60 unknown items."""
    y = np.random.default_rng(0).integers(0, K, 2 * n)
    made = {}
    for name, height in (("softmax", softmax), ("binary", binary)):
        many = name == "binary"
        truth = np.eye(K)[y] if many else y
        trainings = []
        for seed in range(seeds):
            rng = np.random.default_rng([seed, many])
            every, strange = scores(rng, y, 2 * n, height), scores(rng, None, 60, 0)
            every, strange = every - 2 * many, strange - 2 * many
            trainings.append(
                {
                    "valid": Part(ids(n), truth[:n], every[:n]),
                    "test": Part(ids(n, n), truth[n:], every[n:]),
                    "unknown": Part(ids(60, 2 * n), np.zeros(60), strange),
                }
            )
        made[name] = trained(folder, Arm(name, held_out=("cat",), many=many), trainings)
    return made


@pytest.mark.parametrize(
    ("softmax", "binary", "says"),
    [(1.5, 5.0, "is better than"), (5.0, 1.5, "is worse than"), (3.0, 3.0, "is not told from")],
)
def test_it_tells_which_training_knows_what_it_does_not_know(tmp_path, softmax, binary, says):
    done = outcomes(tmp_path, softmax, binary)
    found = none.read(asked(tmp_path, "category", seeds=3), done)
    assert says in found.says[0]
    assert ("prepare.y=multicategory" in found.says[-1]) == (binary > softmax)
    assert set(found.judges) == {"valid", "test"}
    assert found.judges["test"].n == found.figures["known"] == 150
    areas = [found.figures[f"auroc_{way}"].value for way in ("binary", "softmax")]
    assert found.figures["auroc_gain"].value == pytest.approx(areas[0] - areas[1])


def test_shares_without_a_label_are_those_counted_by_hand(tmp_path):
    done = outcomes(tmp_path, 3.0, 3.0, seeds=2)
    asks = asked(tmp_path, "category", seeds=2, calibrate={"max_error": 0.2})
    found = none.read(asks, done).figures
    parts = {name: done["binary"].parts(name) for name in ("test", "unknown")}
    for part, name in (("test", "known"), ("unknown", "unknown")):
        by_hand = [(sigmoid(each.scores) <= 0.5).all(axis=1).mean() for each in parts[part]]
        assert found[f"{name}_none_plain_binary"].by_seed == pytest.approx(by_hand)
    given = [(sigmoid(each.scores) > 0.5).any(axis=1) for each in parts["test"]]
    wrong = [
        (each.scores.argmax(axis=1) != each.y.argmax(axis=1))[has].mean()
        for each, has in zip(parts["test"], given, strict=True)
    ]
    assert found["wrong_plain_binary"].by_seed == pytest.approx(wrong)
    assert found["wrong_abstain_softmax"].value < 0.25
    # softmax, which always answers, is held beside it where as many of valid get none
    as_many = [found[f"known_none_plain_{way}"].value for way in ("binary", "softmax")]
    assert 0 < as_many[0] < 1
    assert as_many[1] == pytest.approx(as_many[0], abs=0.08)


def test_abstention_that_cannot_be_promised_is_said(tmp_path):
    done = outcomes(tmp_path, 0.1, 3.0, seeds=1)
    found = none.read(asked(tmp_path, "category", calibrate={"max_error": 0.01}), done)
    assert found.figures["abstain_refused_softmax"] == 1
    assert any("can't promise an error of 0.01" in line for line in found.says)


def test_without_unknown_items_among_the_judged_there_is_no_finding(tmp_path):
    done = outcomes(tmp_path, 3.0, 3.0, seeds=1)
    for each in done.values():
        del each.runs[0][0].parts["unknown"]
    with pytest.raises(UserError, match="held out"):
        none.read(asked(tmp_path, "category"), done)


def test_without_a_test_part_valid_tells(tmp_path):
    done = outcomes(tmp_path, 3.0, 3.0, seeds=1)
    for each in done.values():
        del each.runs[0][0].parts["test"]
    found = none.read(asked(tmp_path, "category"), done)
    assert list(found.judges) == ["valid"]
    assert found.figures["known"] == 150
