"""Arms beside each other: what the intervals know of items and of seeds."""

import numpy as np
import pytest

from onecycle.decide.intervals import Resampled
from onecycle.errors import UserError
from onecycle.paths import Paths
from onecycle.studies import compare
from onecycle.studies.arm import Arm, Asked, changed, yaml
from onecycle.studies.compare import Judge
from onecycle.studies.outcome import Outcome, Part, Run, write


def part(right, width=3, groups=None):
    """A part whose items are right or wrong as told, bool [N]."""
    n = len(right)
    y = np.arange(n) % width
    scores = np.eye(width)[np.where(right, y, (y + 1) % width)]
    return Part(np.array([f"{at:04}" for at in range(n)]), y, scores, groups)


def judge(**arms):
    return Judge("category", {name: list(map(part, of)) for name, of in arms.items()}, "accuracy")


def test_the_value_is_the_mean_over_seeds():
    draw = np.random.default_rng(0)
    right = draw.random((3, 50)) < 0.7
    found = judge(one=right).value("one")
    assert found.value == pytest.approx(right.mean())
    assert found.by_seed == pytest.approx(right.mean(axis=1))
    assert found.low < found.value < found.high


def test_a_gain_is_above_0_where_an_arm_is_better_whichever_way_the_metric_improves():
    draw = np.random.default_rng(0)
    good, bad = draw.random((2, 80)) < 0.8, draw.random((2, 80)) < 0.5
    by_accuracy = judge(good=good, bad=bad)
    parts = {"good": list(map(part, good)), "bad": list(map(part, bad))}
    by_error = Judge("category", parts, "error_rate")
    gain, same = (each.gain("good", "bad") for each in (by_accuracy, by_error))
    assert gain.value > 0
    assert (same.value, same.low, same.high) == pytest.approx((gain.value, gain.low, gain.high))
    assert same.by_seed == pytest.approx(gain.by_seed)
    assert by_accuracy.best() == by_error.best() == "good"


def test_a_difference_is_paired():
    """Two arms that err on nearly the same items differ by little, however hard the items are."""
    draw = np.random.default_rng(0)
    right = draw.random((2, 200)) < 0.6
    other = right.copy()
    other[:, :4] = True
    found = judge(one=right, other=other)
    width = found.value("one").high - found.value("one").low
    gain = found.gain("other", "one")
    assert gain.high - gain.low < width / 3


def test_seeds_that_agree_add_nothing_and_one_seed_is_of_the_items_alone():
    right = np.random.default_rng(0).random((1, 100)) < 0.7
    one, thrice = judge(arm=right).value("arm"), judge(arm=np.repeat(right, 3, axis=0)).value("arm")
    assert (one.low, one.high) == pytest.approx((thrice.low, thrice.high))
    scattered = judge(arm=np.stack([np.arange(100) < 50, np.arange(100) < 90])).value("arm")
    assert scattered.high - scattered.low > one.high - one.low


@pytest.mark.parametrize("luck", [(1.0, 0.05), (0.3, 0.3), (0.05, 1.0)])
def test_intervals_hold_the_truth(luck):
    """Differences that vary by item, by seed, and by both at once; the truth is 0."""
    of_item, of_seed = luck
    draw, trials, held = np.random.default_rng(5), 300, 0
    for _ in range(trials):
        n, seeds = 60, 3
        gaps = of_item * draw.normal(size=n)[None] + 0.5 * of_item * draw.normal(size=(seeds, n))
        gaps = gaps + of_seed * draw.normal(size=(seeds, 1)) * np.sqrt(seeds / n)
        mean = gaps.mean(axis=0)
        values = Resampled.of(
            lambda w, mean=mean: (w @ mean / w.sum(axis=1))[:, None], n, draws=200, seed=1
        )
        found = compare.over_seeds(values, gaps.mean(axis=1))
        held += found.low <= 0 <= found.high
    assert 0.93 <= held / trials


