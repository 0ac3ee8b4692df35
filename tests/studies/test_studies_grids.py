"""The studies of grids, on made-up outcomes: what they try, how they read it, what they adopt."""

import re
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from onecycle.errors import UserError
from onecycle.params import parse
from onecycle.paths import Paths
from onecycle.report.figures import DARK, png
from onecycle.studies import grid, pictures, times
from onecycle.studies.arm import ASKED, Arm, Asked, changed, yaml
from onecycle.studies.compare import Judge
from onecycle.studies.finding import to_json
from onecycle.studies.outcome import Outcome, Part, Run, write
from onecycle.studies.questions import arch, lr, precision, rates, transfer, weight_decay
from onecycle.studies.questions.lr_reading import SUGGESTIONS
from onecycle.studies.registry import STUDIES
from tasks import problems

N = 400
SEEDS = (1, 2, 3)
HARD = np.random.default_rng(0).permutation(N) / N  # how good a model has to be for each item


@pytest.fixture
def asked(tree):
    """Asks a study to look at a problem of params.yaml with some settings."""

    def of(problem, *changes, values=(), seeds=SEEDS):
        params = problems.with_changes(f"problems.{problem}.{each}" for each in changes)
        found = params.problems[problem]
        return Asked(Paths(problem), found.model_dump(), found.prepare.y, seeds, values)

    return of


@pytest.fixture
def trained(tmp_path):
    """Makes an arm's outcome: each seed's model is right on a share of the items."""

    number = count()

    def part(right):
        y = np.arange(N) % 3
        scores = np.eye(3)[np.where(right, y, (y + 1) % 3)]
        return Part(np.array([f"{at:03}" for at in range(N)]), y, scores)

    def of(arm, valid=0.0, test=None, *, failed=None, rates=(0.1,), cpu_s=1.0, unread=()):
        runs = []
        for at in range(len(SEEDS)):
            folder = tmp_path / str(next(number))
            folder.mkdir()
            shares = {"valid": valid, "test": valid if test is None else test}
            parts = {name: part(HARD < share + 0.005 * at) for name, share in shares.items()}
            phase = {"rates": [rate * (1 + at) / 2 for rate in rates]}
            used = None if at in unread else 0.1
            curve = {"rates": [1e-6, 1e-2, 1e-1, 1, 10], "smooth": [1, 1, 0.5, 0.6, None]}
            why = "no rate" if at in unread else failed
            told = {"failed": why, "phases": [phase], "found": {"used": used, "curve": curve}}
            told |= {"cpu_s": cpu_s * (1 + 0.01 * at), "seconds": cpu_s, "history": []}
            write(folder, {} if why else parts, told)
            runs.append([Run.read(folder)])
        return Outcome(arm, runs)

    return of


def outcomes(study, ask, make):
    """Asks for arms until there are no new ones; `make` tells what each comes to."""
    done = {}
    while new := [arm for arm in study.arms(ask, done) if arm.name not in done]:
        done |= {arm.name: make(arm) for arm in new}
    return done


def drawn(ask, done, found):
    """Draws the picture, and writes the finding as JSON."""
    told = to_json("any", "?", ask, done, found)
    picture = found.picture or pictures.arms(told)
    assert png(picture.draw, DARK, (5, picture.height)).startswith(b"\x89PNG")
    return told


# ---- lr ----

GRID = {"lr 0.001": 0.5, "lr 0.01": 0.8, "lr 0.1": 0.6}
FIRST = ("sample_pets", "train.frozen.epochs=2")  # two phases


def of_rates(trained, **scores):
    """An arm's outcome by its name; a rate of 1 diverges."""
    scores = GRID | {"valley": 0.7, "slide": 0.79, "minimum": 0.8, "steep": 0.4} | scores

    def make(arm):
        if arm.name == "lr 1":
            return trained(arm, failed="the loss of epoch 0 is nan")
        return trained(arm, *np.atleast_1d(scores[arm.name]), rates=(0.002, 0.02))

    return make


