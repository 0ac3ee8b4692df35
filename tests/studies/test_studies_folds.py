"""Every item judged once: what luck makes of folds, and what a random split flatters."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from staged import (
    asked_of,
    ids_of,
    outcome,
    rated,
    run_of,
    written,
)

from onecycle.errors import UserError
from onecycle.report.figures import DARK, png
from onecycle.studies.arm import ASKED
from onecycle.studies.finding import to_json
from onecycle.studies.outcome import Outcome, Run
from onecycle.studies.questions import folded, folding, group_kfold, kfold, split_worth
from onecycle.studies.questions.folded import FOLDS, Folded
from tasks import arms as training
from tasks.problems import Problem, with_changes

pytestmark = pytest.mark.usefixtures("few_draws")


@pytest.fixture(autouse=True)
def few_deals(monkeypatch):
    monkeypatch.setattr(folded, "DEALS", 300)


def folds_of(fold, error, groups=None, name=FOLDS):
    """An arm whose items, in folds, are missed by an error: [S, N]."""
    ids, runs = ids_of(len(fold)), []
    for own in error:
        of = []
        for at in range(fold.max() + 1):
            there = fold == at
            part = rated(ids[there], own[there], None if groups is None else groups[there])
            of.append(run_of({"valid": rated(ids[:9], own[:9]), "test": part}))
        runs.append(of)
    return outcome(name, runs, folds=int(fold.max()) + 1)


# ---- which arms ----


def test_folds_of_items_keep_the_limits_and_make_problems_that_are_whole(tree):
    asked = asked_of(tree, "sample_pets", folds=4)
    written(asked, [None] * 8, ["train"] * 8)
    own, arm = kfold.arms(asked, {})
    assert own.changes == {} and arm.folds == 4
    for fold in range(4):
        split = Problem.model_validate(arm.sections(asked.sections, 7, fold)).split
        assert (split.by, split.k, split.fold, split.stratified) == ("kfold", 4, fold, True)
        assert split.leaks == Problem.model_validate(asked.sections).split.leaks


def test_items_of_groups_are_folded_by_groups_unless_the_limits_say_otherwise(tree):
    asked = asked_of(tree, "sample_biwi")
    written(asked, ["a", "a", "b", "c"], ["train"] * 4)
    with pytest.raises(UserError, match="study group_kfold sample_biwi") as refused:
        kfold.arms(asked, {})
    line = str(refused.value).partition("--set ")[2].removesuffix(" knowingly")
    free = with_changes([line]).problems["sample_biwi"].model_dump()
    asked.sections["split"] = free["split"]
    assert kfold.arms(asked, {})[1].changes["split"]["leaks"]["group"] is None


def test_folds_of_groups_need_groups_and_as_many_as_folds(tree):
    asked = asked_of(tree, "sample_biwi", folds=3)
    written(asked, ["a", "a", "b", "c"], ["train"] * 4)
    for study in (group_kfold, split_worth):
        assert all(arm.folds in (0, 3) for arm in study.arms(asked, {}))
        with pytest.raises(UserError, match="3 groups make no 4 folds; take --folds 3"):
            study.arms(asked_of(tree, "sample_biwi", folds=4), {})
    bare = asked_of(tree, "sample_pets")
    written(bare, ["a", None, None], ["train"] * 3)
    with pytest.raises(UserError, match=r"2 of 3 items .* have no group; .* kfold sample_pets"):
        group_kfold.arms(bare, {})


def test_a_random_split_may_leak_and_one_by_group_may_not(tree):
    asked = asked_of(tree, "sample_biwi", folds=2)
    written(asked, ["a", "a", "b", "c"], ["train"] * 4)
    whole, rows = (
        Problem.model_validate(arm.sections(asked.sections, 1, 0)).split
        for arm in split_worth.arms(asked, {})
    )
    assert (whole.by, rows.by) == ("group_kfold", "kfold")
    assert whole.limit("group") == 0 and whole.limit("near") == asked.of("split.leaks.near")
    assert all(rows.limit(kind) is None for kind in ("group", "identical", "near", "pair", "time"))


# ---- what folds come to ----


def test_folds_are_pooled_over_all_items_and_told_one_by_one(tree):
    rng, n = np.random.default_rng(0), 300
    fold, error = rng.permutation(np.arange(n) % 3), rng.normal(size=(2, n))
    asked = asked_of(tree, "sample_movielens", seeds=(1, 2), folds=3)
    written(asked, [None] * n, ["train"] * 200 + ["test"] * 100)
    test = [
        run_of({"valid": rated(ids_of(9), e[:9]), "test": rated(ids_of(100), e[:100])})
        for e in error
    ]
    done = {ASKED: outcome(ASKED, test), FOLDS: folds_of(fold, error)}
    found = kfold.read(asked, done)
    rmse = np.sqrt((error**2).mean(axis=1))
    assert found.figures["pooled"].value == pytest.approx(rmse.mean())
    own = [np.sqrt((error[:, fold == at] ** 2).mean(axis=1)).mean() for at in range(3)]
    assert [found.figures[f"fold {at}"].value for at in range(3)] == pytest.approx(own)
    assert found.figures["spread of folds"] == pytest.approx(np.std(own, ddof=1))
    assert found.figures["as asked, learns from"] == 200 and found.figures["learns from"] == 191
    assert found.figures["as asked, width over pooled"] > 1.3
    gap = found.figures["pooled less as asked"]
    assert gap.low < 0 < gap.high and "not told apart" in " ".join(found.says)
    told = to_json("kfold", "?", asked, done, found)
    assert told["n"] == {FOLDS: 300, "test": 100} and told["adopt"] == []
    assert len(png(found.picture.draw, DARK, (5.2, found.picture.height))) > 5000


def test_luck_alone_spreads_folds_as_much_as_deals_do_and_worse_models_more():
    rng, n, shares = np.random.default_rng(1), 200, []
    for _ in range(60):
        fold, error = rng.permutation(np.arange(n) % 4), rng.normal(size=(1, n))
        it = Folded.of("rating", folds_of(fold, error), whole_groups=False)
        dealt = folded.spread(it.dealt(groups=False))
        shares.append((dealt >= folded.spread(it.values)).mean())
    assert 0.35 < np.mean(shares) < 0.65 and np.mean(np.array(shares) < 0.1) < 0.25
    error[0, fold == 2] *= 3  # a fold whose model failed
    it = Folded.of("rating", folds_of(fold, error), whole_groups=False)
    assert (folded.spread(it.dealt(groups=False)) < folded.spread(it.values)).all()


def test_groups_that_differ_spread_folds_more_than_their_items_would(tree):
    rng, people = np.random.default_rng(2), np.arange(400) // 20
    fold, offset = np.arange(20) % 4, rng.normal(size=20)
    error = (offset[people] + 0.1 * rng.normal(size=400))[None]
    names = np.array([f"p{each:02}" for each in people])
    asked = asked_of(tree, "sample_movielens", seeds=(1,), folds=4)
    written(asked, names, ["train"] * 400)
    part = {"valid": rated(ids_of(40), error[0, :40], names[:40])}
    done = {
        ASKED: outcome(ASKED, [run_of(part)]),
        FOLDS: folds_of(fold[people], error, names),
    }
    found = group_kfold.read(asked, done)
    luck, items = (found.figures[f"spread by luck{of}"] for of in ("", " of items"))
    assert luck.value > 3 * items.value and 0.01 < found.figures["deals that spread as much"] < 0.99
    assert "groups differ" in found.says[1] and "no more than luck" in found.says[1]
    assert any("knows its few groups alone" in each for each in found.says)  # two people judge
    assert found.judges[FOLDS].groups == 20


# ---- what a random split flatters ----


def people_of(rng, *, groups=30, each=20, of_person=1.0, known=0.2):
    """Errors by group, and of models that know all but a share of what is a person's own."""
    people = np.repeat(np.arange(groups), each)
    own = of_person * rng.normal(size=groups)[people]
    noise = 0.3 * rng.normal(size=(2, len(people)))
    return np.array([f"p{at:03}" for at in people]), own + noise, known * own + noise


