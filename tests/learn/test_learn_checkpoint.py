"""Checkpoints: whatever ends a training, it goes on to the same bytes, or says why it does not."""

import copy
import errno
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small import RECIPE, Tiny, made
from torch import nn

from onecycle import faults
from onecycle.learn import checkpoint, fit, resume
from onecycle.learn.checkpoint import Checkpoints, State
from onecycle.learn.datasets import Loader
from onecycle.learn.learner import Learner
from onecycle.learn.optimiser import AdamW
from onecycle.learn.schedules import Cycle
from onecycle.learn.seeding import built
from onecycle.learn.stopping import stoppable
from onecycle.learn.task import Task

FROZEN = Cycle("frozen", 2, [1e-2, 1e-2])
UNFROZEN = Cycle("unfrozen", 3, [1e-2, 1e-2])
AUGMENTED = RECIPE.model_copy(update={"batch_size": 8})
STILL = RECIPE.model_copy(update={"train_norm": False, "augment": None})


class Split(Tiny):
    """Whose frozen body is asked once for each picture."""

    def is_still(self, *, train_norm):
        return not train_norm

    def parted(self):
        return copy.deepcopy(self.body).eval(), self.head


@pytest.fixture
def each_step(monkeypatch):
    monkeypatch.setenv("ONECYCLE_CHECKPOINT_S", "0")


def learner(store, recipe, kept: Checkpoints | None = None) -> Learner:
    found = made(store, recipe, built(recipe.seed, Split))
    found.watched = []
    found.checkpoints = kept
    begun = kept and kept.newest()
    if begun:
        resume.go_on(found, begun)
    return found


def phases(each: Learner) -> None:
    """Both phases, but for what was done before."""
    done = len(each.told.get("phases", []))
    for at, (cycle, group) in enumerate(((FROZEN, 1), (UNFROZEN, 0))):
        each.freeze_to(group)
        if at < done - 1:
            continue
        if at >= done:
            each.told = {"phases": [*each.told.get("phases", []), cycle.name]}
        elif not each.begun:
            continue
        each.fit(cycle)


def broken_off(monkeypatch, place: str, each: Learner) -> None:
    """Trains until an error comes out of a place, as if the process had been killed there."""
    faults._passages.clear()
    monkeypatch.setenv("ONECYCLE_FAULT", f"{place}=EIO")
    with pytest.raises(OSError, match=r"Input/output"):
        phases(each)
    monkeypatch.delenv("ONECYCLE_FAULT")


def result(each: Learner) -> list[object]:
    """All that comes of a training, bit for bit."""
    state = {name: value.numpy().tobytes() for name, value in each.model.state_dict().items()}
    return [state, each.history, [scores.tobytes() for scores in each.watched], each.steps]


@pytest.fixture(scope="module")
def unbroken(store):
    found = {}
    for name, recipe in (("augmented", AUGMENTED), ("still", STILL)):
        each = learner(store, recipe)
        phases(each)
        found[name] = result(each)
    assert found["augmented"] != found["still"]
    return found


@pytest.mark.trial("stops", "a training broken off at any step", "goes on to the same bytes")
@pytest.mark.parametrize(("name", "recipe"), [("augmented", AUGMENTED), ("still", STILL)])
@pytest.mark.parametrize("step", [1, 2, 3, 4, 6, 7, 11, 15])
def test_a_training_broken_off_goes_on_to_the_same_bytes(
    store, unbroken, tmp_path, monkeypatch, each_step, name, recipe, step
):
    each = learner(store, recipe, Checkpoints(tmp_path))
    broken_off(monkeypatch, f"stepped#{step}", each)
    again = learner(store, recipe, Checkpoints(tmp_path))
    assert again.steps == step - 1  # nothing is kept of the step in which it broke off
    phases(again)
    assert result(again) == unbroken[name]


