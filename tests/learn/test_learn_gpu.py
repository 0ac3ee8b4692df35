"""What only a GPU can show: `python -m pytest -m gpu`.

`ONECYCLE_REHEARSE=1` tries on a CPU that the tests themselves run; some have nothing to show there.
"""

import gc
import os
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from onecycle import faults
from onecycle.errors import NotFiniteError
from onecycle.learn import check, device, saved
from onecycle.learn.assemble import make_learner
from onecycle.learn.checkpoint import Checkpoints
from onecycle.learn.datasets import Blocks, Datasets
from onecycle.learn.learner import Learner
from onecycle.learn.lr_finder import RangeTest
from onecycle.learn.optimiser import AdamW
from onecycle.learn.recipe import CollabLearner, VisionLearner
from onecycle.learn.schedules import Cycle
from onecycle.learn.step import Stepper
from onecycle.pixels.store import write_store
from tasks import train

CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        not CUDA and "ONECYCLE_REHEARSE" not in os.environ,
        reason="no CUDA device here, or no `-m gpu`",
    ),
]
waits_told = pytest.mark.filterwarnings("ignore:Synchronization debug mode")
needs_cuda = pytest.mark.skipif(not CUDA, reason="no CUDA device here, or no `-m gpu`")

N, VALID = 160, 32
SIDE = 64 if CUDA else 32
PICTURES = VisionLearner(arch="resnet18", weights=None, size=SIDE, batch_size=16, precision="fp32")
POINTS = PICTURES.model_copy(update={"fit": "squish", "y_range": [-1.0, 1.0]})
RATINGS = CollabLearner(arch="dot_bias", factors=8, batch_size=64)
STILL = PICTURES.model_copy(update={"train_norm": False, "augment": None})
# By name: the target, the recipe, the highest rate.
PROBLEMS = {
    "category": ("category", PICTURES, 1e-3),
    "still": ("category", STILL, 1e-3),
    "multicategory": ("multicategory", PICTURES, 1e-3),
    "points": ("points", POINTS, 5e-3),
    "heatmap": ("points", POINTS.model_copy(update={"head": "heatmap", "size": 2 * SIDE}), 5e-3),
    "dot_bias": ("rating", RATINGS, 5e-2),
    "implicit": ("rating", RATINGS.model_copy(update={"arch": "implicit"}), 5e-2),
    "neural": ("rating", RATINGS.model_copy(update={"arch": "neural"}), 5e-2),
}
# The most that is left of chance's loss; ratings hold noise.
LEFT = {name: 0.5 if target == "category" else 0.8 for name, (target, _, _) in PROBLEMS.items()}


@pytest.fixture(autouse=True)
def repeatable():
    """As every stage begins; nothing of it is left to other tests."""
    threads, cudnn = torch.get_num_threads(), torch.backends.cudnn.deterministic
    mode = torch.get_deterministic_debug_mode()
    device.use_threads(threads)
    yield
    torch.backends.cudnn.deterministic = cudnn
    torch.set_deterministic_debug_mode(mode)


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A store of pictures, and items by target: whether red, the colours, a disc's place."""
    generator, folder = np.random.default_rng(0), tmp_path_factory.mktemp("seen")
    files, items = [], {"category": [], "multicategory": [], "points": []}
    y, x = np.mgrid[:48, :48]
    for at in range(N + VALID):
        colours = generator.random(3) < 0.5
        place = generator.uniform(8, 40, 2)
        picture = generator.normal(60 + 80 * colours, 20, (48, 48, 3))
        picture[(x - place[0]) ** 2 + (y - place[1]) ** 2 < 36] = 255
        files.append((f"{at:03}", picture.clip(0, 255).astype(np.uint8)))
        items["category"].append("red" if colours[0] else "other")
        items["multicategory"].append([c for c, on in zip("rgb", colours, strict=True) if on])
        items["points"].append(place.tolist())
    write_store(folder / "pixels", files, None)
    ids = [name for name, _ in files]
    tables = {kind: pd.DataFrame({"id": ids, "x": ids, "y": y}) for kind, y in items.items()}
    user, item = (each.ravel() for each in np.mgrid[:60, :40])
    taste, kind = generator.normal(0, 1, (60, 2)), generator.normal(0, 1, (40, 2))
    rating = (3 + (taste[user] * kind[item]).sum(1)).round().clip(1, 5)
    rows = generator.permutation(len(rating))
    pairs = [[f"u{user[row]}", f"i{item[row]}"] for row in rows]
    tables["rating"] = pd.DataFrame({"id": rows.astype(str), "x": pairs, "y": rating[rows]})
    return folder / "pixels", tables


