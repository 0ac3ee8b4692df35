"""The learner: same bytes for a seed, freezing that freezes, tests without side effects."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import RECIPE, Tiny, made
from torch.nn import functional as F

from onecycle.errors import UserError
from onecycle.learn import device
from onecycle.learn.collab import DotProduct
from onecycle.learn.groups import freeze, param_groups
from onecycle.learn.learner import Learner
from onecycle.learn.lr_finder import RangeTest
from onecycle.learn.optimiser import AdamW
from onecycle.learn.recipe import CollabLearner
from onecycle.learn.schedules import Cycle
from onecycle.learn.seeding import built
from onecycle.learn.step import Stepper, pieces


def weights(each: Learner) -> dict[str, torch.Tensor]:
    return copy.deepcopy(each.model.state_dict())


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def fitted(store, **changes):
    each = made(store, RECIPE.model_copy(update=changes))
    history = each.fit(Cycle("unfrozen", 2, [1e-2, 1e-2]))
    return each, history


def test_it_learns(store):
    each = made(store)
    history = each.fit(Cycle("unfrozen", 6, [1e-2, 1e-2]))
    assert [row["epoch"] for row in history] == list(range(6))
    assert history[-1]["metric"] == 1.0 and history[-1]["valid_loss"] < history[0]["valid_loss"]
    assert history[-1]["lr"] < history[0]["lr"] * 0.1


def test_a_seed_gives_the_same_bytes_and_another_gives_others(store):
    first = fitted(store)
    torch.manual_seed(99)  # what others have drawn decides nothing
    second, third = fitted(store), fitted(store, seed=1)
    assert same(weights(first[0]), weights(second[0])) and first[1] == second[1]
    assert not same(weights(first[0]), weights(third[0]))


def test_the_world_s_random_state_is_left_alone(store):
    torch.manual_seed(3)
    np.random.seed(3)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    fitted(store)
    each = made(store)
    each.lr_find(RangeTest(steps=30))
    assert torch.equal(before[0], torch.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])


def everything(each: Learner) -> list[object]:
    """All that a later step depends on, bit for bit."""
    tensors = {name: value.clone() for name, value in each.model.state_dict().items()}
    flags = [(p.requires_grad, p.grad) for p in each.model.parameters()]
    modes = [module.training for module in each.model.modules()]
    batch = next(iter(each.loader(each.data.train).epoch(each.epoch)))
    world = torch.get_rng_state(), np.random.get_state()[1].tolist()
    return [tensors, flags, modes, batch, world, each.epoch, each.frozen, each.stepper.micro]


def equal(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


@pytest.mark.parametrize("look", [lambda it: it.lr_find(RangeTest(steps=40)), Learner.check])
@pytest.mark.parametrize("frozen", [0, 1])
def test_a_range_test_and_a_batch_check_leave_no_trace(store, look, frozen):
    each = made(store)
    each.fit_one_cycle(1, 1e-2)
    each.freeze_to(frozen)
    before = everything(each)
    look(each)
    assert equal(before, everything(each))


def test_what_is_trained_after_a_range_test_is_what_would_have_been(store):
    each = made(store)
    assert len(each.lr_find(RangeTest(steps=40)).rates) > 20
    history = each.fit(Cycle("unfrozen", 2, [1e-2, 1e-2]))
    assert history == fitted(store)[1]


def test_frozen_trains_the_head_and_norms_only(store):
    each = made(store)
    each.freeze()
    before = weights(each)
    each.fit(Cycle("frozen", 1, [1e-2, 1e-2]))
    changed = {
        name for name, value in weights(each).items() if not torch.equal(before[name], value)
    }
    assert "body.0.weight" not in changed and "body.0.bias" not in changed
    assert {"body.1.weight", "body.1.running_mean", "head.4.weight"} <= changed


def test_norms_of_a_frozen_body_stay_if_told(store):
    each = made(store, RECIPE.model_copy(update={"train_norm": False}))
    each.freeze()
    before = weights(each)
    each.fit(Cycle("frozen", 1, [1e-2, 1e-2]))
    after = weights(each)
    assert all(torch.equal(before[n], after[n]) for n in before if n.startswith("body."))
    assert not torch.equal(before["head.4.weight"], after["head.4.weight"])


def test_weight_decay_spares_norms_and_biases():
    groups = param_groups(Tiny().layer_groups(), 0.3)
    found = {(g["layer_group"], g["weight_decay"]): len(g["params"]) for g in groups}
    assert len(groups) == 4
    assert found == {(0, 0.3): 1, (0, 0.0): 3, (1, 0.3): 1, (1, 0.0): 3}


def test_an_embedding_s_bias_does_decay():
    model = DotProduct(3, 4, CollabLearner(arch="dot_bias"))
    (group,) = param_groups(model.layer_groups(), 0.1)
    assert len(group["params"]) == 4 and group["weight_decay"] == 0.1


def test_each_group_gets_its_rate():
    model = Tiny()
    optimiser = AdamW(param_groups(model.layer_groups(), 0.1))
    optimiser.set_rates([1e-4, 1e-2], 0.9)
    assert [group["lr"] for group in optimiser.param_groups] == [1e-4, 1e-4, 1e-2, 1e-2]
    assert all(group["momentum"] == 0.9 for group in optimiser.param_groups)


def test_freezing_leaves_norms_their_gradients():
    model = Tiny()
    freeze(model.body, train_norm=True)
    assert [p.requires_grad for p in model.body.parameters()] == [False, False, True, True]


def test_a_loss_that_is_not_finite_names_the_rate_to_lower(store):
    each = made(store)
    with pytest.raises(UserError, match=r"lower train.unfrozen.lr \(highest now 1.00e\+30\)"):
        each.fit(Cycle("unfrozen", 3, [1e30, 1e30]))


def test_prediction_keeps_the_order_and_needs_no_batch_to_be_whole(store):
    each = made(store)
    scores = each.predict(each.data.train)
    each.model.eval()
    x, _ = each.data.train.batch(torch.tensor([25]))
    with torch.inference_mode():
        assert np.allclose(each.model(x).numpy(), scores[25:26], atol=1e-5)
    assert scores.shape == (28, 2)


def test_the_dot_product_is_its_formula():
    model = DotProduct(3, 4, CollabLearner(arch="dot_bias", factors=5))
    pairs = torch.tensor([[1, 2], [0, 4]])
    u, v = model.user.weight[pairs[:, 0]], model.item.weight[pairs[:, 1]]
    score = (u * v).sum(1) + model.user_bias.weight[[1, 0], 0] + model.item_bias.weight[[2, 4], 0]
    assert torch.allclose(model(pairs)[:, 0], torch.sigmoid(score) * 5.5)


def test_fine_tune_is_fast_ai_s(store, monkeypatch):
    each, cycles = made(store), []
    monkeypatch.setattr(each, "fit", lambda cycle: cycles.append((cycle, each.frozen)) or [])
    each.fine_tune(3, 1e-2, frozen_epochs=2)
    (head, frozen), (all_of_it, unfrozen) = cycles
    assert (head.name, head.epochs, frozen) == ("frozen", 2, 1)
    assert head.rates == pytest.approx([1e-3, 1e-2]) and head.schedule.pct_start == 0.99
    assert (all_of_it.name, all_of_it.epochs, unfrozen) == ("unfrozen", 3, 0)
    assert all_of_it.rates == pytest.approx([5e-5, 5e-3])
    assert (all_of_it.schedule.pct_start, all_of_it.schedule.div) == (0.3, 5)


@pytest.mark.parametrize(("group", "frozen"), [(0, 0), (1, 1), (-1, 1), (-2, 0)])
def test_any_layer_group_can_be_frozen_to(store, group, frozen):
    each = made(store)
    each.freeze_to(group)
    assert each.frozen == frozen
    assert each.model.body[0].weight.requires_grad == (frozen == 0)
    assert each.model.body[1].weight.requires_grad and each.model.head[4].weight.requires_grad


@pytest.mark.parametrize("group", [2, -3])
def test_no_other_group_can_be(store, group):
    with pytest.raises(ValueError, match="has 2 layer groups"):
        made(store).freeze_to(group)


def test_norms_and_biases_decay_if_asked():
    (group,) = param_groups([Tiny()], 0.3, spare=False)
    assert group["weight_decay"] == 0.3 and len(group["params"]) == 8


def test_a_module_may_have_a_decay_of_its_own():
    model = Tiny()
    model.head[4].weight_decay = 0.7
    decays = {id(p): g["weight_decay"] for g in param_groups([model], 0.3) for p in g["params"]}
    assert decays[id(model.head[4].weight)] == decays[id(model.head[4].bias)] == 0.7
    assert decays[id(model.body[0].weight)] == 0.3


def test_a_batch_in_pieces_has_the_gradient_of_the_whole(store):
    x, y = torch.randn(11, 8, dtype=torch.float64), torch.randint(2, (11,))
    compute, grads = device.choose("fp32"), []
    for micro in (11, 4, 2):
        model = torch.nn.Linear(8, 2, dtype=torch.float64)
        torch.nn.init.constant_(model.weight, 0.1)
        torch.nn.init.zeros_(model.bias)
        recipe = RECIPE.model_copy(update={"batch_size": 11, "micro_batch": micro})
        stepper = Stepper(F.cross_entropy, recipe, compute)
        optimiser = AdamW(param_groups([model], 0.0))
        optimiser.set_rates([0.0], 0.9)
        loss = stepper.step(model, optimiser, x, y)
        grads.append(torch.cat([model.weight.grad.flatten(), model.bias.grad, loss[None]]))
    assert torch.allclose(grads[0], grads[1]) and torch.allclose(grads[0], grads[2])


@given(st.integers(2, 40), st.integers(2, 40))
def test_pieces_hold_the_batch_in_order_and_none_is_a_single_one(n, size):
    batch = torch.arange(n)
    cut = pieces(batch, size)
    assert torch.equal(torch.cat(cut), batch) and min(map(len, cut)) >= 2
    assert max(map(len, cut)) <= size + 1


class Greedy(Tiny):
    """Has memory for so many items, of whichever error the device raises."""

    room, error = 3, torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and len(x) > self.room:
            raise self.error
        return super().forward(x)


@pytest.mark.parametrize(
    "error",
    [Greedy.error, RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")],
)
def test_when_memory_runs_out_the_batch_is_taken_in_pieces(store, error, capsys, tmp_path):
    model = built(1, Greedy)
    model.error = error
    each = made(store, model=model)
    history = each.fit_one_cycle(6, 1e-2)
    assert each.stepper.micro == 2 and history[-1]["metric"] == 1.0
    assert "2 items at once from here, the batch stays 8" in capsys.readouterr().out


def test_memory_for_nothing_is_a_user_s_error_and_other_errors_are_not(store):
    model = built(1, Greedy)
    model.room = 0
    with pytest.raises(UserError, match=r"lower learner.size"):
        made(store, model=model).fit_one_cycle(1, 1e-2)
    model.error = RuntimeError("shapes differ")
    with pytest.raises(RuntimeError, match="shapes differ"):
        made(store, model=model).fit_one_cycle(1, 1e-2)


def test_the_batch_check_says_what_it_saw(store):
    inputs, targets, loss = made(store).check().splitlines()
    assert inputs.startswith("input float32 [8, 3, 32, 32], from -")
    assert targets == "target int64 [8], from 0 to 1"
    assert loss.startswith("loss 0.") and loss.endswith("0.6931 by chance")


def test_the_batch_check_refuses_what_is_not_finite(store):
    each = made(store)
    each.model.head[4].bias.data.fill_(torch.nan)
    with pytest.raises(UserError, match="scores that are not finite"):
        each.check()


def test_a_target_far_off_is_remarked(store):
    each = made(store)
    each.model.head[4].bias.data.copy_(torch.tensor([50.0, -50.0]))
    assert "far off" in each.check()


@pytest.mark.parametrize(
    ("norms", "frozen"), [(True, "frozen, but for its norms"), (False, "frozen")]
)
def test_the_table_of_rates_has_a_line_for_each_group_and_says_which_are_frozen(
    store, norms, frozen
):
    each = made(store, RECIPE.model_copy(update={"train_norm": norms}))
    assert each.rate_table([1e-4, 1e-3]) == "  body  1.00e-04\n  head  1.00e-03"
    each.freeze()
    assert each.rate_table([1e-4, 1e-3]).splitlines()[0] == f"  body  1.00e-04  {frozen}"