def worth(asked, names, whole, rows):
    fold = np.arange(len(names)) % 4
    of_group = np.unique(names, return_inverse=True)[1] % 4
    done = {
        split_worth.GROUP: folds_of(of_group, whole, names, split_worth.GROUP),
        split_worth.RANDOM: folds_of(fold, rows, names, split_worth.RANDOM),
    }
    return done, split_worth.read(asked, done)


def test_flattery_is_found_as_large_as_it_is(tree):
    asked, rng = asked_of(tree, "sample_movielens", seeds=(1, 2), folds=4), np.random.default_rng(3)
    names, *_ = people_of(rng)
    written(asked, names, np.where(np.char.less(names, "p020"), "train", "test"))
    held, truth = 0, np.sqrt(1 + 0.09) - np.sqrt(0.04 + 0.09)
    for _ in range(10):
        done, found = worth(asked, *people_of(rng))
        gain, times = found.figures["flattery"], found.figures["flattery factor"]
        held += gain.low < truth < gain.high
        assert gain.low > 0 and times.low > 1
        ratio = found.figures["by group"].value / found.figures["random"].value
        assert times.value == pytest.approx(ratio, rel=0.01)
    assert held >= 8
    assert found.figures["groups flattered"] > 20 and found.figures["groups"] == 30
    assert "A random split flatters" in found.says[0]
    assert found.adopt == [] and "keeps groups whole" in found.says[-1]
    told = to_json("split_worth", "?", asked, done, found)
    assert told["base"] == "by group" and told["arms"][1]["gain"][FOLDS]["value"] == gain.value
    assert len(png(found.picture.draw, DARK, (5.2, found.picture.height))) > 9000


