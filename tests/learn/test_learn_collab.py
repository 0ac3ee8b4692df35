"""Recommenders: formulae by hand, what is kept is what was trained, and rows for the unseen."""

import runpy

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from onecycle.blocks.pair import Pairs
from onecycle.blocks.rating import Rating
from onecycle.learn import collab, device, saved
from onecycle.learn.collab import DotProduct, Embedding, Implicit, Neural
from onecycle.learn.datasets import Blocks, Datasets
from onecycle.learn.groups import param_groups
from onecycle.learn.incidence import Incidence
from onecycle.learn.learner import Cycle, Learner
from onecycle.learn.recipe import CollabLearner
from onecycle.params import read_yaml

ARCHS = ["dot", "dot_bias", "implicit", "neural"]


def recipe(arch="implicit", **more) -> CollabLearner:
    return CollabLearner(**{"arch": arch, "factors": 3, "batch_size": 16, **more})


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """The model with weights that are far from their start."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter[:] = torch.randn(parameter.shape, generator=generator)
    return model


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 20), st.integers(1, 8), st.data())
def test_a_lookup_is_the_product_with_one_hot_rows(rows, width, data):
    layer = Embedding(rows, width)
    at = torch.tensor(data.draw(st.lists(st.integers(0, rows - 1), max_size=9)), dtype=torch.long)
    one_hot = torch.nn.functional.one_hot(at, rows).float()
    assert torch.equal(layer(at), one_hot @ layer.weight)
    assert layer.weight.abs().max() <= 2 * collab.INIT_STD


def test_products_with_the_incidence_by_hand():
    # Users 1 and 2 of three rows, items likewise; user 1 rated both, user 2 the second.
    incidence = Incidence(torch.tensor([[1, 2], [2, 2], [1, 1]]), 3, 3)
    table = torch.tensor([[100.0, 100], [1, 2], [3, 5]], requires_grad=True)
    r = 0.5**0.5
    of_users = incidence.of_users(table)
    assert torch.allclose(of_users, torch.tensor([[0, 0], [4 * r, 7 * r], [3.0, 5]]))
    of_items = incidence.of_items(table)
    assert torch.allclose(of_items, torch.tensor([[0, 0], [1.0, 2], [4 * r, 7 * r]]))
    (gradient,) = torch.autograd.grad(of_users[:, 0].sum() + 10 * of_items[:, 1].sum(), table)
    assert torch.allclose(gradient, torch.tensor([[0, 0], [r, 10 + 10 * r], [r + 1, 10 * r]]))


@settings(deadline=None, max_examples=40)
@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 4)), min_size=1), st.integers(0, 99))
def test_products_and_gradients_are_the_dense_matrix_s(pairs, seed):
    pairs = torch.tensor(sorted(pairs))
    dense = torch.zeros(6, 5, dtype=torch.float64)
    dense[pairs[:, 0], pairs[:, 1]] = 1
    scale = dense.sum(1, keepdim=True).clamp(min=1).rsqrt()
    generator = torch.Generator().manual_seed(seed)
    table = torch.randn(5, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    found, expected = Incidence(pairs, 6, 5).of_users(table), scale * (dense @ table)
    assert torch.allclose(found, expected, atol=1e-6)  # the scale is float32
    weights = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    (a,) = torch.autograd.grad((found * weights).sum(), table)
    (b,) = torch.autograd.grad((expected * weights).sum(), table)
    assert torch.allclose(a, b, atol=1e-6)


PAIRS = torch.tensor([[1, 1], [1, 2], [2, 2], [3, 4], [2, 1]])
RATINGS = torch.tensor([[1.0], [4], [5], [3], [2]])


def test_the_implicit_model_is_its_formula():
    model = shaken(Implicit(3, 4, recipe(), PAIRS, RATINGS))
    n = torch.zeros(4, 5)
    n[PAIRS[:, 0], PAIRS[:, 1]] = 1
    by_user = n / n.sum(1, keepdim=True).clamp(min=1) ** 0.5
    by_item = n.T / n.T.sum(1, keepdim=True).clamp(min=1) ** 0.5
    u = model.user.weight + by_user @ model.rated.weight
    v = model.item.weight + by_item @ model.raters.weight
    score = u @ v.T + model.user_bias.weight + model.item_bias.weight.T
    expected = 5.5 * torch.sigmoid(score + np.log(3 / 2.5))
    assert torch.allclose(model(PAIRS)[:, 0], expected[PAIRS[:, 0], PAIRS[:, 1]], atol=1e-5)


@pytest.mark.parametrize("y_range", [[0.0, 5.5], None])
def test_what_is_kept_of_it_predicts_the_same_without_the_incidence(y_range):
    model = shaken(Implicit(3, 4, recipe(y_range=y_range), PAIRS, RATINGS)).eval()
    every = torch.cartesian_prod(torch.arange(1, 4), torch.arange(1, 5))
    kept = model.baked()
    assert type(kept) is DotProduct and not kept.training
    assert torch.allclose(kept(every), model(every), atol=1e-5)


@pytest.mark.parametrize(("ratings", "finite"), [([5.5, 5.5], True), ([0.0, 0.0], True)])
def test_scores_start_at_the_mean_rating_and_stay_finite(ratings, finite):
    assert torch.isfinite(collab.mean_score(torch.tensor(ratings), [0.0, 5.5])) == finite
    start = collab.mean_score(torch.tensor([2.0, 4.0]), [0.0, 5.5])
    assert torch.allclose(torch.sigmoid(start) * 5.5, torch.tensor(3.0))
    assert collab.mean_score(torch.tensor([2.0, 4.0]), None) == 3


@pytest.mark.parametrize("arch", ARCHS)
def test_an_unseen_user_is_the_average_one(arch):
    model = shaken(collab.model(3, 4, recipe(arch), PAIRS, RATINGS)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    kept = model.baked()
    assert torch.equal(kept.user.weight[0], kept.user.weight[1:].mean(0))
    assert torch.equal(kept.item.weight[0], kept.item.weight[1:].mean(0))
    if isinstance(kept, DotProduct):  # the score of all users' mean, item by item
        users = torch.cartesian_prod(torch.arange(1, 4), torch.tensor([2]))
        known = torch.logit(kept(users) / 5.5).mean()
        assert torch.allclose(torch.logit(kept(torch.tensor([[0, 2]])) / 5.5), known, atol=1e-4)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    again = kept.baked().state_dict()
    assert all(torch.equal(again[name], value) for name, value in kept.state_dict().items())


def test_the_neural_model_is_fastai_s():
    model = Neural(943, 1634, recipe("neural", factors=None))
    assert (model.user.embedding_dim, model.item.embedding_dim) == (74, 101)
    widths = [each.weight.shape for each in model.dense if isinstance(each, torch.nn.Linear)]
    assert widths == [(100, 175), (50, 100), (1, 50)]
    out = shaken(model)(torch.tensor([[0, 0], [943, 1634]]))
    assert out.shape == (2, 1) and ((out > 0) & (out < 5.5)).all()
    dropped = Neural(3, 4, recipe("neural", dropout=0.5)).dense
    assert sum(isinstance(each, torch.nn.Dropout) for each in dropped) == 2


def test_batch_norm_is_not_given_one_rating():
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        recipe("neural", batch_size=1)


def test_each_embedding_has_its_weight_decay():
    learner = recipe(wd=0.8, bias_wd=0.02, implicit_wd=4.0)
    model = Implicit(3, 4, learner, PAIRS, RATINGS)
    decays = {
        id(parameter): group["weight_decay"]
        for group in param_groups(model.layer_groups(), learner.wd)
        for parameter in group["params"]
    }
    found = {name: decays[id(parameter)] for name, parameter in model.named_parameters()}
    assert found == {
        "user.weight": 0.8,
        "item.weight": 0.8,
        "user_bias.weight": 0.02,
        "item_bias.weight": 0.02,
        "rated.weight": 4.0,
        "raters.weight": 4.0,
    }


def problem(learner: CollabLearner):
    """Ratings of 30 users and 12 items that a taste and two biases decide."""
    rng = np.random.default_rng(0)
    user, item = rng.normal(size=(30, 2)), rng.normal(size=(12, 2))
    y = 3 + user @ [0.4, 0] + (item @ [0, 0.5])[:, None] + (item @ user.T) / 3
    pairs = [(u, i) for u in range(30) for i in range(12) if rng.random() < 0.7]
    frame = pd.DataFrame(
        {
            "id": [f"{u}/{i}" for u, i in pairs],
            "x": [[f"{u:02}", f"{i:02}"] for u, i in pairs],
            "y": [float(np.clip(y[i, u], 0.5, 5)) for u, i in pairs],
        }
    )
    blocks = Blocks(Pairs.from_items(frame["x"]), Rating())
    train = blocks.encode(frame)
    data = Datasets(blocks, {"train": train, "valid": train})
    model = saved.build(blocks, learner, None, train)
    return Learner(model, data, learner, device.choose("fp32")), train


@pytest.mark.parametrize("arch", ARCHS)
def test_it_learns_and_a_saved_model_predicts_the_same(arch, tmp_path):
    learner = recipe(arch, wd=0.01, implicit_wd=0.1)
    each, train = problem(learner)
    history = each.fit(Cycle("unfrozen", 20, [0.03]))
    assert history[-1]["valid_loss"] < 0.5 * train.y.var()
    saved.save(each, tmp_path, {})
    first = (tmp_path / "model.safetensors").read_bytes()
    again = saved.load(tmp_path, tmp_path)
    scores = again.predict(again.data.blocks.encode(train.items))
    assert np.allclose(scores, each.predict(train), atol=1e-5)
    saved.save(again, tmp_path, {})
    assert (tmp_path / "model.safetensors").read_bytes() == first


@pytest.mark.parametrize("arch", ["dot_bias", "implicit"])
def test_a_new_user_s_ratings_are_near_the_items_means(arch):
    each, train = problem(recipe(arch, wd=0.01, implicit_wd=0.1))
    each.fit(Cycle("unfrozen", 20, [0.03]))
    items = torch.arange(1, 13)
    means = torch.stack([train.y[train.x[:, 1] == item].mean() for item in items])
    new = torch.stack([torch.zeros_like(items), items], dim=1)
    with torch.inference_mode():
        found = each.model.eval().baked()(new)[:, 0]
    assert (found - means).abs().max() < 0.35 < means.max() - means.min()


def test_the_patch_is_the_recipe_that_was_measured(root):
    measured = runpy.run_path(str(root / "benchmarks" / "movielens.py"))["IMPLICIT"]
    patch = read_yaml(root / "patches" / "implicit.yaml")["problems"]["movielens"]
    assert CollabLearner(**patch["learner"]) == measured
    assert patch["train"]["unfrozen"] == {"epochs": 20, "lr": 5e-3}


@pytest.mark.real
@pytest.mark.parametrize(("recipe", "at_most"), [("BOOK", 0.815), ("IMPLICIT", 0.775)])
def test_movielens_by_the_book_and_by_the_better_recipe(mirror, root, recipe, at_most):
    script = runpy.run_path(str(root / "benchmarks" / "movielens.py"))
    epochs = {"BOOK": 5, "IMPLICIT": 20}[recipe]
    split = script["random_fifth"](mirror / "ml-100k.zip", 42)
    assert script["fit"](split, script[recipe], epochs, 5e-3) <= at_most


def test_training_watches_the_model_that_is_kept():
    """Also for users that train does not have, whose row training never reaches."""
    _, train = problem(recipe("dot_bias", wd=0.01))
    new = train.items[train.items["x"].str[0] < "05"].reset_index(drop=True)
    known = train.items[train.items["x"].str[0] >= "05"].reset_index(drop=True)
    blocks = Blocks(Pairs.from_items(known["x"]), Rating())
    data = Datasets(blocks, {"train": blocks.encode(known), "valid": blocks.encode(new)})
    params = recipe("dot_bias", wd=0.01)
    learner = Learner(saved.build(blocks, params), data, params, device.choose("fp32"))
    history = learner.fit(Cycle("unfrozen", 10, [0.03]))
    scores = learner.model.baked()(data.valid.x).detach().numpy()
    error = float(((scores - data.valid.y.numpy()) ** 2).mean())
    assert history[-1]["valid_loss"] == pytest.approx(error, rel=1e-5)


def test_baking_draws_nothing():
    each, _ = problem(recipe("implicit"))
    before = torch.get_rng_state()
    each.model.baked()
    assert torch.equal(before, torch.get_rng_state())
