import numpy as np
import pandas as pd
import pytest
from made_up import asked, ids, trained

from onecycle.decide import multicategory, thresholds
from onecycle.decide.intervals import bootstrap_weights
from onecycle.decide.labelling import Goal
from onecycle.decide.thresholds import THRESHOLDS, choose_labels
from onecycle.errors import UserError
from onecycle.studies.arm import ASKED, Arm
from onecycle.studies.outcome import Part
from onecycle.studies.questions import choosing, curves, threshold
from onecycle.studies.questions.choosing import CHOICES, Chooser

pytestmark = pytest.mark.usefixtures("few_draws")

K = 4
HILL = -((THRESHOLDS - 0.4) ** 2)


def test_a_hill_has_no_bumps_and_no_dip():
    assert curves.bumps(HILL) == 0
    assert curves.dip(HILL)[0] == curves.dip(HILL)[1]
    even = np.minimum(HILL, -0.01)  # an even top is none either
    assert curves.bumps(even) == 0


@pytest.mark.parametrize("at", [3, 20])  # on the way up, and down
def test_the_deepest_dip_is_found_with_its_ends(at):
    bent = HILL.copy()
    bent[at] -= 0.5
    assert curves.bumps(bent) == 1
    high, low = curves.dip(bent)
    assert low == at
    side = bent[:at] if at < 10 else bent[at + 1 :]
    assert bent[high] == side.max()


def curve(rng, truth, spread, n=120):
    """Of n items that vary independently at each threshold, and its resamples."""
    items = truth + rng.normal(0, spread, size=(n, len(truth)))
    weights = next(bootstrap_weights(n, None, 150, int(rng.integers(1 << 30))))
    return items.mean(axis=0), weights @ items / n


def test_noise_is_called_bumpy_as_rarely_as_it_should_be():
    rng = np.random.default_rng(0)
    for truth in (np.zeros(29), HILL):  # even: each dip of it is luck
        called = [curves.is_bumpy(*curve(rng, truth, 1.0)) for _ in range(80)]
        assert np.mean(called) <= 0.13  # of .05, and 80 trials; HILL is safer yet


def test_a_real_dip_is_called_bumpy():
    bent = HILL.copy()
    bent[15] -= 0.3
    rng = np.random.default_rng(1)
    assert all(curves.is_bumpy(*curve(rng, bent, 0.3)) for _ in range(10))
    assert not curves.is_bumpy(HILL, np.tile(HILL, (50, 1)))


def made(seed, n, shift=0.0, signal=2.0):
    """Scores of labels that are each `shift` times 0, 1, 2 … too high, and the truth."""
    rng = np.random.default_rng(seed)
    y = (rng.random((n, K)) < 0.3).astype(float)
    logits = signal * (2 * y - 1) + rng.normal(0, 1.5, size=(n, K)) + shift * np.arange(K)
    return logits, y


def part(seed, n, first=0, **more):
    logits, y = made(seed, n, **more)
    return Part(ids(n, first), y, logits)


@pytest.mark.parametrize("aim", ["accuracy_multi", "f1_macro", "f1_micro", "cost"])
@pytest.mark.parametrize("exact", [False, True])
def test_choices_are_those_of_calibrate(aim, exact):
    logits, y = made(0, 80, shift=1.0)
    params = multicategory.Params(aim=aim, cost=3, exact=exact, shrink=7)
    decision, _ = multicategory.fit(logits, y, params)
    found = Chooser(Goal(aim, 3), exact, 7).fit(logits, y)
    assert found["sweep"] == decision["sweep"]
    assert found["exact"] == decision["exact"]
    assert found["per_class"] == pytest.approx(decision["thresholds"])


def test_labels_given_crosswise_hang_on_other_items_only():
    own = part(1, 60, shift=1.0)
    chooser = Chooser(Goal("f1_macro"), False, 0)
    given = chooser.crossed(own)
    out = next(choosing._folds(own))
    other = Part(own.ids, np.where(out[:, None], 1 - own.y, own.y), own.scores)
    again = chooser.crossed(other)
    for name in CHOICES:
        assert (given[name][out] == again[name][out]).all()
    assert (given["half"] == choose_labels(own.scores, 0.5)).all()