def test_regret_is_what_the_best_rate_by_valid_gains_on_test(asked, trained):
    ask = asked(*FIRST, values=[0.001, 0.01, 0.1, 1])
    made = {"lr 0.01": (0.8, 0.75), "lr 0.1": (0.6, 0.9), "valley": (0.7, 0.65)}
    done = outcomes(lr, ask, of_rates(trained, **made))
    found = lr.read(ask, done)
    assert found.base == "valley"
    assert found.figures["best rate"] == 0.01  # though test would have chosen another
    assert found.figures["regret valley"].value == pytest.approx(0.1)
    assert found.figures["regret slide"].value == pytest.approx(-0.04)
    assert found.figures["regret valley"].low > 0
    assert found.figures["rate valley"] == pytest.approx(0.02)
    assert found.figures["factor valley"] == pytest.approx(2)
    assert found.figures["too low"] == 0.001
    assert found.figures["too high"] == 1  # 0.1 is better on test, 1 gave no model
    assert "'lr 1' gave no model: the loss of epoch 0 is nan" in found.says
    told = drawn(ask, done, found)
    assert [row[0] for row in told["tables"][0]["rows"]] == list(SUGGESTIONS)


def test_the_first_phase_is_trained_alone_but_only_rates_are_adopted(asked, trained):
    ask = asked(*FIRST, values=[0.001, 0.01, 0.1])
    done = outcomes(lr, ask, of_rates(trained))
    for each in done.values():
        train = each.arm.sections(ask.sections, 1, None)["train"]
        assert (train["frozen"]["epochs"], train["unfrozen"]["epochs"]) == (2, 0)
    setting = "problems.sample_pets.lr_find.suggestion=minimum"
    assert lr.read(ask, done).adopt == [setting]  # the best rate is not told better than that
    done = outcomes(lr, ask, of_rates(trained, **{"lr 0.01": 0.95}))
    assert lr.read(ask, done).adopt == ["problems.sample_pets.train.frozen.lr=0.01"]
    done = outcomes(lr, ask, of_rates(trained, valley=0.801))
    assert lr.read(ask, done).adopt == []


def test_an_asked_rate_is_compared_with_suggestions_that_ask_for_it(asked, trained):
    ask = asked("sample_pets", "train.unfrozen.lr=0.001", values=[0.001, 0.01, 0.1])
    done = outcomes(lr, ask, of_rates(trained, **{"lr 0.01": 0.75}))
    assert next(iter(done)) == "lr 0.001"
    assert list(done).count("lr 0.001") == 1
    assert lr.read(ask, done).adopt == [
        "problems.sample_pets.lr_find.suggestion=minimum",
        "problems.sample_pets.train.unfrozen.lr=find",
    ]


def test_rates_without_any_suggestion_are_read_too(asked, trained):
    ask = asked(*FIRST, values=[0.001, 0.01])

    def make(arm):
        return trained(arm, GRID.get(arm.name, 0), unread=() if arm.name in GRID else (0, 1, 2))

    done = outcomes(lr, ask, make)
    found = lr.read(ask, done)
    assert found.adopt == ["problems.sample_pets.train.frozen.lr=0.01"]
    assert found.base == "lr 0.01"
    assert list(found.judges) == ["valid", "test"]
    drawn(ask, done, found)


def test_seeds_whose_range_test_tells_no_rate_say_nothing_of_suggestions(asked, trained):
    ask = asked(*FIRST, values=[0.001, 0.01, 0.1])

    def make(arm):
        if arm.name in SUGGESTIONS:
            return trained(arm, 0.7, rates=(0.02,), unread=(1,))
        return trained(arm, GRID[arm.name])

    done = outcomes(lr, ask, make)
    found = lr.read(ask, done)
    assert found.figures["range tests unread"] == 1
    assert "'valley', 'slide', 'minimum', 'steep' gave no model in 1 of 3 trainings: no rate" in (
        found.says
    )
    assert found.figures["regret valley"].by_seed == pytest.approx([0.1, 0.1])
    assert found.figures["rate valley"] == pytest.approx((0.01 + 0.03) / 2)
    assert found.adopt == ["problems.sample_pets.train.frozen.lr=0.01"]  # for valley may give none
    drawn(ask, done, found)


