"""The length that a long training tells: right where it is known, and not led by noise or loss."""

import numpy as np
import pytest
from staged import asked_of, ids_of, outcome, rated, run_of

from onecycle.errors import UserError
from onecycle.report.figures import LIGHT, png
from onecycle.studies.arm import ASKED, Arm
from onecycle.studies.compare import Judge
from onecycle.studies.outcome import Part
from onecycle.studies.questions import epochs
from onecycle.studies.questions.course import Course
from onecycle.studies.registry import STUDIES
from tasks.problems import with_changes

pytestmark = pytest.mark.usefixtures("few_draws")

PROBLEM = "sample_movielens"  # 5 epochs, all unfrozen


def long_of(rng, rmse, *, seeds=3, n=600, wiggle=0.004, loss=None, before=()):
    """A long training whose rmse on valid is known after each epoch; `before` is frozen."""
    rmse, shared = np.array([*before, *rmse]), rng.normal(size=n)
    names = ["frozen"] * len(before) + ["unfrozen"] * (len(rmse) - len(before))
    loss = rmse**2 if loss is None else loss
    rows = [
        {"phase": name, "valid_loss": each, "train_loss": each / 2}
        for name, each in zip(names, loss, strict=True)
    ]
    runs = []
    for _ in range(seeds):
        own = 0.9 * shared + 0.44 * rng.normal(size=(len(rmse), n))
        errors = (rmse + wiggle * rng.normal(size=len(rmse)))[:, None] * own
        test = rated(ids_of(n), errors[-1])
        runs.append(
            run_of({"valid": rated(ids_of(n), errors[-1], None, errors), "test": test}, rows)
        )
    return outcome(epochs.LONG, runs)


def ended(rng, name, rmse, *, seeds=3, n=600):
    """A whole cycle that ends with an rmse, on valid and test."""
    shared = rng.normal(size=n)
    runs = []
    for _ in range(seeds):
        error = (rmse + 0.004 * rng.normal()) * (0.9 * shared + 0.44 * rng.normal(size=n))
        runs.append(run_of({part: rated(ids_of(n), error) for part in ("valid", "test")}))
    return outcome(name, runs)


def test_a_long_training_then_a_fresh_one_of_the_length_it_tells(tree):
    asked = asked_of(tree, PROBLEM)
    key = "train.unfrozen.epochs"
    first = [Arm(ASKED), Arm(epochs.LONG, {key: 15})]
    assert epochs.arms(asked, {}) == first
    rmse = [2.0, 1.5, 1.2, 1.0, *[0.8] * 11]
    done = {epochs.LONG: long_of(np.random.default_rng(0), rmse)}
    assert epochs.arms(asked, done) == [*first, Arm(epochs.FRESH, {key: 5})]
    lost = {epochs.LONG: outcome(epochs.LONG, [run_of({}, failed="diverged")])}
    assert epochs.arms(asked, lost) == first
    assert epochs.arms(asked_of(tree, PROBLEM, values=[9]), {})[1].changes == {key: 9}
    for values in ([9, 12], ["many"], [1]):
        with pytest.raises(UserError, match=r"--values: expected one number.*\[15\]"):
            epochs.arms(asked_of(tree, PROBLEM, values=values), {})
    assert STUDIES["epochs"] is epochs


@pytest.mark.parametrize("before", [(), (3.0, 2.5)])
def test_the_length_is_where_the_metric_settles(tree, before):
    asked, rng = asked_of(tree, PROBLEM), np.random.default_rng(1)
    found = []
    for _ in range(5):
        rmse = [2.0, 1.5, 1.2, 1.0, *[0.8] * 4]
        found.append(Course.of(asked, long_of(rng, rmse, before=before)).chosen)
    assert found.count(5) >= 4 and max(found) <= 6


def test_what_still_improves_at_the_end_is_said_to(tree):
    asked, rng = asked_of(tree, PROBLEM), np.random.default_rng(2)
    course = Course.of(asked, long_of(rng, np.linspace(2, 0.8, 7)))
    assert course.chosen == 7
    done = {
        ASKED: ended(rng, ASKED, 1.2),
        epochs.LONG: long_of(rng, np.linspace(2, 0.8, 7)),
        epochs.FRESH: ended(rng, epochs.FRESH, 0.8),
    }
    found = epochs.read(asked, done)
    assert "a longer training may gain still" in found.says[0]
    assert found.adopt == [f"problems.{PROBLEM}.train.unfrozen.epochs=7"]  # told better
    assert with_changes(found.adopt).problems[PROBLEM].train.unfrozen.epochs == 7


def wiggling(rng, n=150, later=8):
    """Labels got right after each epoch as often as ever, though not the same ones."""
    ids, y, easy = ids_of(n), np.zeros(n, np.int64), rng.random(n)
    parts = {}
    for epoch in range(later + 1):
        right = np.where(rng.random(n) < 0.2, rng.random(n), easy) < 0.75
        parts[str(epoch + 1)] = [Part(ids, y, np.stack([right * 2.0 - 1, np.zeros(n)], axis=1))]
    return Judge("category", parts, "accuracy")