def learner(seen, name: str, **changes) -> Learner:
    """A new one, of one of the PROBLEMS."""
    (pixels, tables), (target, recipe, _) = seen, PROBLEMS[name]
    recipe = recipe.model_copy(update=changes)
    items = tables[target].assign(group=None)
    held = len(items) // 5 if target == "rating" else VALID
    cut = {"train": items[:-held], "valid": items[-held:].reset_index(drop=True)}
    view = recipe if isinstance(recipe, VisionLearner) else None
    blocks = Blocks.from_train(cut["train"], target, view, pixels)
    data = Datasets(blocks, {part: blocks.encode(rows) for part, rows in cut.items()})
    return make_learner(data, recipe)


def trained(
    seen, name: str, epochs: int = 3, kept: Checkpoints | None = None, rate: float = 0, **changes
) -> Learner:
    """What the stage train makes of a problem; it goes on from what is kept."""
    rate, frozen = rate or PROBLEMS[name][2], PROBLEMS[name][0] != "rating"
    phases = {"frozen": {"epochs": int(frozen), "lr": rate}}
    params = train.Params(**phases, unfrozen={"epochs": epochs, "lr": rate})
    each, _ = train.train(lambda: watched(learner(seen, name, **changes)), params, {}, kept)
    return each


def watched(each: Learner) -> Learner:
    each.watched = []
    return each


def broken_off(seen, name: str, folder: Path, monkeypatch, step: int, **changes) -> None:
    """A training that ends in a step, as if it had been killed there."""
    faults._passages.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "due", lambda _: faults._passages["stepped"] == step - 1)
        patch.setenv("ONECYCLE_FAULT", f"stepped#{step}=EIO")
        with pytest.raises(OSError, match=r"Input/output"):
            trained(seen, name, kept=Checkpoints(folder), **changes)


def result(each: Learner) -> dict[str, object]:
    """All that comes of a training, bit for bit."""
    state = each.model.state_dict().items()
    weights = {name: value.cpu().numpy().tobytes() for name, value in state}
    scores = [scores.tobytes() for scores in each.watched]
    return {"history": each.history, "weights": weights, "scores": scores, "steps": each.steps}


def differ(one: dict[str, object], other: dict[str, object]) -> list[str]:
    """In what two results differ, in words; nothing where they are the same."""
    found = [name for name in one if name != "weights" and one[name] != other[name]]
    mine, its = one["weights"], other["weights"]
    return found + [name for name in mine if mine[name] != its[name]][:3]