# ---- arch ----


@pytest.mark.parametrize(
    ("scores", "trains", "kept", "adopt"),
    [
        ({"dot": 0.5, "dot_bias": 0.7, "implicit": 0.9, "neural": 0.9}, 4, "implicit", "implicit"),
        ({"dot": 0.5, "dot_bias": 0.7, "implicit": 0.7}, 3, "dot_bias", None),
        ({"dot": 0.7, "dot_bias": 0.7}, 2, "dot", "dot"),
        ({"dot": 0.7, "dot_bias": None, "implicit": 0.9, "neural": 0.6}, 4, "implicit", "implicit"),
    ],
)
def test_the_order_goes_on_as_long_as_a_step_gains(asked, trained, scores, trains, kept, adopt):
    ask = asked("sample_movielens")
    ask = replace(ask, kind="category")  # of made-up scores

    def make(arm):
        score = scores[arm.name]
        return trained(arm, score or 0, failed=None if score else "no rate", cpu_s=score or 1)

    done = outcomes(arch, ask, make)
    assert next(iter(done)) == "dot_bias"  # as asked
    assert len(done) == trains
    found = arch.read(ask, done)
    assert found.figures["kept"] == kept
    assert found.adopt == ([f"problems.sample_movielens.learner.arch={adopt}"] if adopt else [])
    drawn(ask, done, found)


def test_an_asked_architecture_that_is_none_of_the_order_comes_first(asked, trained):
    ask = asked("sample_pets")
    done = outcomes(arch, ask, lambda arm: trained(arm, 0.7))
    assert list(done) == ["squeezenet1_1", "resnet18"]
    assert arch.read(ask, done).adopt == []


def test_an_architecture_may_bring_a_file_of_weights_of_its_own(asked, trained):
    own = {"arch": "resnet18", "weights": {"url": "file:some.pth"}}
    ask = asked("pets", "learner.weights={url: file:own.pth}", values=["resnet34", own])
    done = outcomes(arch, ask, lambda arm: trained(arm, 0.9 if arm.changes else 0.5))
    assert list(done) == ["resnet34", "resnet18"]
    assert arch.read(ask, done).adopt == [
        "problems.pets.learner.arch=resnet18",
        "problems.pets.learner.weights={url: file:some.pth}",
    ]
    with pytest.raises(UserError, match="expected the key arch"):
        arch.arms(replace(ask, values=[{"weights": None}]), {})


# ---- rates ----


def test_found_rates_decide_what_they_are_compared_with(asked, trained):
    ask = asked("sample_pets", "train.frozen.epochs=1")
    scores = {ASKED: (0.8, 0.7), "lr 0.02": (0.7, 0.75), "lr 0.002": (0.75, 0.6)}

    def make(arm):
        return trained(arm, *scores.get(arm.name, (0.5,)), rates=(0.0002, 0.002, 0.02))

    assert [arm.name for arm in rates.arms(ask, {})] == [ASKED]
    done = outcomes(rates, ask, make)
    assert list(done) == [ASKED, "lr 0.02", "lr 0.002", "lr 0.0002"]  # the median seed's head
    found = rates.read(ask, done)
    assert found.figures["head rate"] == 0.02
    assert found.figures["spread over best single"].value == pytest.approx(0.1)  # by valid
    assert found.figures["spread over lr 0.02"].value == pytest.approx(-0.05)
    assert not found.adopt


def test_a_single_asked_rate_is_compared_with_a_spread(asked, trained):
    ask = asked("sample_pets", "train.unfrozen.lr=0.01")
    spread = "lr [0.0001, 0.01]"

    def make(arm):
        failed = "not finite" if arm.name == "lr 0.0001" else None
        return trained(arm, 0.9 if arm.name == spread else 0.5, failed=failed)

    done = outcomes(rates, ask, make)
    assert list(done) == [ASKED, spread, "lr 0.001", "lr 0.0001"]
    found = rates.read(ask, done)
    assert found.adopt == ["problems.sample_pets.train.unfrozen.lr=[0.0001, 0.01]"]
    assert found.figures["spread over best single"].value == pytest.approx(0.4)
    assert "'lr 0.0001' gave no model: not finite" in found.says
    drawn(ask, done, found)


