"""The reading of a training: of made histories, and of models trained well and badly."""

import shlex
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from flows.pipeline import parser
from onecycle.learn import assemble, check, lr_finder
from onecycle.learn.schedules import Schedule
from onecycle.paths import Paths
from onecycle.report.reading import FEW, RULES, read
from onecycle.report.training import commands
from tasks import download, prepare, split
from tasks.problems import change, load

CHANCE = 2.0
USED = 1e-3  # the range test's rate


def phase(name, epochs, rates, **more):
    return {"name": name, "epochs": epochs, "rates": rates, "why": "params.yaml", **more}


def made(train, valid, metric=None, *, pace=1.0, phases=None, used=USED, chance=CHANCE):
    """The reading of losses in units of chance."""
    phases = phases or [phase("unfrozen", len(train), [pace * USED])]
    names = [each["name"] for each in phases for _ in range(each["epochs"])]
    unit = chance or 1.0
    history = pd.DataFrame({"phase": names, "train_loss": train, "valid_loss": valid})
    history[["train_loss", "valid_loss"]] *= unit
    history["metric"] = metric or -history["valid_loss"]
    training = {"phases": phases, "metric": "accuracy", "chance": chance}
    model = {"y": {"kind": "category"}, "training": training}
    return read("sample_pets", history, model, {"used": used})


FALLS = [1.2, 0.8, 0.5, 0.4, 0.35, 0.33]
READ = {
    "too few to tell": ([1, 0.5], [1, 0.5], 1.0, "too little to say"),
    "falls, then rests": (FALLS, [0.9, 0.6, 0.5, 0.4, 0.37, 0.36], 1.0, "well"),
    "train above valid": (FALLS, [0.5, 0.4, 0.3, 0.22, 0.2, 0.19], 1.0, "well"),
    "one epoch leaps": (FALLS, [0.9, 9.0, 0.5, 0.4, 0.37, 0.36], 1.0, "well"),
    "one epoch is lucky": (FALLS, [0.9, 0.6, 0.2, 0.4, 0.37, 0.36], 1.0, "well"),
    "train is thrown up": ([0.9, 1.5, 1.2, 0.8, 0.5, 0.4], FALLS, 1.0, "rate too high"),
    "thrown, nothing learnt": ([1.1, 1.3, 1.2, 1.1, 1.1, 1.1], [1.1] * 6, 1.0, "rate too high"),
    "dead at a high rate": ([1.2, 1.1] * 3, [1.05] * 6, 30.0, "rate too high"),
    "dead at a good rate": ([1.0] * 6, [1.0] * 6, 1.0, "under-fitted"),
    "hardly moves": ([1.5, 1.45, 1.42, 1.4, 1.39, 1.39], [1.4] * 6, 0.01, "rate too low"),
    "slow": (FALLS, [0.6, 0.4, 0.34, 0.31, 0.3, 0.3], 0.05, "rate too low"),
    "slow, but there": (
        [0.9, 0.5, 0.2, 0.1, 0.1, 0.1],
        [0.9, 0.6, 0.4, 0.4, 0.4, 0.4],
        0.05,
        "well",
    ),
    "valid comes back": (FALLS, [0.8, 0.6, 0.5, 0.55, 0.62, 0.7], 1.0, "over-fitted"),
    "does not carry over": ([1.0, 0.7, 0.4, 0.2, 0.1, 0.05], [0.95] * 6, 1.0, "over-fitted"),
    "still falls": (
        [1.2, 1.1, 0.9, 0.7, 0.6, 0.5],
        [1.1, 1, 0.9, 0.7, 0.6, 0.5],
        1.0,
        "under-fitted",
    ),
    "no range test to tell": ([1.5, 1.45, 1.42, 1.4, 1.39, 1.39], [1.4] * 6, 0.0, "under-fitted"),
}


@pytest.mark.parametrize("case", READ)
def test_made_histories_are_read_by_the_rule(case):
    train, valid, pace, expected = READ[case]
    used = USED if pace else None
    found = made(train, valid, pace=pace or 1.0, used=used)
    assert found.name == expected
    assert found.rule == RULES[expected]
    assert bool(found.tries) == (expected not in ("well", "too little to say"))


@pytest.mark.parametrize("case", READ)
@pytest.mark.parametrize("chance", [1e-4, 500.0])
def test_the_loss_s_scale_does_not_matter(case, chance):
    train, valid, pace, expected = READ[case]
    assert made(
        train, valid, pace=pace or 1.0, used=USED if pace else None, chance=chance
    ).name == (expected)


def test_where_chance_makes_no_mistake_there_is_nothing_to_read():
    assert made(FALLS, FALLS, chance=0.0).name == "too little to say"