def test_groups_are_resampled_whole():
    groups = np.repeat([f"g{at}" for at in range(10)], 20)
    right = np.repeat(np.arange(10) < 6, 20)
    parts = {"arm": [part(right, groups=groups)]}
    grouped = Judge("category", parts, "accuracy")
    plain = judge(arm=right[None])
    assert grouped.groups == 10
    assert plain.groups is None
    wide, narrow = grouped.value("arm"), plain.value("arm")
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def outcome(tmp_path, name, right, told=None):
    folder = tmp_path / name
    folder.mkdir()
    parts = {} if told and told.get("failed") else {"valid": part(right), "test": part(right)}
    write(
        folder, parts, {"history": [], "phases": [], "failed": None, "seconds": 1.0} | (told or {})
    )
    return Outcome(Arm(name), [[Run.read(folder)]])


def test_an_arm_without_a_model_has_no_score_and_harms_no_other(tmp_path):
    right = np.arange(20) < 15
    done = {
        "good": outcome(tmp_path, "good", right),
        "burst": outcome(tmp_path, "burst", right, {"failed": "the loss is nan"}),
    }
    found = Judge.of("category", done, "test")
    assert "good" in found
    assert "burst" not in found
    assert done["burst"].failed == "the loss is nan"
    with pytest.raises(UserError, match="the loss is nan"):
        Judge.of("category", {"burst": done["burst"]}, "test")


def test_arms_that_are_judged_by_other_items_can_not_be_compared(tmp_path):
    done = {
        "one": outcome(tmp_path, "one", np.arange(20) < 15),
        "other": outcome(tmp_path, "other", np.arange(21) < 15),
    }
    with pytest.raises(UserError, match="other items"):
        Judge.of("category", done, "test")


def test_folds_are_taken_together_by_id():
    first, second = part(np.array([True, False])), part(np.array([False, True]))
    second = Part(np.array(["0003", "0002"]), second.y, second.scores)
    pooled = Part.pooled([second, first])
    assert pooled.ids.tolist() == ["0000", "0001", "0002", "0003"]
    right = pooled.scores.argmax(axis=1) == pooled.y
    assert right.tolist() == [True, False, True, False]


def test_a_change_leaves_what_was_asked_as_it_was():
    asked = {"learner": {"wd": 0.1}, "split": {"by": "random", "valid": 0.2}}
    arm = Arm("grouped", {"split": {"by": "kfold"}, "train.unfrozen.lr": [1e-5, 1e-3]})
    found = arm.sections(asked, seed=7, fold=2)
    assert found == {
        "learner": {"wd": 0.1, "seed": 7},
        "split": {"by": "kfold", "fold": 2},
        "train": {"unfrozen": {"lr": [1e-5, 1e-3]}},
    }
    assert asked == {"learner": {"wd": 0.1}, "split": {"by": "random", "valid": 0.2}}
    assert changed(asked, {})["learner"] is not asked["learner"]


def test_settings_say_what_set_takes():
    asked = Asked(Paths("pets"), {"learner": {"wd": 0.1}}, "category", (1,))
    assert asked.setting("learner.wd", 0.01) == "problems.pets.learner.wd=0.01"
    assert (
        yaml([1e-5, None, True, "find", {"by": "kfold"}])
        == "[1e-05, null, true, find, {by: kfold}]"
    )
    assert asked.of("learner.wd") == 0.1
    assert asked.of("learner.none.there") is None


def test_an_arm_spares_another_only_where_it_is_shown_to_lose_a_hundredth_at_most():
    many, few = np.arange(4000) % 10 < 8, np.arange(40) % 10 < 8
    nearly, less = many.copy(), few.copy()
    nearly[:8] = False  # of 4,000, six that were right
    less[:1] = False
    shown = judge(best=many[None], nearly=nearly[None])
    assert shown.spares("nearly", "best")
    assert 0 < shown.may_lose("nearly", "best") < 0.01
    untold = judge(best=few[None], less=less[None])
    assert not untold.gain("best", "less").low > 0  # not told worse, and yet
    assert not untold.spares("less", "best")
    errors = Judge("category", shown.parts, "error_rate")  # a hundredth of .2 is less
    assert errors.spares("nearly", "best") == (shown.may_lose("nearly", "best") <= 0.002)
