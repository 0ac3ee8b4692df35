from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import asked, trained

from onecycle.errors import UserError
from onecycle.studies.arm import ASKED, Arm
from onecycle.studies.outcome import Part
from onecycle.studies.questions import baselines
from onecycle.studies.questions.textbook import NAMES, Textbook

pytestmark = pytest.mark.usefixtures("few_draws")

USERS, ITEMS = 30, 20
LEARNER = {"arch": "dot_bias", "wd": 0.1, "y_range": [0, 5.5]}
PHASES = {"frozen": {"epochs": 0}, "unfrozen": {"epochs": 5, "lr": 0.005}}


def sections(**learner):
    return {"learner": LEARNER | learner, "train": PHASES}


def test_arms_lack_one_thing_each_and_what_is_asked_is_not_tried_again(tmp_path):
    arms = baselines.arms(asked(tmp_path, "rating", **sections()), {})
    assert [arm.name for arm in arms] == [ASKED, "dot", "implicit", "no_decay", "no_range"]
    bare = asked(tmp_path, "rating", **sections(arch="dot", wd=0.0, y_range=None))
    assert [arm.name for arm in baselines.arms(bare, {})] == [ASKED, "dot_bias", "implicit"]
    chosen = asked(tmp_path, "rating", values=["neural"], **sections())
    assert [arm.name for arm in baselines.arms(chosen, {})] == [ASKED, "neural"]


def test_a_rate_that_is_searched_for_is_the_asked_models_for_all_but_implicit(tmp_path):
    train = {**PHASES, "unfrozen": {"epochs": 5, "lr": "find"}}
    asks = asked(tmp_path, "rating", learner=LEARNER, train=train)
    assert [arm.name for arm in baselines.arms(asks, {})] == [ASKED]
    phases = [{"name": "unfrozen", "rates": [0.03]}]
    done = {ASKED: trained(tmp_path, Arm(ASKED), [{}], phases=phases)}
    rates = {
        arm.name: arm.changes.get("train.unfrozen.lr") for arm in baselines.arms(asks, done)[1:]
    }
    assert rates == {"dot": 0.03, "implicit": 5e-3, "no_decay": 0.03, "no_range": 0.03}


def test_it_is_a_study_of_ratings(tmp_path):
    with pytest.raises(UserError, match="sample_movielens"):
        baselines.arms(asked(tmp_path, "category"), {})
    with pytest.raises(UserError, match="did you mean 'implicit'"):
        baselines.arms(asked(tmp_path, "rating", values=["implict"], **sections()), {})


@pytest.fixture
def rated(tmp_path):
    """Ratings by biases and one factor; a problem's files, and the ratings with the noise known."""
    rng = np.random.default_rng(0)
    user, item = (each.ravel() for each in np.meshgrid(range(USERS), range(ITEMS)))
    names = [f"u{u:02d}/i{i:02d}" for u, i in zip(user, item, strict=True)]
    factors = rng.normal(0, 0.7, USERS)[user] * rng.normal(0, 1, ITEMS)[item]
    clean = 3 + rng.normal(0, 0.4, USERS)[user] + rng.normal(0, 0.4, ITEMS)[item] + factors
    frame = pd.DataFrame(
        {
            "id": names,
            "x": [each.split("/") for each in names],
            "y": clean + rng.normal(0, 0.5, len(names)),
            "clean": clean,
            "split": rng.choice(["train", "valid", "test"], len(names), p=[0.6, 0.15, 0.25]),
        }
    )
    frame = frame.sample(frac=1, random_state=0)  # outcomes have items by id, tables as they come
    asks = asked(tmp_path, "rating", 4, **sections())
    asks.paths.data("items.parquet").parent.mkdir(parents=True)
    frame.drop(columns="split").to_parquet(asks.paths.data("items.parquet"))
    frame[["id", "split"]].to_parquet(asks.paths.data("split.parquet"))
    return asks, frame.sort_values("id")


