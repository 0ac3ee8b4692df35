"""train and studies, killed, stopped and gone astray: nothing that was learnt is lost."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import safetensors.torch
import torch
from trees import wait_until

from onecycle import faults
from onecycle.learn import astray, identity
from onecycle.learn.learner import Learner
from onecycle.paths import Paths, read_json
from onecycle.studies.arm import Arm
from tasks import arms
from tasks.__main__ import main
from tasks.problems import load

ROOT = Path(__file__).parents[2]
NAME = "sample_movielens"
LONG = f"problems.{NAME}.train.unfrozen"
OUTS = [f"models/{NAME}/model.safetensors", f"models/{NAME}/model.json"]
OUTS += [f"reports/{NAME}/history.csv"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tree of the quickest sample, up to lr_find."""
    tree = tmp_path_factory.mktemp("survive")
    (tree / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tree)
        assert main(["set", f"{LONG}.epochs=2", f"{LONG}.lr=5e-3"]) == 0
        for stage in ("download", "prepare", "split", "lr_find"):
            assert main([stage, NAME]) == 0
    return tree


@pytest.fixture
def here(made, monkeypatch):
    """That tree as the current folder, nothing trained."""
    monkeypatch.chdir(made)
    for name in [*OUTS, ".onecycle/checkpoints", ".onecycle/not_finite"]:
        subprocess.run(["rm", "-rf", name], check=True)
    files = ["params.yaml", f"models/{NAME}/lr.json"]
    files += [f"data/{NAME}/{name}.parquet" for name in ("items", "split")]
    before = {made / name: (made / name).read_bytes() for name in files}
    yield made
    for file, content in before.items():
        file.write_bytes(content)


def content() -> list[bytes]:
    return [Path(name).read_bytes() for name in OUTS]


def checkpoints() -> list[Path]:
    return sorted(Path(".onecycle/checkpoints").rglob("*.safetensors"))


def started(*command: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tasks", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def broken_off(monkeypatch, place: str) -> None:
    """Trains until an error comes out of a place, as if the process had been killed there."""
    faults._passages.clear()
    monkeypatch.setenv("ONECYCLE_CHECKPOINT_S", "0")
    monkeypatch.setenv("ONECYCLE_FAULT", f"{place}=EBADF")
    with pytest.raises(OSError, match="Bad file"):
        main(["train", NAME])
    monkeypatch.delenv("ONECYCLE_FAULT")


@pytest.mark.slow
@pytest.mark.trial("stops", "train killed by SIGKILL at a step", "the rerun ends in the same bytes")
def test_a_killed_training_goes_on_to_the_same_bytes(here):
    assert main(["train", NAME]) == 0
    unbroken = content()
    for name in OUTS:
        Path(name).unlink()
    process = started("train", NAME, ONECYCLE_CHECKPOINT_S="0", ONECYCLE_FAULT="stepped#200=kill")
    process.communicate()
    assert process.returncode == -signal.SIGKILL and not Path(OUTS[0]).exists()
    again = started("train", NAME)
    assert "going on from epoch 1, step 24 of 175" in again.communicate()[0]
    assert content() == unbroken
    assert not Path(".onecycle/checkpoints", NAME).exists() or not checkpoints()


PARENT = """
import os, subprocess, sys
child = subprocess.Popen(
    " ".join([sys.executable, "-m", "tasks", "train", sys.argv[1]]),
    shell=True,
    env=os.environ | {"DVC_STAGE": f"train@{sys.argv[1]}"},
)
child.wait()
"""


@pytest.mark.slow
@pytest.mark.trial("stops", "the DVC whose stage trains is killed", "ends, a checkpoint written")
def test_a_training_whose_dvc_is_killed_ends_with_a_checkpoint(here, tmp_path):
    assert main(["set", f"{LONG}.epochs=2000"]) == 0
    said = tmp_path / "said"
    with said.open("w") as file:
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, NAME],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    wait_until(lambda: "epoch 1 of" in said.read_text(), 60, "it trains")
    parent.kill()
    parent.wait()
    wait_until(lambda: "stopped at" in said.read_text(), 5, "the training has ended")
    (file,) = checkpoints()
    assert file.stat().st_size