def test_the_numbers_that_were_seen_are_said():
    said = made(FALLS, [0.8, 0.6, 0.5, 0.55, 0.62, 0.7]).says
    assert "least about epoch 3" in said and "0.33\u00a0×" in said
    assert "metric" not in said
    kept = made(FALLS, [0.8, 0.6, 0.5, 0.55, 0.62, 0.7], [0.5, 0.6, 0.7, 0.7, 0.7, 0.7])
    assert "The metric did not get worse" in kept.says


def test_what_to_try_goes_the_right_way():
    two = [phase("frozen", 3, [1e-4, 1e-3]), phase("unfrozen", 3, [1e-6, 1e-4])]
    high = made([0.9, 0.5, 0.4, 0.5, 1.2, 0.8], [0.6] * 6, phases=two)
    assert high.tries == ("problems.sample_pets.train.unfrozen.lr=[1e-07, 1e-05]",)
    slow = made([1.5] * 6, [1.4] * 6, phases=two, used=1.0)
    assert slow.tries == ("problems.sample_pets.train.frozen.lr=0.01",)
    valid = [0.5, 0.4, 0.5, 0.55, 0.62, 0.7]
    assert made(FALLS, valid, phases=two).tries == (
        "problems.sample_pets.train.frozen.epochs=2",
        "problems.sample_pets.train.unfrozen.epochs=0",
    )
    few = made([1.2, 1.1, 1, 0.9, 0.8, 0.6], [1.2, 1.1, 1, 0.9, 0.8, 0.6], phases=two)
    assert few.tries == ("problems.sample_pets.train.unfrozen.epochs=6",)


@pytest.mark.parametrize("case", READ)
def test_what_to_try_is_a_setting_that_params_take(tree, case):
    train, valid, pace, _ = READ[case]
    for each in made(train, valid, pace=pace or 1.0, used=USED if pace else None).tries:
        assert change([each], write=False)


def test_what_to_try_is_a_command_that_the_flow_takes():
    two = [phase("frozen", 3, [1e-3]), phase("unfrozen", 3, [1e-4])]
    reading = made(FALLS, [0.5, 0.4, 0.5, 0.55, 0.62, 0.7], phases=two)
    assert len(reading.tries) == 2
    (command,) = commands(SimpleNamespace(problem="sample_pets", reading=reading))
    python, m, module, *options = shlex.split(command)
    assert (python, m, module) == ("python", "-m", "flows.pipeline")
    assert parser().parse_args(options).settings == list(reading.tries)


def test_a_phase_s_own_range_test_is_what_its_rate_is_held_against():
    own = {"range_test": {"used": 1e-5}}
    phases = [phase("frozen", 3, [1e-3]), phase("unfrozen", 3, [1e-3], **own)]
    high = made([1.0] * 6, [1.1] * 6, phases=phases)
    assert high.name == "rate too high"
    assert high.tries == ("problems.sample_pets.train.unfrozen.lr=0.0001",)
    assert made([1.0] * 6, [1.1] * 6, phases=[phases[0], phase("unfrozen", 3, [1e-3])]).name == (
        "under-fitted"
    )


def test_every_length_from_few_on_is_read():
    rng = np.random.default_rng(0)
    for epochs in range(1, 12):
        name = made(*rng.uniform(0.1, 1.2, (2, epochs)).tolist()).name
        assert (name == "too little to say") == (epochs < FEW)


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The smallest sample's files, its recipe in large batches, and its range test."""
    problem, paths = load().problems["sample_movielens"], Paths("a", tmp_path_factory.mktemp("a"))
    download.run(paths, problem.download)
    prepare.run(paths, problem.prepare)
    split.run(paths, problem.split)
    recipe = problem.learner.model_copy(update={"batch_size": 512})
    learner = assemble.fresh(paths, recipe, 1)
    return paths, recipe, lr_finder.choose(lr_finder.RangeTest(), learner.lr_find())


@pytest.mark.parametrize(
    ("factor", "epochs", "expected"),
    [
        (1, 8, "well"),
        (100, 8, "rate too high"),
        (0.01, 8, "rate too low"),
        (1, 40, "over-fitted"),
        (1, 3, "under-fitted"),
        (1, 2, "too little to say"),
    ],
)
def test_trained_models_are_read_as_what_was_done_to_them(sample, factor, epochs, expected):
    paths, recipe, found = sample
    learner, rate = assemble.fresh(paths, recipe, 1), factor * found["used"]
    history = pd.DataFrame(learner.fit_one_cycle(epochs, rate))
    chance = check.chance(learner.data.train, learner.data.valid)
    phases = [phase("unfrozen", epochs, [rate], schedule=Schedule().model_dump())]
    training = {"phases": phases, "metric": "rmse", "chance": chance}
    model = {"y": {"kind": "rating"}, "training": training}
    assert read("a", history, model, found).name == expected