@contextmanager
def on_cpu():
    """Inside, there is no GPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        yield


def tell(record_property, **figures: float) -> None:
    """Keeps what was measured, for --junitxml."""
    for name, value in figures.items():
        record_property(name, f"{value:.4g}")


# ---- it learns there ----


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_kind_learns(seen, name, record_property):
    each = trained(seen, name, epochs=12)
    assert {it.device.type for it in each.model.state_dict().values()} == {DEVICE.type}
    losses = [row[key] for row in each.history for key in ("train_loss", "valid_loss")]
    assert np.isfinite(losses).all() and len(each.history) == 12 + (PROBLEMS[name][0] != "rating")
    chance = check.chance(each.data.train, each.data.valid)
    tell(record_property, **{f"{name}_of_chance": each.history[-1]["valid_loss"] / chance})
    assert each.history[-1]["valid_loss"] < LEFT[name] * chance


@needs_cuda
def test_the_device_is_told(seen):
    told = learner(seen, "category", precision="auto").made_with
    assert told["device"] == "cuda" and told["kind"] == torch.cuda.get_device_name()
    native = torch.cuda.get_device_capability() >= (8, 0)
    assert told["precision"] == ("bf16" if native else "fp16")


def test_a_range_test_leaves_no_trace(seen):
    for name in ("category", "implicit"):
        each = learner(seen, name)
        before = {key: value.clone() for key, value in each.model.state_dict().items()}
        draws = torch.cuda.get_rng_state() if CUDA else torch.get_rng_state()
        curve = each.lr_find(RangeTest(steps=40, start=1e-5, end=1))
        assert np.isfinite(curve.losses).all() and len(curve.losses) > 20
        assert all(torch.equal(before[key], it) for key, it in each.model.state_dict().items())
        after = torch.cuda.get_rng_state() if CUDA else torch.get_rng_state()
        assert torch.equal(draws, after)


# ---- stopped and gone on with ----


@pytest.mark.parametrize(
    ("name", "precision"),
    [*((name, "fp32") for name in PROBLEMS), ("category", "bf16"), ("category", "fp16")],
)
def test_a_training_broken_off_goes_on_to_the_same_bytes(
    seen, tmp_path, monkeypatch, name, precision
):
    whole = result(trained(seen, name, precision=precision))
    assert not differ(whole, result(trained(seen, name, precision=precision))), "never broken off"
    broken_off(seen, name, tmp_path, monkeypatch, 17, precision=precision)
    again = trained(seen, name, kept=Checkpoints(tmp_path), precision=precision)
    assert not again.others and not differ(whole, result(again)), "broken off"


@pytest.mark.parametrize("name", ["category", "multicategory", "implicit"])
def test_with_any_algorithms_it_goes_on_to_nearly_the_same(
    seen, tmp_path, monkeypatch, name, record_property
):
    device.repeatable(False)
    whole = trained(seen, name)
    broken_off(seen, name, tmp_path, monkeypatch, 17)
    again = trained(seen, name, kept=Checkpoints(tmp_path))
    mine, its = (each.history[-1]["valid_loss"] for each in (whole, again))
    far = abs(mine - its) / check.chance(whole.data.train, whole.data.valid)
    tell(record_property, **{f"{name}_loss_differs_by_of_chance": far})
    assert far < 0.05 and again.steps == whole.steps


def test_a_checkpoint_goes_on_on_the_other_device_and_back(seen, tmp_path, monkeypatch):
    whole = trained(seen, "category")
    broken_off(seen, "category", tmp_path, monkeypatch, 13)
    with on_cpu():
        broken_off(seen, "category", tmp_path, monkeypatch, 6)  # of this process
        kept = Checkpoints(tmp_path).newest().said
        assert kept["steps"] == 17
        assert [it["device"] for it in kept["others"]] == (["cuda"] if CUDA else [])
    again = trained(seen, "category", kept=Checkpoints(tmp_path))
    assert [it["device"] for it in again.others] == (["cuda", "cpu"] if CUDA else [])
    assert len(again.history) == len(whole.history) and again.steps == whole.steps
    assert again.history[-1]["valid_loss"] < 0.6  # of .69 by chance


def test_a_loss_that_is_not_finite_moves_nothing_and_is_told(seen):
    for precision in ("fp32", "fp16"):
        each, before, calls = learner(seen, "category", precision=precision), {}, []
        loss = each.stepper.loss

        def spoilt(scores, y, each=each, before=before, calls=calls, loss=loss):
            calls.append(len(y))
            if len(calls) == 6:
                before |= {key: it.detach().clone() for key, it in each.model.named_parameters()}
                return loss(scores, y) * torch.nan
            return loss(scores, y)

        each.stepper.loss = spoilt
        with pytest.raises(NotFiniteError, match="the loss of step 5 of epoch 0 is nan") as caught:
            each.fit_one_cycle(2, 1e-3)
        after = dict(each.model.named_parameters())
        assert all(torch.equal(before[key], it) for key, it in after.items())
        assert caught.value.before.said["not_finite"]["step"] == 5 and each.steps == 5


# ---- memory ----


class Wide(nn.Sequential):
    """Much to remember of each item, and no norms: its gradient is the same in any pieces."""

    def __init__(self) -> None:
        side = 96 if CUDA else 8
        super().__init__(
            *(nn.Conv2d(3, 32, 3, padding=1), nn.Softplus()),
            *(nn.Conv2d(32, 32, 3, padding=1), nn.Softplus()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 2)),
        )
        self.shape = (256, 3, side, side)


@contextmanager
def little_memory(model: nn.Module, peak: int, share: float, items: int):
    """Room for a share of a peak's bytes; on a CPU, for so many items."""
    if CUDA:
        torch.cuda.empty_cache()
        free = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(share * peak / free)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0)
            torch.cuda.empty_cache()
        return

    def full(_: nn.Module, given: tuple[torch.Tensor]) -> None:
        if len(given[0]) > items:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    hook = model.register_forward_pre_hook(full)
    yield
    hook.remove()