@pytest.mark.slow
@pytest.mark.trial("stops", "train told by SIGINT, SIGTERM", "ends in order, a checkpoint written")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_training_with_a_checkpoint(here, number):
    assert main(["set", f"{LONG}.epochs=2000"]) == 0
    process = started("train", NAME)
    for line in process.stdout:
        if "epoch 1 of" in line:
            break
    began = time.monotonic()
    process.send_signal(number)
    said = process.communicate()[0]
    assert time.monotonic() - began < 5
    assert process.returncode == 130
    assert "stopped at" in said and "run again to go on" in said
    (file,) = checkpoints()
    with safetensors.safe_open(file, "pt") as opened:
        assert json.loads(opened.metadata()["said"])["steps"] > 175


@pytest.mark.slow
@pytest.mark.trial("stops", "a second signal", "ends at once")
def test_a_second_signal_ends_at_once(here):
    """The first waits for a step that takes for ever."""
    code = (
        "import time; from onecycle.learn import step; from tasks.__main__ import main\n"
        # In pieces: Python would not heed a signal that came just before a long sleep.
        "def slow(*_):\n print('in it', flush=True)\n while True: time.sleep(0.01)\n"
        "step.Stepper.step = slow\n"
        f"main(['train', {NAME!r}])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                               env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
    for line in process.stdout:
        if "in it" in line:
            break
    process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: process.poll() is not None, 2, "it has ended")
    assert process.returncode == -signal.SIGTERM
    process.stdout.close()


@pytest.mark.trial("stops", "train broken off in its second range test", "phase 1 is kept")
def test_a_phase_that_is_done_is_kept_before_the_second_range_test(here, monkeypatch, capsys):
    frozen = f"problems.{NAME}.train.frozen"
    assert main(["set", f"{frozen}.epochs=1", f"{frozen}.lr=5e-3", f"{LONG}.lr=find"]) == 0
    assert main(["train", NAME]) == 0
    unbroken = content()

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "lr_find", stopped)
        assert main(["train", NAME]) == 130
    assert len(checkpoints()) == 1
    capsys.readouterr()
    assert main(["train", NAME]) == 0
    assert "\nfrozen: epoch" not in capsys.readouterr().out
    assert content() == unbroken


# ---- another version ----


@pytest.mark.trial("versions", "pictures of the same names and sizes, redrawn", "begun anew")
def test_pictures_that_changed_are_other_data(tmp_path):
    paths = Paths("one", tmp_path)
    found = set()
    for prints in (b"before", b"redrawn"):
        for name in ("items.parquet", "pixels/index.json"):
            paths.data(name).parent.mkdir(parents=True, exist_ok=True)
            paths.data(name).write_bytes(b"the same")
        paths.data("pixels/prints.parquet").write_bytes(prints)
        found.add(identity.key(identity.data(paths)))
    assert len(found) == 2


@pytest.mark.trial("versions", "other params, data or rate found", "begun anew")
@pytest.mark.parametrize("change", ["lr", "seed", "items", "split", "lr.json"])
def test_what_dvc_lock_tells_of_begins_anew(here, monkeypatch, capsys, change):
    broken_off(monkeypatch, "stepped#5")
    (before,) = {each.parent for each in checkpoints()}
    if change in ("lr", "seed"):
        key = {"lr": f"{LONG}.lr=4e-3", "seed": f"problems.{NAME}.learner.seed=7"}[change]
        assert main(["set", key]) == 0
    elif change == "lr.json":
        file = Path(f"models/{NAME}/lr.json")
        file.write_text(json.dumps(read_json(file) | {"used": 0.1}))
    else:
        file = Path(f"data/{NAME}/{change}.parquet")
        table = pq.read_table(file)
        pq.write_table(table.take(list(range(len(table)))[::-1]), file)
    broken_off(monkeypatch, "stepped#3")
    assert "going on" not in capsys.readouterr().out
    assert len({each.parent for each in checkpoints()} - {before}) == 1