def model(folder, frame, name, noise, changes=None):
    """A model that knows the clean ratings, but for some noise."""
    rng = np.random.default_rng(len(name))
    trainings = []
    for _ in range(4):
        parts = {}
        for part in ("valid", "test"):
            own = frame[frame["split"] == part]
            scores = own["clean"].to_numpy() + rng.normal(0, noise, len(own))
            y = own["y"].to_numpy()[:, None]
            parts[part] = Part(own["id"].to_numpy(dtype=np.str_), y, scores[:, None])
        trainings.append(parts)
    return trained(folder, Arm(name, changes or {}), trainings)


def rmse(part):
    return float(np.sqrt(((part.scores - part.y) ** 2).mean()))


def test_baselines_predict_the_very_items_that_the_model_is_judged_by(rated, tmp_path):
    asks, frame = rated
    part = model(tmp_path, frame, ASKED, 0.1).parts("test")[0]
    found = Textbook.of(asks.paths).parts("test", part)
    errors = {name: rmse(each) for name, each in found.items()}
    assert list(errors) == list(NAMES)
    assert errors["als"] < errors["biases"] < errors["mean"]  # a mix-up would not be better
    train = frame.loc[frame["split"] == "train", "y"].to_numpy()
    assert found["mean"].scores == pytest.approx(train.mean())


@pytest.mark.parametrize(("noise", "says"), [(0.0, "better than"), (1.5, "worse than")])
def test_the_model_is_held_beside_the_best_baseline(rated, tmp_path, noise, says):
    asks, frame = rated
    done = {
        ASKED: model(tmp_path, frame, ASKED, noise),
        "dot": model(tmp_path, frame, "dot", 0.6, {"learner.arch": "dot"}),
    }
    found = baselines.read(asks, done)
    best = found.figures["best_baseline"]
    assert f"is {says} {baselines.WORDS[best]}" in found.says[0]
    own = [rmse(part) for part in done[ASKED].parts("test")]
    assert found.figures["rmse_asked"].by_seed == pytest.approx(own)
    squared = [each**2 for each in own]
    assert found.figures["mse_asked"].by_seed == pytest.approx(squared)
    gain = found.figures[f"asked_over_{best}"]
    assert gain.value == pytest.approx(found.figures[f"rmse_{best}"].value - np.mean(own))
    assert found.figures["dot_over_asked"].value == pytest.approx(
        -found.figures["asked_over_dot"].value
    )
    assert found.adopt == ([] if noise == 0 else ["problems.made_up.learner.arch=dot"])
    labels = [row[0] for row in found.tables[0].rows]
    assert labels[1].startswith("Biases of user and item (damping")
    assert labels[-2:] == [ASKED, "dot"]


def test_with_users_resampled_errors_that_users_share_widen_the_interval(rated, tmp_path):
    asks, frame = rated
    one = model(tmp_path, frame, ASKED, 0.0)
    of_user = {name: rng for name, rng in zip(range(USERS), np.linspace(-2, 2, USERS), strict=True)}
    for run in [each for of in one.runs for each in of]:
        for name, part in run.parts.items():
            shift = np.array([of_user[int(each[1:3])] for each in part.ids])[:, None]
            run.parts[name] = replace(part, scores=part.scores + shift)
    found = baselines.read(asks, {ASKED: one}).figures
    by_user, by_rating = found["by_user_asked_over_mean"], found["asked_over_mean"]
    assert by_user.value == pytest.approx(by_rating.value)
    assert by_user.high - by_user.low > 1.5 * (by_rating.high - by_rating.low)


def test_a_model_as_asked_that_failed_is_the_end(rated, tmp_path):
    asks, _ = rated
    failed = trained(tmp_path, Arm(ASKED), [{}], failed="the loss is not finite")
    with pytest.raises(UserError, match="not finite"):
        baselines.read(asks, {ASKED: failed})
