"""Every entry of TARGETS keeps the protocol; each is held against torch or scikit-learn."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, root_mean_squared_error

from onecycle.blocks.targets import TARGETS, from_items, from_state
from onecycle.errors import UserError

SIZE = np.array([[640.0, 480.0]] * 4)
Y = {  # as the items table gives them
    "category": ["cat", "dog", "ant", "dog"],
    "multicategory": [np.array(["cat", "dog"]), np.array([]), np.array(["ant"]), np.array(["dog"])],
    "points": [np.array(point) for point in ([0.0, 0.0], [640.0, 480.0], [320.0, 240.0], [1, 2.0])],
    "rating": [1.0, 5.0, 3.5, 4.0],
}


def block(kind: str):
    return from_items(kind, pd.Series(Y[kind]))


def test_every_target_is_tested_here():
    assert set(Y) == set(TARGETS)


@pytest.mark.parametrize("kind", TARGETS)
def test_a_state_survives_json_and_makes_an_equal_block(kind):
    before = block(kind)
    state = json.loads(json.dumps(before.state()))
    after = from_state(state)
    assert after == before and type(after) is type(before)
    assert after.state() == state and state["kind"] == kind
    assert after.outputs == before.outputs >= 1
    assert torch.equal(after.encode(Y[kind], SIZE), before.encode(Y[kind], SIZE))


@pytest.mark.parametrize("kind", TARGETS)
def test_a_loss_is_a_scalar_that_teaches_every_output(kind):
    target = block(kind)
    y = target.encode(Y[kind], SIZE)
    scores = torch.randn(4, target.outputs, generator=torch.manual_seed(0), requires_grad=True)
    loss = target.loss(scores, y)
    loss.backward()
    assert loss.shape == () and loss.dtype == torch.float32 and loss > 0
    assert scores.grad.abs().sum(0).min() > 0
    better = target.loss(scores.detach() - 0.1 * scores.grad, y)
    assert better < loss


@pytest.mark.parametrize("kind", TARGETS)
def test_a_metric_knows_the_best_scores(kind):
    target = block(kind)
    y = target.encode(Y[kind], SIZE)
    hot = torch.nn.functional.one_hot(y).float() if kind == "category" else y
    best = {"accuracy": 1.0, "map": 1.0, "mse": 0.0, "rmse": 0.0}[target.metric_name]
    assert target.metric(hot.numpy(), y.numpy()) == best
    assert target.metric(-hot.numpy() - 1, y.numpy()) != best
    assert isinstance(target.metric(hot.numpy(), y.numpy()), float)


def test_only_points_move_with_the_picture():
    assert [kind for kind in TARGETS if block(kind).moves_with_picture] == ["points"]


def test_labels_become_places_in_the_sorted_vocabulary():
    assert block("category").vocab == block("multicategory").vocab == ["ant", "cat", "dog"]
    assert block("category").encode(Y["category"]).tolist() == [1, 2, 0, 2]
    hot = block("multicategory").encode(Y["multicategory"])
    assert hot.tolist() == [[0, 1, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(("kind", "y"), [("category", "emu"), ("multicategory", ["emu", "ant"])])
def test_a_label_that_train_lacks_is_named(kind, y):
    with pytest.raises(UserError, match=r"\['emu'\] occur in valid or test, but .* stratified"):
        block(kind).encode([y])


SCORES = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


@settings(deadline=None, max_examples=40)
@given(SCORES, st.integers(1, 20))
def test_category_agrees_with_torch_and_scikit_learn(rng, n):
    target = block("category")
    scores, y = rng.normal(size=(n, 3)).astype(np.float32), rng.integers(0, 3, n)
    chosen = scores[np.arange(n), y]
    by_hand = np.mean(np.log(np.exp(scores.astype(float)).sum(1)) - chosen)
    loss = target.loss(torch.from_numpy(scores), torch.from_numpy(y))
    assert float(loss) == pytest.approx(by_hand, abs=1e-5)
    assert target.metric(scores, y) == pytest.approx(accuracy_score(y, scores.argmax(1)))


@settings(deadline=None, max_examples=40)
@given(SCORES, st.integers(1, 20))
def test_multicategory_agrees_with_torch_and_scikit_learn(rng, n):
    target = block("multicategory")
    scores = rng.normal(size=(n, 3)).astype(np.float32)
    y = (rng.random((n, 3)) < 0.3).astype(np.float32)
    y[0, 0] = 1
    p = 1 / (1 + np.exp(-scores.astype(float)))
    by_hand = -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))
    loss = target.loss(torch.from_numpy(scores), torch.from_numpy(y))
    assert float(loss) == pytest.approx(by_hand, abs=1e-5)
    each = [average_precision_score(y[:, k], scores[:, k]) for k in range(3) if y[:, k].any()]
    assert target.metric(scores, y) == pytest.approx(np.mean(each))


@settings(deadline=None, max_examples=40)
@given(SCORES, st.integers(1, 20), st.sampled_from(["points", "rating"]))
def test_numbers_agree_with_scikit_learn(rng, n, kind):
    target = block(kind)
    scores, y = rng.normal(size=(2, n, target.outputs)).astype(np.float32)
    rmse = root_mean_squared_error(y.ravel(), scores.ravel())
    loss = target.loss(torch.from_numpy(scores), torch.from_numpy(y))
    assert float(loss) == pytest.approx(rmse**2, rel=1e-5)
    assert target.metric(scores, y) == pytest.approx(rmse ** (2 if kind == "points" else 1), 1e-5)


def test_a_loss_is_taken_in_float32_whatever_the_model_computes_in():
    target = block("category")
    scores = torch.tensor([[10.0, 0.0, 0.0]])
    half = target.loss(scores.half(), torch.tensor([0]))
    assert half.dtype == torch.float32 and float(half) == float(
        target.loss(scores, torch.tensor([0]))
    )


def test_without_any_label_average_precision_is_refused_in_words():
    with pytest.raises(UserError, match="valid: no item has a label"):
        block("multicategory").metric(np.zeros((2, 3)), np.zeros((2, 3)))


def test_points_are_scaled_by_the_published_size_from_edge_to_edge():
    y = block("points").encode(Y["points"][:3], SIZE[:3])
    assert y.dtype == torch.float32 and y.tolist() == [[-1, -1], [1, 1], [0, 0]]
    sizes = np.array([[100.0, 50.0], [10.0, 400.0]])
    assert block("points").encode([[25, 25], [5, 100]], sizes).tolist() == [[-0.5, 0], [0, -0.5]]


def test_points_without_sizes_are_a_mistake_of_the_code():
    with pytest.raises(TypeError, match="need size_px"):
        block("points").encode(Y["points"], None)


def test_ratings_are_a_column():
    y = block("rating").encode(pd.Series(Y["rating"]))
    assert y.dtype == torch.float32 and y.tolist() == [[1.0], [5.0], [3.5], [4.0]]