@pytest.mark.trial("versions", "other code that decides a training", "begun anew")
def test_other_code_begins_anew(here, monkeypatch, capsys):
    broken_off(monkeypatch, "stepped#5")
    monkeypatch.setattr(identity, "_code", lambda *_: "another")
    broken_off(monkeypatch, "stepped#3")
    assert "going on" not in capsys.readouterr().out


# ---- not finite ----


@pytest.mark.trial("finite", "a loss that is NaN", "stops at that step, status 3, with a bundle")
def test_a_loss_that_is_not_finite_stops_and_can_be_seen_again(here, capsys):
    assert main(["set", f"{LONG}.lr=1e30"]) == 0
    assert main(["train", NAME]) == 3
    said = capsys.readouterr()
    assert "the loss of step 1 of epoch 0 is nan; lower train.unfrozen.lr" in said.err
    assert not Path(OUTS[0]).exists()
    told = read_json(Path(".onecycle/not_finite", NAME, astray.TOLD))
    assert len(told["items"]) == 64 and (told["epoch"], told["step"]) == (0, 1)
    assert told["rates"]["embeddings"] == pytest.approx(1e30 / 25, rel=0.01)
    before = torch.get_rng_state()
    seen = astray.replay(Path(".onecycle/not_finite", NAME))
    assert torch.equal(before, torch.get_rng_state())
    assert str(seen.losses[0]) == told["loss"] == "nan"
    assert seen.inputs_finite and not seen.weights and seen.layers
    assert main(["replay", NAME]) == 0
    assert "loss then nan, now nan" in capsys.readouterr().out
    assert main(["replay", "sample_pets"]) == 1
    assert "no training of it went astray" in capsys.readouterr().err


@pytest.mark.trial("finite", "a loss that is NaN, of `implicit`", "the step can be seen again")
def test_a_step_of_a_model_that_is_built_of_its_data_can_be_seen_again(here, capsys):
    assert main(["set", f"problems.{NAME}.learner.arch=implicit", f"{LONG}.lr=1e30"]) == 0
    assert main(["train", NAME]) == 3
    seen = astray.replay(Path(".onecycle/not_finite", NAME))
    assert str(seen.losses[0]) == seen.told["loss"] == "nan"


@pytest.mark.trial("finite", "a loss that is NaN, and a full disk", "stops, status 3, both said")
def test_what_led_to_it_need_not_find_room(here, monkeypatch, capsys):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(astray, "keep", full)
    assert main(["set", f"{LONG}.lr=1e30"]) == 0
    assert main(["train", NAME]) == 3
    said = capsys.readouterr()
    assert "No space left" in said.out and "is nan" in said.err


@pytest.mark.trial("finite", "an infinite loss", "stops at that step, its parameters unmoved")
def test_an_infinite_loss_moves_nothing(here, monkeypatch, capsys):
    from onecycle.learn.step import Stepper

    gradients, calls, seen = Stepper._gradients, [], []

    def third(self, model, optimiser, x, y):
        calls.append(1)
        loss = gradients(self, model, optimiser, x, y)
        if len(calls) == 3:
            weights = [each for group in optimiser.param_groups for each in group["params"]]
            seen.extend(each.detach().clone() for each in weights)
            return torch.tensor(torch.inf)
        return loss

    monkeypatch.setattr(Stepper, "_gradients", third)
    assert main(["train", NAME]) == 3
    assert "the loss of step 2 of epoch 0 is inf" in capsys.readouterr().err
    state = safetensors.torch.load_file(Path(".onecycle/not_finite", NAME, astray.STATE))
    kept = [each for name, each in sorted(state.items()) if name.startswith("model.")]
    assert sorted(each.double().sum() for each in kept) == sorted(
        each.double().sum() for each in seen
    )