# ---- precision, times ----


def test_the_fastest_precision_that_costs_nothing_told_is_adopted(asked, trained):
    ask = asked("sample_pets", "learner.precision=fp32", values=["fp32", "bf16", "fp16"])
    scores = {"fp32": 0.8, "bf16": 0.8, "fp16": 0.5}
    costs = {"fp32": 2, "bf16": 1, "fp16": 0.5}
    done = outcomes(
        precision, ask, lambda arm: trained(arm, scores[arm.name], cpu_s=costs[arm.name])
    )
    found = precision.read(ask, done)
    assert found.adopt == ["problems.sample_pets.learner.precision=bf16"]
    assert found.figures["time bf16"].value == pytest.approx(0.5)
    assert found.figures["gain fp16"].value == pytest.approx(-0.3)
    drawn(ask, done, found)
    costs["bf16"] = 1.9  # hardly faster
    del scores["fp16"]
    again = {name: trained(Arm(name), score, cpu_s=costs[name]) for name, score in scores.items()}
    assert not precision.read(ask, again).adopt


def test_a_ratio_of_times_is_paired_by_seed(trained):
    slow, fast = trained(Arm("slow"), 0.5, cpu_s=3), trained(Arm("fast"), 0.5, cpu_s=1.5)
    found = times.ratio({"slow": slow, "fast": fast}, "fast", "slow")
    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    one = {"slow": Outcome(slow.arm, slow.runs[:1]), "fast": Outcome(fast.arm, fast.runs[:1])}
    assert times.ratio(one, "fast", "slow") == pytest.approx(0.5)


# ---- transfer ----


def test_each_part_of_the_practice_is_left_out_for_as_many_epochs(asked, trained):
    ask = asked("pets", "train.beside_scratch=true")
    scores = {ASKED: 0.9, "frozen only": 0.8, "unfrozen at once": 0.85, "scratch": 0.3}
    done = outcomes(transfer, ask, lambda arm: trained(arm, scores.get(arm.name, 0.4)))
    found = transfer.read(ask, done)
    assert found.figures["epochs"] == 9
    assert found.figures["gain over frozen only"].value == pytest.approx(0.1)
    assert found.figures["gain over scratch, 3 times as long"].value == pytest.approx(0.5, abs=0.01)
    epochs = {}
    for name, each in done.items():
        made = problems.Problem.model_validate(each.arm.sections(ask.sections, 1, None))
        epochs[name] = (made.train.frozen.epochs, made.train.unfrozen.epochs)
        assert (made.learner.weights is None) == name.startswith("scratch")
    assert list(epochs.values()) == [(3, 6), (9, 0), (0, 9), (0, 9), (0, 27)]


# ---- grids ----


def test_the_lead_of_the_best_of_many_equal_arms_is_luck(asked, monkeypatch):
    ask, rng, y = (
        replace(asked("sample_pets"), seeds=(1,)),
        np.random.default_rng(0),
        np.arange(N) % 3,
    )
    alone = adopted = 0
    for _ in range(40):
        parts = {}
        for name in "abcdefghijk":
            scores = np.eye(3)[np.where(rng.random(N) < 0.7, y, (y + 1) % 3)]
            parts[name] = [Part(np.arange(N), y, scores)]
        valid = Judge("category", parts, "accuracy")
        monkeypatch.setattr(grid, "judged", lambda *_, valid=valid: {"valid": valid})
        done = {name: Outcome(Arm(name, {"learner.wd": 0.5}), []) for name in parts}
        best = valid.best()
        alone += best != "a" and valid.gain(best, "a").low > 0
        found = grid.read(ask, done)
        adopted += bool(found.adopt)
        assert ("within luck" in found.says[-1]) == (best != "a" and not found.adopt)
    assert adopted <= 4 < alone  # of 40, at one in forty: 5 come by a chance of .003