def test_what_does_not_differ_is_not_said_to(tree):
    asked, rng = asked_of(tree, "sample_movielens", seeds=(1, 2), folds=4), np.random.default_rng(4)
    names, *_ = people_of(rng)
    written(asked, names, ["train"] * len(names))
    found = [worth(asked, *people_of(rng, known=1.0))[1] for _ in range(10)]
    assert all(not each.figures["flattery"].excludes_zero for each in found)
    assert "not told from luck" in found[0].says[0]


def test_a_split_that_divides_groups_is_to_keep_them_whole(tree):
    asked, rng = asked_of(tree, "sample_biwi", seeds=(1, 2), folds=4), np.random.default_rng(5)
    object.__setattr__(asked, "kind", "rating")  # whose scores are made up here
    asked.sections["split"] = {"by": "random", "valid": 0.1, "test": 0.3, "seed": 7, "calib": 0.1}
    asked.sections["split"]["leaks"] = {"group": None, "near": 0.5, "pair": 0.01}
    names, whole, rows = people_of(rng)
    written(asked, names, rng.permutation(["train", "test"] * (len(names) // 2)))
    _, found = worth(asked, names, whole, rows)
    assert "divides 30 groups" in found.says[-1]
    split = with_changes(found.adopt).problems["sample_biwi"].split
    assert (split.by, split.valid, split.test, split.seed) == ("group", 0.1, 0.3, 7)
    assert (split.calib, split.leaks.near, split.leaks.group) == (0.1, 0.5, 0)  # what stays


def test_both_splits_are_judged_by_the_items_that_both_judge(tree):
    asked, rng = asked_of(tree, "sample_movielens", seeds=(1, 2), folds=4), np.random.default_rng(6)
    names, whole, rows = people_of(rng)
    written(asked, names, ["train"] * len(names))
    done, _ = worth(asked, names, whole, rows)
    kept = np.arange(len(names)) >= 40  # two people are duplicates, so moved to train
    of_group = np.unique(names, return_inverse=True)[1] % 4
    moved = folds_of(of_group[kept], whole[:, kept], names[kept], split_worth.GROUP)
    for seed in moved.runs:
        for run in seed:
            part = run.parts["test"]
            run.parts["test"] = rated(
                ids_of(len(names))[kept][np.searchsorted(ids_of(kept.sum()), part.ids)],
                part.scores[:, 0] - 3,
                part.groups,
            )
    found = split_worth.read(asked, {**done, split_worth.GROUP: moved})
    assert found.judges[FOLDS].n == len(names) - 40 and found.figures["groups"] == 28
    alone = np.sqrt((whole[:, kept] ** 2).mean(axis=1)).mean()
    assert found.figures["by group"].value == pytest.approx(alone)


# ---- trained ----


def test_folds_that_are_trained_judge_every_item_once(tree):
    asked = asked_of(tree, "sample_movielens", seeds=(42,), folds=2)
    asked.sections["train"]["unfrozen"] |= {"epochs": 1, "lr": 0.01}
    rng, n = np.random.default_rng(7), 400
    x = [[f"u{user}", f"i{item}"] for user, item in rng.integers(1, 12, (n, 2))]
    items = pd.DataFrame({"id": ids_of(n), "x": x, "y": rng.integers(1, 6, n).astype(float)})
    items["group"], items["time"] = [None] * n, np.nan
    asked.paths.data().mkdir(parents=True)
    table = pa.Table.from_pandas(items).replace_schema_metadata({"target": "rating"})
    pq.write_table(table, asked.paths.data("items.parquet"))
    parts = ["train"] * 300 + ["valid"] * 50 + ["test"] * 50
    items[["id"]].assign(split=parts).to_parquet(asked.paths.data("split.parquet"))
    asked.sections["split"]["leaks"]["pair"] = None
    done = {}
    for arm in kfold.arms(asked, done):
        jobs = training.jobs(asked.paths, arm, asked.sections, 42, 1)
        done[arm.name] = Outcome(arm, [[Run.read(training.run(job)) for job in jobs]])
    found = kfold.read(asked, done)
    assert found.judges[FOLDS].n == n and len(done[FOLDS].runs[0]) == 2
    assert found.figures["learns from"] == 180 and found.figures["as asked, learns from"] == 300
    assert folding.apart(found.figures["pooled"], found.figures["pooled"]).value == 0