@pytest.mark.trial("finite", "a rate far too high, `not_finite: halve`", "once anew, at half, told")
def test_it_begins_anew_once_with_half_the_rates(here, monkeypatch, capsys):
    """The first training's tenth loss is not finite; the second's all are."""
    from onecycle.learn.step import Stepper

    assert main(["set", f"{LONG}.lr=2.5e-3"]) == 0
    assert main(["train", NAME]) == 0
    half = Path(OUTS[0]).read_bytes()
    gradients, calls = Stepper._gradients, []

    def tenth(self, model, optimiser, x, y):
        calls.append(1)
        loss = gradients(self, model, optimiser, x, y)
        return loss * torch.nan if len(calls) == 10 else loss

    monkeypatch.setattr(Stepper, "_gradients", tenth)
    assert main(["set", f"{LONG}.lr=5e-3", f"problems.{NAME}.train.not_finite=halve"]) == 0
    assert main(["train", NAME]) == 0
    assert Path(OUTS[0]).read_bytes() == half
    (phase,) = read_json(Path(OUTS[1]))["training"]["phases"]
    assert phase["rates"] == [2.5e-3]
    assert "halved, for train: the loss of step 9 of epoch 0 is nan" in phase["why"]
    assert Path(".onecycle/not_finite", NAME, astray.TOLD).exists()


@pytest.mark.trial("finite", "not finite again at half the rate", "stops, status 3")
def test_it_begins_anew_only_once(here, capsys):
    assert main(["set", f"{LONG}.lr=1e30", f"problems.{NAME}.train.not_finite=halve"]) == 0
    assert main(["train", NAME]) == 3
    assert capsys.readouterr().out.count("begun anew with half the rates") == 1


# ---- studies ----


def test_a_study_loses_none_of_as_many_trainings_as_run_at_once(here, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    params, arm = load(), Arm("base", {})
    store = Path(".onecycle/studies", NAME)
    left = [store / f"{at}.checkpoints" for at in range(8)]
    for folder in left:
        folder.mkdir(parents=True)
    (job,) = arms.jobs(Paths(NAME), arm, params.problems[NAME].model_dump(), 42, params.threads)
    monkeypatch.setattr(arms, "_train", lambda *_: None)
    arms.run(job)
    assert all(folder.exists() for folder in left)
    subprocess.run(["rm", "-rf", str(store)], check=True)


@pytest.mark.slow
@pytest.mark.trial("stops", "a study killed within a training", "goes on within it, same scores")
def test_a_study_goes_on_within_a_training(here):
    study = ["study", "weight_decay", NAME, "--seeds", "1", "--values", "[0.1]"]
    study += ["--set", f"{LONG}.epochs=2"]
    store = Path(".onecycle/studies", NAME)
    process = started(*study, ONECYCLE_CHECKPOINT_S="0", ONECYCLE_FAULT="stepped#200=kill")
    assert "a training's process was killed" in process.communicate()[0]
    (folder,) = store.glob("*.checkpoints")
    assert len(list(folder.glob("*.safetensors"))) == 2
    again = started(*study)
    said = again.communicate()[0]
    assert again.returncode == 0, said
    (log,) = store.glob("*/log.txt")
    assert "going on from epoch 1, step 24 of 175" in log.read_text()
    assert not folder.exists()
    scores = (log.parent / "scores.npz").read_bytes()
    subprocess.run(["rm", "-rf", str(store)], check=True)
    params = load()
    arm, sections = Arm("wd 0.1", {"learner.wd": 0.1}), params.problems[NAME].model_dump()
    (job,) = arms.jobs(Paths(NAME), arm, sections, 42, params.threads)
    assert (arms.run(job) / "scores.npz").read_bytes() == scores


@pytest.mark.slow
@pytest.mark.trial("stops", "Ctrl-C or SIGTERM in a study", "ends, each training's checkpoint kept")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_study_that_is_stopped_keeps_what_was_learnt(here, number):
    study = ["study", "weight_decay", NAME, "--seeds", "1", "--values", "[0.1]"]
    process = started(*study, "--set", f"{LONG}.epochs=2000")
    store = Path(".onecycle/studies", NAME)
    logs = ".*.partial/log.txt"
    wait_until(
        lambda: any("epoch 1 of" in each.read_text() for each in store.glob(logs)), 60, "it trains"
    )
    process.send_signal(number)
    process.communicate(timeout=10)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGTERM)
    wait_until(lambda: list(store.glob("*.checkpoints/*.safetensors")), 10, "it is kept")
    subprocess.run(["rm", "-rf", str(store)], check=True)