def test_an_arm_as_good_as_the_base_but_for_rounding_is_not_ahead(monkeypatch):
    seeds = {"base": [0.3, 0.2, 0.1], "other": [0.1, 0.2, 0.3]}
    assert np.mean(seeds["other"]) > np.mean(seeds["base"])  # by 1e-16
    monkeypatch.setattr(Judge, "by_seed", lambda _, arm: np.array(seeds[arm]))
    parts = {name: [] for name in seeds}
    assert Judge("category", parts, "accuracy").best() == "base"
    assert Judge("category", parts, "error_rate").best() == "base"


# ---- all of them ----


@pytest.mark.parametrize(
    ("study", "problem"),
    [
        *((study, "pets") for study in ("arch", "lr", "precision", "rates", "transfer")),
        *((study, "sample_movielens") for study in ("schedule", "weight_decay")),
        ("rates", "biwi"),
    ],
)
def test_what_an_arm_changes_can_be_set_and_then_is_the_same(asked, trained, study, problem):
    ask = asked(problem)
    judged = replace(ask, kind="category")  # as what is made up
    done = outcomes(STUDIES[study], judged, lambda arm: trained(arm, 0.5, rates=(0.00123, 0.0123)))
    alike = {tuple(each.arm.changes): name for name, each in done.items()}  # one of each sort
    for name in alike.values():
        params = problems.with_changes(grid.adopt(ask, done, name))
        sections = changed(ask.sections, done[name].arm.changes)
        assert params.problems[problem] == problems.Problem.model_validate(sections)


@pytest.mark.parametrize(
    ("study", "problem", "changes", "remedies"),
    [
        ("lr", "pets", ["train.frozen.epochs=0"], 1),
        ("arch", "pets", ["learner.weights={url: file:some.pth}"], 2),
        ("rates", "movielens", [], 0),
        ("rates", "pets", ["train.unfrozen.epochs=0"], 1),
        ("precision", "movielens", [], 0),
        ("transfer", "sample_pets", [], 1),
        ("transfer", "movielens", [], 0),
    ],
)
def test_a_study_without_meaning_is_refused_with_a_remedy_that_works(
    asked, study, problem, changes, remedies
):
    with pytest.raises(UserError) as caught:
        STUDIES[study].arms(asked(problem, *changes), {})
    said = str(caught.value)
    assert said.startswith(f"study {study}: ")
    found = re.findall(rf"--set problems\.{problem}\.(\S+?)(?= |$)", said)
    if remedies == 2:  # either the first, or the others
        found, other = found[:1], found[1:]
        assert STUDIES[study].arms(asked(problem, *changes, *other), {})
    if found:
        assert STUDIES[study].arms(asked(problem, *changes, *found), {})
    else:
        assert "take a problem with pictures" in said


def test_values_that_are_no_rates_are_refused(asked):
    ask = asked("sample_pets", "train.unfrozen.lr=0.1")
    for value in ("find", 0, -1.0, True, None):
        for study in (lr, rates):
            with pytest.raises(UserError, match="expected rates above 0"):
                study.arms(replace(ask, values=[0.1, value]), {})


text = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(text, each, max_size=3),
    max_leaves=5,
)


@settings(max_examples=25)
@given(values)
@example(
    [1e-05, 1.0, 0.00123456, "1e-05", "null", "a: b", "on", "~", ":0", "timm:resnet18", 10**20]
)
def test_a_setting_is_read_as_what_it_was(value):
    assert parse(yaml(value), "any") == value


# ---- what all grids share ----


def test_a_base_that_failed_with_some_seeds_is_not_given_up_for_a_worse_arm(asked, trained):
    ask = asked(*FIRST, values=[0.5])
    done = outcomes(
        weight_decay, ask, lambda arm: trained(arm, 0.8, unread=() if arm.changes else (1,))
    )
    found = weight_decay.read(ask, done)
    assert "gave a model with some seeds only" in found.says[0]
    assert found.adopt == []
    done = outcomes(
        weight_decay, ask, lambda arm: trained(arm, 0.8, failed=None if arm.changes else "nan")
    )
    assert weight_decay.read(ask, done).adopt == ["problems.sample_pets.learner.wd=0.5"]