@pytest.mark.trial("stops", "a training broken off again and again", "goes on to the same bytes")
def test_a_training_broken_off_again_and_again_goes_on_to_the_same_bytes(
    store, unbroken, tmp_path, monkeypatch, each_step
):
    places = ["epoch ends#1", "checkpoint begins#2", "stepped#3", "epoch ends#2"]
    for place in places:
        broken_off(monkeypatch, place, learner(store, AUGMENTED, Checkpoints(tmp_path)))
    again = learner(store, AUGMENTED, Checkpoints(tmp_path))
    assert again.steps > 0
    phases(again)
    assert result(again) == unbroken["augmented"]


@given(st.integers(0, 6), st.integers(0, 3))
def test_an_epoch_gone_on_with_gives_the_batches_that_were_left(store, done, number):
    loader = Loader(made(store).data.train, 4, seed=7)
    first = loader.epoch(number)
    for _ in range(done):
        next(first)
    drawn = json.loads(json.dumps(first.drawn))
    rest, again = list(first), list(loader.epoch(number, done, drawn))
    assert len(rest) == len(loader) - done == len(again)
    for one, other in zip(rest, again, strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_moving_averages_come_back_to_where_their_parameters_lie():
    conv = nn.Conv2d(4, 8, 3).to(memory_format=torch.channels_last)
    groups = [{"params": list(conv.parameters()), "weight_decay": 0.1, "layer_group": 0}]

    def step(optimiser, seed):
        optimiser.set_rates([0.1], 0.9)
        for at, each in enumerate(conv.parameters()):
            draw = torch.Generator().manual_seed(seed + at)
            each.grad = torch.randn(each.shape, generator=draw)
        optimiser.step()

    first = AdamW(groups)
    step(first, 0)
    before = {name: each.detach().clone() for name, each in conv.state_dict().items()}
    state = {name: each.clone().contiguous() for name, each in first.state().items()}
    step(first, 9)
    expected = [each.detach().clone() for each in conv.parameters()]
    conv.load_state_dict(before)
    second = AdamW(groups)
    second.restore(state)
    step(second, 9)
    assert all(torch.equal(a, b) for a, b in zip(expected, conv.parameters(), strict=True))


def test_a_spoilt_step_moves_nothing():
    weight = nn.Parameter(torch.ones(3))
    optimiser = AdamW([{"params": [weight], "weight_decay": 0.1, "layer_group": 0}])
    optimiser.set_rates([0.1], 0.9)
    weight.grad = torch.full((3,), torch.nan)
    optimiser.step(torch.ones(()))
    assert torch.equal(weight.detach(), torch.ones(3))
    assert all(not each.any() for each in optimiser.state().values())
    weight.grad = torch.ones(3)
    optimiser.step(torch.zeros(()))
    assert not torch.equal(weight.detach(), torch.ones(3))


# ---- files ----


def state(value: float) -> State:
    return State({"a": torch.full((1000,), value)}, {"value": value})


def kept_of(folder: Path, *values: float) -> Checkpoints:
    kept = Checkpoints(folder)
    for value in values:
        kept.write(state(value))
    return kept


def newest(folder: Path) -> float | None:
    found = Checkpoints(folder).newest()
    return found and found.said["value"]


def test_the_newest_two_are_kept_and_nothing_else(tmp_path):
    kept = kept_of(tmp_path, 1.0, 2.0, 3.0)
    names = sorted(each.name[:6] for each in tmp_path.iterdir())
    assert names == ["000002", "000003"]
    assert newest(tmp_path) == 3.0
    assert torch.equal(kept.newest().tensors["a"], state(3.0).tensors["a"])
    kept.clear()
    assert list(tmp_path.iterdir()) == [] and kept.newest() is None


@pytest.mark.trial("rot", "a checkpoint: any bit flipped, cut off, empty", "the one before is used")
@pytest.mark.parametrize("damage", ["flips", "cut", "empty", "both"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(tmp_path, capsys, damage):
    for flip in range(0, 3000, 500) if damage == "flips" else [0]:
        kept = kept_of(tmp_path, 1.0, 2.0)
        for file in sorted(tmp_path.iterdir())[0 if damage == "both" else 1 :]:
            content = bytearray(file.read_bytes())
            content[flip] ^= 1
            cut = {"cut": len(content) // 2, "empty": 0}.get(damage, len(content))
            file.write_bytes(content[:cut])
        assert newest(tmp_path) == (None if damage == "both" else 1.0)
        assert "is damaged" in capsys.readouterr().out
        kept.clear()


@pytest.mark.trial("disk", "no room for a checkpoint", "training goes on, the one before stays")
@pytest.mark.parametrize("name", ["ENOSPC", "EDQUOT", "EROFS", "EIO"])
def test_no_room_for_a_checkpoint_ends_no_training(tmp_path, monkeypatch, capsys, name):
    kept = kept_of(tmp_path, 1.0)
    faults._passages.clear()

    def full(self: Path, content: bytes) -> int:
        raise OSError(getattr(faults.errno, name), "no room", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    kept.write(state(2.0))
    said = capsys.readouterr().out
    assert "training goes on" in said and re.search(r"4,\d\d\d bytes or more are needed", said)
    assert [each.name[:6] for each in tmp_path.iterdir()] == ["000001"]
    assert newest(tmp_path) == 1.0


def test_a_checkpoint_waits_fifty_times_what_the_last_one_cost(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    kept = Checkpoints(tmp_path)
    assert not kept.due()
    now[0] = checkpoint.EVERY_S
    assert kept.due()
    write = Path.write_bytes

    def slow(self: Path, content: bytes) -> int:
        now[0] += 2.0
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", slow)
    kept.write(state(1.0))
    now[0] += 50 * 2.0 - 0.1
    assert not kept.due()
    now[0] += 0.2
    assert kept.due()


@pytest.mark.trial("two", "two processes that train the same", "one waits, and says for whom")
def test_of_two_that_train_the_same_one_waits_and_says_for_whom(tmp_path, capsys):
    folder, order, first = tmp_path / "key", [], threading.Event()

    def other() -> None:
        first.wait()
        with checkpoint.opened(folder) as kept:
            order.append(kept.newest().said["value"])

    thread = threading.Thread(target=other)
    thread.start()
    with checkpoint.opened(folder) as kept:
        first.set()
        time.sleep(0.3)
        order.append("first")
        kept.write(state(1.0))
    thread.join()
    assert order == ["first", 1.0]
    assert f"waiting: process {os.getpid()} in " in capsys.readouterr().out


def test_a_folder_goes_with_its_last_checkpoint(tmp_path):
    with checkpoint.opened(tmp_path / "key") as kept:
        kept.write(state(1.0))
    assert len(list((tmp_path / "key").iterdir())) == 1
    with checkpoint.opened(tmp_path / "key") as kept:
        kept.clear()
    assert list(tmp_path.iterdir()) == []


def test_of_other_recipes_only_the_newest_are_kept_and_those_somebody_is_in(tmp_path):
    for at in range(6):
        (tmp_path / f"{at}").mkdir()
        kept_of(tmp_path / f"{at}", 1.0)
        os.utime(tmp_path / f"{at}", (at, at))
    held = os.open(tmp_path / "0", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    (tmp_path / "one.checkpoints").mkdir()  # of another kind
    with checkpoint.opened(tmp_path / "new"):
        left = {each.name for each in tmp_path.iterdir()}
    os.close(held)
    assert left == {"0", "3", "4", "5", "new", "one.checkpoints"}


@pytest.mark.trial("disk", "`.onecycle` can't be written", "training goes on, that is said")
@pytest.mark.parametrize("name", ["mkdir", "write_text"])
def test_where_no_folder_can_be_made_training_goes_on(tmp_path, monkeypatch, capsys, name):
    def denied(self: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, name, denied)
    with checkpoint.opened(tmp_path / "problem" / "key") as kept:
        assert kept.newest() is None
        kept.write(state(1.0))
        kept.clear()
    said = capsys.readouterr().out
    assert name == "write_text" or said.count("training goes on") == 2


def test_what_cannot_be_removed_ends_no_training(tmp_path, monkeypatch, capsys):
    with checkpoint.opened(tmp_path / "key") as kept:
        kept.write(state(1.0))
    (file,) = (tmp_path / "key").glob("*.safetensors")

    def denied(self: Path, **_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    with monkeypatch.context() as patch, checkpoint.opened(tmp_path / "key") as kept:
        patch.setattr(Path, "unlink", denied)
        kept.clear()
    assert f"{file.name}" in capsys.readouterr().out and file.exists()
    with checkpoint.opened(tmp_path / "key") as kept:
        file.unlink()  # by a user, meanwhile
        kept.clear()


def test_a_checkpoint_that_cannot_be_read_is_as_a_damaged_one(tmp_path, monkeypatch, capsys):
    kept = kept_of(tmp_path, 1.0, 2.0)
    bad = max(tmp_path.iterdir())
    hashed = checkpoint._sha256

    def unreadable(file: Path) -> str:
        if file == bad:
            raise OSError(errno.EIO, "Input/output error", str(file))
        return hashed(file)

    monkeypatch.setattr(checkpoint, "_sha256", unreadable)
    assert kept.newest().said["value"] == 1.0
    assert f"{bad} is damaged" in capsys.readouterr().out


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    folder = tmp_path / "key"
    folder.mkdir()
    with subprocess.Popen(["true"]) as killed:
        pass
    (folder / f".000001-ab.safetensors.{killed.pid}.partial").write_bytes(b"half")
    with checkpoint.opened(folder):
        pass
    assert not folder.exists()


def test_a_folder_that_another_process_prunes_first_is_no_error(tmp_path, monkeypatch):
    for at in range(6):
        (tmp_path / f"{at}").mkdir()
    remove, opened, calls = shutil.rmtree, os.open, []
    monkeypatch.setattr(shutil, "rmtree", lambda folder: (remove(folder), remove(folder)))

    def slow(path: Path, *rest: int, **options: int) -> int:  # between mkdir and open it goes
        calls.append(path)
        if len(calls) == 1:
            Path(path).rmdir()
        return opened(path, *rest, **options)

    monkeypatch.setattr(os, "open", slow)
    with checkpoint.opened(tmp_path / "new"):
        assert (tmp_path / "new").exists()
    assert len(list(tmp_path.iterdir())) == checkpoint.OTHERS


# ---- signals ----


@pytest.mark.trial("stops", "a signal at the end of a phase", "ends there; the next is not begun")
def test_a_signal_while_the_last_epoch_is_measured_ends_it(
    store, unbroken, tmp_path, monkeypatch, each_step
):
    each, measure = learner(store, AUGMENTED, Checkpoints(tmp_path)), Learner.watch

    def signalled(self: Learner, task: Task) -> tuple[float, float]:
        found = measure(self, task)
        if self.epoch == FROZEN.epochs - 1:
            signal.raise_signal(signal.SIGTERM)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "watch", signalled)
        with pytest.raises(KeyboardInterrupt):
            phases(each)
    again = learner(store, AUGMENTED, Checkpoints(tmp_path))
    assert (again.epoch, again.steps) == (2, 6)
    phases(again)
    assert result(again) == unbroken["augmented"]


def test_a_signal_at_any_moment_of_a_step_is_kept(store, tmp_path, monkeypatch):
    each = learner(store, AUGMENTED, Checkpoints(tmp_path))
    asked = iter([False, True, True, True])
    monkeypatch.setattr(fit, "stoppable", lambda: nullcontext(lambda: next(asked)))
    with pytest.raises(KeyboardInterrupt):
        phases(each)
    assert each.checkpoints.newest().said["steps"] == each.steps


def test_signals_that_were_ignored_stay_so_and_handlers_come_back():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.getsignal(signal.SIGTERM)
    try:
        with stoppable() as stop:
            assert not stop()
            signal.raise_signal(signal.SIGINT)
            assert not stop()
            signal.raise_signal(signal.SIGTERM)
            assert stop()
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == before[1]
    finally:
        signal.signal(signal.SIGINT, before[0])


# ---- another version ----


@pytest.mark.trial("versions", "another batch split", "goes on; the model tells, no equality")
def test_another_micro_batch_goes_on_and_is_told(
    store, unbroken, tmp_path, monkeypatch, each_step, capsys
):
    each = learner(store, AUGMENTED, Checkpoints(tmp_path))
    broken_off(monkeypatch, "stepped#5", each)
    halves = AUGMENTED.model_copy(update={"micro_batch": 4})
    again = learner(store, halves, Checkpoints(tmp_path))
    phases(again)
    assert again.others == [{"up_to_epoch": 1, "micro_batch": None}]
    assert "made with others so far" in capsys.readouterr().out
    assert result(again)[0] != unbroken["augmented"][0]  # batch norm sees the halves
    assert len(again.history) == 5


@pytest.mark.trial("versions", "another torch, kind of CPU or device", "goes on; the model tells")
def test_another_torch_goes_on_and_is_told(store, tmp_path, monkeypatch, each_step):
    each = learner(store, AUGMENTED, Checkpoints(tmp_path))
    broken_off(monkeypatch, "stepped#5", each)
    now = Learner.made_with.fget(each)
    other = now | {"packages": now["packages"] | {"torch": "9.9"}, "kind": "another"}
    monkeypatch.setattr(Learner, "made_with", property(lambda _: other))
    again = learner(store, AUGMENTED, Checkpoints(tmp_path))
    assert again.others == [{"up_to_epoch": 1, "packages": now["packages"], "kind": now["kind"]}]
    phases(again)
    broken = again.checkpoints.newest()
    assert broken.said["others"] == again.others


def test_what_memory_forced_is_kept(store, tmp_path, monkeypatch, each_step):
    each = learner(store, AUGMENTED, Checkpoints(tmp_path))
    each.stepper.micro = 4
    broken_off(monkeypatch, "stepped#3", each)
    again = learner(store, AUGMENTED, Checkpoints(tmp_path))
    assert again.stepper.micro == 4 and again.others == []


@pytest.mark.trial("versions", "another precision", "goes on; the model tells")
def test_float16_goes_on_from_float32(store, tmp_path, monkeypatch, each_step):
    """As `precision: auto` does where another device is found."""
    each = learner(store, AUGMENTED, Checkpoints(tmp_path))
    broken_off(monkeypatch, "stepped#5", each)
    again = made(store, AUGMENTED, built(AUGMENTED.seed, Split), "fp16")
    again.checkpoints = Checkpoints(tmp_path)
    resume.go_on(again, again.checkpoints.newest())
    phases(again)
    assert again.others[0]["precision"] == "fp32" and len(again.history) == 5


def test_float16_goes_on_to_the_same_bytes(store, tmp_path, monkeypatch, each_step):
    def half(folder: Path | None) -> Learner:
        found = made(store, AUGMENTED, built(AUGMENTED.seed, Split), "fp16")
        found.watched, found.checkpoints = [], folder and Checkpoints(folder)
        begun = folder and found.checkpoints.newest()
        if begun:
            resume.go_on(found, begun)
        return found

    whole = half(None)
    phases(whole)
    broken_off(monkeypatch, "stepped#7", half(tmp_path))
    again = half(tmp_path)
    assert again.steps == 6
    phases(again)
    assert result(again) == result(whole)