def test_noise_alone_does_not_lengthen_training():
    rng, longer, unguarded = np.random.default_rng(3), 0, 0
    for _ in range(40):
        judge = wiggling(rng)
        later = list(judge.parts)[1:]
        alone = [judge.gain(each, "1") for each in later]
        at_once = judge.gains(later, "1").values()
        for one, wide in zip(alone, at_once, strict=True):
            assert one.value == wide.value and wide.low <= one.low and one.high <= wide.high
        longer += any(gain.low > 0 for gain in at_once)
        unguarded += any(gain.low > 0 for gain in alone)
    assert (
        longer <= 4 < unguarded
    )  # of 60: one in forty is 1.5, and eight looks without guard are more


def test_of_one_arm_or_of_equal_ones_the_intervals_are_their_own():
    judge = wiggling(np.random.default_rng(4), later=1)
    assert judge.gains(["2"], "1") == {"2": judge.gain("2", "1")}
    assert judge.gains(["1", "1"], "1")["1"].high == 0


def test_a_loss_that_rises_while_the_metric_improves_is_told(tree):
    asked, rng = asked_of(tree, PROBLEM), np.random.default_rng(5)
    rmse = [2.0, 1.6, 1.4, 1.2, 1.0, 0.8]
    loss = [0.9, 0.7, 0.5, 0.6, 0.7, 0.75]
    done = {
        ASKED: ended(rng, ASKED, 0.9),
        epochs.LONG: long_of(rng, rmse, loss=loss),
        epochs.FRESH: ended(rng, epochs.FRESH, 0.9),
    }
    found = epochs.read(asked, done)
    assert found.figures["least loss epoch"] == 3
    assert found.figures["best metric epoch"] == found.figures["chosen epochs"] == 6
    assert found.figures["loss at the end over least"] == pytest.approx(1.5)
    end = found.figures["end over least loss epoch"]
    assert end.low > 0 and end.value == pytest.approx(0.6, abs=0.1)
    best = found.figures["later epoch over least loss epoch"]
    assert best.value == end.value and best.low <= end.low
    assert any("to stop by the loss would lose that" in each for each in found.says)
    assert len(png(found.picture.draw, LIGHT, (5.2, found.picture.height))) > 9000


@pytest.mark.parametrize(
    "fresh, seeds, adopted, said",
    [
        (1.0, 3, True, "cheaper than the 5 asked"),
        (1.4, 3, False, "tells them worse"),
        (1.06, 2, False, "More items or seeds would tell"),
    ],
)
def test_fewer_epochs_are_adopted_where_they_lose_nothing_that_counts(
    tree, fresh, seeds, adopted, said
):
    asked, rng = asked_of(tree, PROBLEM, seeds=range(seeds)), np.random.default_rng(6)
    one = np.random.default_rng(7).bit_generator.state

    def same_items(name, rmse):
        again = np.random.default_rng()
        again.bit_generator.state = one
        return ended(again, name, rmse, seeds=seeds)

    long = long_of(rng, [2.0, 1.5, 1.0, 1.0, 1.0, 1.0], seeds=seeds, wiggle=0.0)
    done = {
        ASKED: same_items(ASKED, 1.0),
        epochs.LONG: long,
        epochs.FRESH: same_items(epochs.FRESH, fresh),
    }
    if seeds == 2:  # which differ
        done[epochs.FRESH] = outcome(
            epochs.FRESH,
            [done[epochs.FRESH].runs[0][0], same_items("other", 1.02).runs[1][0]],
        )
    found = epochs.read(asked, done)
    assert found.figures["chosen epochs"] == 3
    assert found.adopt == ([f"problems.{PROBLEM}.train.unfrozen.epochs=3"] if adopted else [])
    assert any(said in each for each in found.says)
    assert {f"fresh over as asked, {part}" for part in ("valid", "test")} <= set(found.figures)


def test_the_long_training_is_adopted_where_it_is_told_better_and_the_fresh_cycle_is_not(tree):
    asked, rng = asked_of(tree, PROBLEM, seeds=range(3)), np.random.default_rng(6)
    done = {
        ASKED: ended(rng, ASKED, 2.0, seeds=3),
        epochs.LONG: long_of(rng, [2.0, 1.5, 1.0, 1.0, 1.0, 1.0], seeds=3, wiggle=0.0),
        epochs.FRESH: ended(rng, epochs.FRESH, 2.0, seeds=3),
    }
    found = epochs.read(asked, done)
    assert found.figures["chosen epochs"] == 3
    assert found.adopt == [f"problems.{PROBLEM}.train.unfrozen.epochs=6"]
    assert any("the length found is too short" in each for each in found.says)


def test_a_long_training_that_diverged_is_told_and_changes_nothing(tree):
    asked, rng = asked_of(tree, PROBLEM), np.random.default_rng(8)
    lost = outcome(epochs.LONG, [run_of({}, failed="the loss is nan")])
    found = epochs.read(asked, {ASKED: ended(rng, ASKED, 1.0), epochs.LONG: lost})
    assert not found.adopt and "the loss is nan" in found.says[0] and found.base == ASKED