@contextmanager
def peak_of(found: dict[str, int]):
    """The most bytes that are held inside."""
    if CUDA:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    yield
    found["peak"] = torch.cuda.max_memory_allocated() if CUDA else 0


def test_where_memory_runs_out_pieces_give_the_gradient_of_the_whole(
    seen, monkeypatch, record_property
):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    torch.manual_seed(0)
    model = Wide().to(DEVICE)
    x, y = torch.randn(model.shape), torch.randint(2, (len(torch.empty(model.shape)),))
    found, grads = {}, []

    def gradient() -> int:
        recipe = PICTURES.model_copy(update={"batch_size": len(x)})
        stepper = Stepper(F.cross_entropy, recipe, device.choose("fp32"))
        optimiser = AdamW([{"params": [*model.parameters()], "weight_decay": 0, "layer_group": 0}])
        optimiser.set_rates([0.0], 0.9)
        stepper.step(model, optimiser, x, y)
        grads.append(torch.cat([each.grad.flatten() for each in model.parameters()]).clone())
        optimiser.zero_grad()
        return stepper.micro

    with peak_of(found):
        assert gradient() == len(x)
    with little_memory(model, found["peak"], 0.5, 70):
        micro = gradient()
    far = float((grads[0] - grads[1]).norm() / grads[0].norm())
    tell(record_property, pieces=micro, whole_mib=found["peak"] / 2**20, gradient_differs_by=far)
    assert 2 <= micro < len(x) and far < 1e-3


def test_where_memory_runs_out_it_still_learns(seen, capsys, record_property):
    wide = {"batch_size": 64, "size": 160 if CUDA else 32, "augment": None}
    found: dict[str, int] = {}
    with peak_of(found):
        whole = learner(seen, "category", **wide)
        whole.fit_one_cycle(6, 1e-3)
    rows, steps = whole.history, whole.steps
    del whole
    gc.collect()
    pieces = learner(seen, "category", **wide)
    with little_memory(pieces.model, found["peak"], 0.6, 40):
        pieces.fit_one_cycle(6, 1e-3)
    assert 2 <= pieces.stepper.micro < 64 and pieces.steps == steps
    assert "memory ran out" in capsys.readouterr().out
    # Of train: with norms of so few items in a piece, the loss of valid is as chance has it.
    ends = {"whole": rows[-1]["train_loss"], "in_pieces": pieces.history[-1]["train_loss"]}
    tell(record_property, **ends, micro=pieces.stepper.micro, mib=found["peak"] / 2**20)
    assert ends["in_pieces"] < 0.35  # of .69 by chance


@needs_cuda
@pytest.mark.parametrize("name", ["category", "still", "implicit"])
def test_no_epoch_leaves_more_memory_taken_than_the_third(seen, name, monkeypatch, record_property):
    each, held, peaks = learner(seen, name), [], []
    watch = each.watch

    def seen_by(task):
        gc.collect()
        held.append(torch.cuda.memory_allocated())
        peaks.append(torch.cuda.max_memory_allocated())
        torch.cuda.reset_peak_memory_stats()
        return watch(task)

    monkeypatch.setattr(each, "watch", seen_by)
    each.freeze()
    each.fit_one_cycle(10, 1e-3)
    tell(record_property, held_mib=held[-1] / 2**20, peak_mib=max(peaks) / 2**20)
    told = [
        f"{here / 2**20:.1f} {most / 2**20:.1f}" for here, most in zip(held, peaks, strict=True)
    ]
    assert max(held[3:]) <= held[2] + 4096, told
    assert max(peaks[6:]) <= 1.01 * max(peaks[2:6]), told


# ---- precision, waiting, the other device ----


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16", "auto"])
def test_every_precision_scores_alike(seen, precision, record_property):
    each = trained(seen, "category", epochs=10, precision=precision)
    named = device.fastest(DEVICE) if precision == "auto" else precision
    assert each.compute.precision == named
    assert each.stepper.scaler.is_enabled() == (named == "fp16")
    loss = each.history[-1]["valid_loss"]
    tell(record_property, **{f"{precision}_loss": loss})
    assert loss < 0.35 and each.history[-1]["metric"] > 0.85  # of .69 and about .5 by chance
    with each.compute.autocast():
        x, _ = each.data.valid.batch(torch.arange(4))
        made = each.model.train().body(x.to(DEVICE))
    assert made.dtype == each.compute.dtype