def test_groups_stay_whole_where_items_are_parted():
    own = part(2, 60)
    groups = np.repeat(np.arange(12), 5).astype(str)
    for half in choosing._halves(Part(own.ids, own.y, own.scores, groups)):
        assert not set(groups[half]) & set(groups[~half])


def test_thresholds_fitted_to_noise_show_their_optimism():
    noise = Chooser(Goal("f1_macro"), False, 0).parted(part(3, 90, signal=0.0))
    signal = Chooser(Goal("f1_macro"), False, 0).parted(part(3, 90, signal=2.0))
    assert noise["optimism sweep"].mean() > 0.01
    assert noise["optimism per_class"].mean() > 1.5 * noise["optimism sweep"].mean()
    assert signal["optimism sweep"].mean() < noise["optimism sweep"].mean()
    assert noise["gain per_class"].mean() < noise["gain sweep"].mean()


def outcome(folder, seeds=2, **more):
    trainings = [
        {"valid": part([4, s], 110, **more), "test": part([5, s], 110, 110, **more)}
        for s in range(seeds)
    ]
    same = trainings[0]  # the same items for each seed
    for each in trainings[1:]:
        for name in each:
            each[name] = Part(same[name].ids, same[name].y, each[name].scores)
    return {ASKED: trained(folder, Arm(ASKED), trainings)}


def test_figures_are_those_of_the_sweep_and_differences_are_paired(tmp_path):
    done = outcome(tmp_path, seeds=1)
    asks = asked(tmp_path, "multicategory", calibrate={"aim": "f1_macro"})
    found = threshold.read(asks, done)
    valid, test = (done[ASKED].parts(name)[0] for name in ("valid", "test"))
    goal = Goal("f1_macro")
    swept = thresholds.sweep(valid.scores, valid.y, goal)
    chosen = thresholds.best_threshold(swept, goal)
    figures = found.figures
    assert figures["chosen_f1_macro"] == chosen
    assert figures["fit_f1_macro"].value == pytest.approx(swept["f1_macro"].max())
    told = thresholds.sweep(test.scores, test.y, goal)
    reached = told.set_index("threshold")["f1_macro"]
    assert figures["test_f1_macro"].value == pytest.approx(reached[chosen])
    assert figures["regret_f1_macro"].value == pytest.approx(reached.max() - reached[chosen])
    gap = figures["fit_f1_macro"].value - figures["test_f1_macro"].value
    assert figures["gap_f1_macro"].value == pytest.approx(gap)
    at_half = swept.set_index("threshold")["f1_macro"] - reached
    assert figures["choosing_f1_macro"].value == pytest.approx(gap - at_half.iloc[14])
    exact, sweep = (figures[f"test_{name}_f1_macro"].value for name in ("exact", "sweep"))
    assert figures["test_gain_exact_f1_macro"].value == pytest.approx(exact - sweep)
    assert figures["flat_from_f1_macro"] <= chosen <= figures["flat_to_f1_macro"]
    assert {"dip_accuracy_multi", "bumpy_accuracy_multi"} <= set(figures)


def test_own_thresholds_are_adopted_where_labels_need_them_and_else_not(tmp_path):
    asks = asked(tmp_path, "multicategory", 2, calibrate={"aim": "accuracy_multi", "shrink": 0})
    needs = threshold.read(asks, outcome(tmp_path / "needs", shift=2.5))
    assert needs.adopt == ["problems.made_up.calibrate.per_class=true"]
    alike = threshold.read(asks, outcome(tmp_path / "alike"))
    assert alike.adopt == []
    assert "smooth" in alike.says[0]


@pytest.mark.parametrize("kind", ["category", "multicategory"])
def test_without_meaning_it_says_what_would_have_one(tmp_path, kind):
    asks = asked(tmp_path, kind)
    file = asks.paths.data("split.parquet")
    file.parent.mkdir(parents=True)
    pd.DataFrame({"id": ["a"], "split": ["valid"]}).to_parquet(file)
    remedy = "set split.test" if kind == "multicategory" else "y: multicategory"
    with pytest.raises(UserError, match=remedy):
        threshold.arms(asks, {})