def test_float16_steps_over_what_is_too_large(seen):
    each = learner(seen, "category", precision="fp16")
    optimiser = each.optimiser()
    optimiser.set_rates([1e-3] * len(each.groups), 0.9)
    each.stepper.scaler = torch.amp.GradScaler(DEVICE.type, init_scale=2.0**40)
    batch = next(iter(each.loader(each.data.train)))
    weights = [it.detach().clone() for it in each.model.parameters()]

    def moved() -> bool:
        now = each.model.parameters()
        return not all(map(torch.equal, weights, now))

    each.stepper.step(each.model.train(), optimiser, *batch)
    assert not moved() and each.stepper.scaler.get_scale() == 2.0**39
    for _ in range(40):
        each.stepper.step(each.model, optimiser, *batch)
    assert moved() and all(it.isfinite().all() for it in each.model.parameters())
    assert each.stepper.scaler.get_scale() < 2.0**39


@needs_cuda
@waits_told
@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_step_does_not_wait_for_the_gpu(seen, name, precision):
    if precision != "fp32" and PROBLEMS[name][0] == "rating":
        pytest.skip("a recommender trains in float32")
    each = learner(seen, name, precision=precision)
    optimiser = each.optimiser()
    optimiser.set_rates([1e-3] * len(each.groups), 0.9)
    batch = next(iter(each.loader(each.data.train)))
    each.stepper.step(each.model.train(), optimiser, *batch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            each.stepper.step(each.model, optimiser, *batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_cuda
@waits_told
@pytest.mark.parametrize(("precision", "most"), [("fp32", 1), ("bf16", 1), ("fp16", 2)])
def test_training_waits_once_a_step(seen, precision, most, record_property):
    """For the loss of the step before, when the next batch is there."""
    waits = []
    for epochs in (2, 4):
        each = learner(seen, "category", precision=precision)
        torch.cuda.set_sync_debug_mode("warn")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            each.fit_one_cycle(epochs, 1e-3)
        torch.cuda.set_sync_debug_mode("default")
        waits.append(sum("synchronizing" in str(it.message) for it in said))
    steps = each.steps // 4
    batches = -(-VALID // each.at_once)  # of valid: each is sent there and its scores are fetched
    a_step = ((waits[1] - waits[0]) / 2 - 2 * batches) / steps
    tell(record_property, **{f"{precision}_waits_a_step": a_step})
    assert a_step <= most + 0.5  # and what an epoch's end takes


@pytest.mark.parametrize(
    ("name", "precision", "most"),
    [
        *((name, "fp32", 0.02) for name in PROBLEMS if name != "still"),
        ("category", "auto", 0.1),
        ("heatmap", "auto", 0.1),
    ],
)
def test_a_model_predicts_the_same_on_a_cpu(seen, tmp_path, name, precision, most, record_property):
    each = trained(seen, name, rate=1e-3, precision=precision)
    saved.save(each, tmp_path, {})
    mine = each.predict(each.data.valid)
    with on_cpu():
        other = saved.load(tmp_path, seen[0])
        assert other.compute.device.type == "cpu"
        its = other.predict(other.data.blocks.encode(each.data.valid.items))
    again = saved.load(tmp_path, seen[0])
    assert again.compute == each.compute
    same = again.predict(again.data.blocks.encode(each.data.valid.items))
    if PROBLEMS[name][0] in ("category", "multicategory"):
        mine, its, same = (1 / (1 + np.exp(-scores)) for scores in (mine, its, same))
    far = float(np.abs(mine - its).max())
    tell(record_property, **{f"{name}_{precision}_scores_differ_by": far})
    assert np.allclose(mine, same, atol=1e-6) and far < most


def test_recommenders_learn_by_autograd_there_what_the_formula_learns_here(seen):
    there = trained(seen, "dot_bias")
    with on_cpu():
        here = trained(seen, "dot_bias")
    for key in ("train_loss", "valid_loss"):
        mine, its = ([row[key] for row in each.history] for each in (there, here))
        assert mine == pytest.approx(its, rel=1e-2)


def test_fine_tuning_learns_from_features_that_are_kept(seen):
    each = learner(seen, "still", precision="auto")
    rows = each.fine_tune(5, 1e-2, frozen_epochs=2)
    assert rows[-1]["metric"] > 0.85
    assert each.fit(Cycle("unfrozen", 1, [1e-4] * len(each.groups)))[0]["metric"] > 0.85
