"""Studies as a user runs them: what they train, keep, share and write, and how they survive."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from onecycle.learn import assemble
from onecycle.paths import Paths, read_json
from onecycle.studies.arm import Arm
from tasks import __main__ as command
from tasks import arms, workers
from tasks.problems import load

ROOT = Path(__file__).parents[2]
NAME = "sample_movielens"
STUDY = ["study", "weight_decay", NAME, "--seeds", "2", "--values", "[0.1, 1.0]"]
FOLDER = Path("reports", NAME, "studies")


@pytest.fixture(scope="module")
def ratings(tmp_path_factory):
    """A tree in which the sample of ratings has passed all stages."""
    made = tmp_path_factory.mktemp("ratings")
    (made / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        for stage in command.STAGES:
            assert command.main([stage, NAME]) == 0
    return made


@pytest.fixture(scope="module")
def pool():
    """Processes for all studies that are run here, for they take seconds to begin."""
    with workers.started(1) as made:
        yield made


@pytest.fixture
def here(ratings, pool, monkeypatch):
    """That tree, without what studies kept, as the current folder."""
    monkeypatch.chdir(ratings)
    monkeypatch.setattr(workers, "started", lambda _: nullcontext(pool))
    for old in ("reports/sample_movielens/studies", ".onecycle/studies"):
        subprocess.run(["rm", "-rf", old], check=True)
    return ratings


def main(*arguments):
    return command.main([*STUDY, *arguments])


def found():
    return read_json(FOLDER / "weight_decay.json")


def timeless(told):
    """Without what differs from run to run."""
    for arm in told["arms"]:
        del arm["seconds"], arm["cpu_s"]
    return told


def test_an_arm_that_changes_nothing_gives_what_the_stages_gave(here):
    params, paths = load(), Paths(NAME)
    sections = params.problems[NAME].model_dump()
    (job,) = arms.jobs(paths, Arm("as asked"), sections, 42, params.threads)
    folder = arms.run(job)
    theirs = pd.read_parquet(paths.report("predictions.parquet")).sort_values("id")
    with np.load(folder / "scores.npz") as ours:
        assert ours["test/ids"].tolist() == theirs["id"].tolist()
        np.testing.assert_array_equal(ours["test/scores"], np.stack(theirs["scores"]))
    history = pd.read_csv(paths.report("history.csv"))
    told = read_json(folder / "run.json")
    assert [row["metric"] for row in told["history"]] == pytest.approx(history["metric"].tolist())
    assert {k: v for k, v in told["found"].items() if k != "curve"} == read_json(
        paths.model("lr.json")
    )


def test_a_study_tells_arms_gains_and_how_to_adopt(here, capsys):
    assert main() == 0
    told = found()
    assert [arm["name"] for arm in told["arms"]] == ["wd 0.1", "wd 1"]
    assert told["seeds"] == [42, 43]
    assert told["base"] == "wd 0.1"
    base, other = told["arms"]
    assert base["gain"] == {}
    for part in ("valid", "test"):
        gain = other["gain"][part]
        assert gain["value"] == pytest.approx(
            base["score"][part]["value"] - other["score"][part]["value"]
        )
        assert gain["low"] <= gain["value"] <= gain["high"] < 0  # rmse: so much decay is worse
    assert told["adopt"] == []
    assert (FOLDER / "weight_decay.light.png").read_bytes()[:4] == b"\x89PNG"
    assert "nothing to adopt" in capsys.readouterr().out


def test_what_is_found_can_be_adopted_by_the_line_that_is_printed(here, capsys):
    before = Path("params.yaml").read_text()
    assert main("--set", f"problems.{NAME}.learner.wd=2.0") == 0
    said = capsys.readouterr().out
    setting = f"problems.{NAME}.learner.wd=0.1"
    assert found()["adopt"] == [setting]
    assert f"--set '{setting}'" in said
    assert Path("params.yaml").read_text() == before  # --set was for the study only
    try:
        assert command.main(["set", setting]) == 0
    finally:
        Path("params.yaml").write_text(before)


def test_trainings_are_shared_and_anything_that_decides_them_counts(here, capsys):
    assert main() == 0
    kept = set(Path(".onecycle/studies", NAME).glob("[!r]*"))
    assert len(kept) == 4
    capsys.readouterr()
    assert main("--seeds", "3") == 0
    assert "4 of 6 trainings are there from before" in capsys.readouterr().out
    params, paths = load(), Paths(NAME)
    sections = params.problems[NAME].model_dump()

    def key(name="any", seed=42, threads=1, **changes):
        asked = json.loads(json.dumps(sections))
        for section, value in changes.items():
            asked[section] |= value
        return arms.jobs(paths, Arm(name), asked, seed, threads)[0].key

    same = key()
    assert same == key("another name") == key(evaluate={"draws": 500})
    assert len({same, key(seed=43), key(threads=2), key(train={"frozen": {"epochs": 1}})}) == 4
    assert key(learner={"wd": 0.2}) != same != key(lr_find={"suggestion": "steep"})


def test_a_study_that_is_killed_goes_on_where_it_was_and_leaves_no_process(here):
    assert main("--seeds", "3") == 0
    whole = timeless(found())
    subprocess.run(["rm", "-rf", ".onecycle/studies", str(FOLDER)], check=True)
    line = [sys.executable, "-m", "tasks", *STUDY, "--seeds", "3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, text=True)
    for said in process.stdout:
        if ", seed " in said:
            break
    workers = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    gone, alive = psutil.wait_procs(workers, timeout=20)
    assert gone
    assert not alive
    kept = {
        each: each.stat().st_mtime_ns for each in Path(".onecycle/studies", NAME).glob("*/run.json")
    }
    assert 1 <= len(kept) <= 6
    assert not FOLDER.exists() or not (FOLDER / "weight_decay.json").exists()
    half = Path(".onecycle/studies", NAME, ".left.4194000.partial")
    half.mkdir()
    assert main("--seeds", "3") == 0
    assert timeless(found()) == whole
    assert not half.exists()
    assert {each: each.stat().st_mtime_ns for each in kept} == kept


def test_ctrl_c_waits_for_no_training():
    began = None
    with pytest.raises(KeyboardInterrupt), workers.started(1) as pool:
        pool.submit(int).result()
        pool.submit(time.sleep, 60)
        pool.submit(time.sleep, 60)
        began = time.monotonic()
        raise KeyboardInterrupt
    assert time.monotonic() - began < 20


def test_damaged_trainings_and_a_full_disk_are_told_with_the_remedy(here, capsys, monkeypatch):
    arguments = ["study", "weight_decay", NAME, "--seeds", "1", "--values", "[0.1]"]
    assert command.main(arguments) == 0
    (folder,) = Path(".onecycle/studies", NAME).glob("*/")
    for name in ("run.json", "scores.npz"):
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
        assert command.main(arguments) == 1
        assert f"{folder.name}: a training that was kept is damaged" in capsys.readouterr().err
        (folder / name).write_bytes(whole)
    (folder / "scores.npz").unlink()
    assert command.main(arguments) == 1
    assert "is damaged" in capsys.readouterr().err
    subprocess.run(["rm", "-rf", folder], check=True)
    assert command.main(arguments) == 0

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("onecycle.studies.written.write", full)
    assert command.main(arguments) == 1
    assert "No space left on device: free space" in capsys.readouterr().err


def test_an_arm_that_gives_no_model_is_told_and_harms_no_other(here, capsys):
    sections = f"problems.{NAME}.train.unfrozen"
    settings = ["--set", f"{sections}.lr=1e30", "--set", f"{sections}.epochs=1"]
    assert main(*settings) == 1
    assert "of epoch 0 is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["schedul", NAME], "did you mean 'schedule'"),
        (["schedule", "sample_movielen"], "did you mean 'sample_movielens'"),
        (["schedule", "sample_pets"], "items.parquet is missing: run the stages up to split"),
        (["weight_decay", NAME, "--values", "0.1"], "expected a list"),
        (["weight_decay", NAME, "--values", "[0.1, much]"], "arm 'wd much':"),
        (["weight_decay", NAME, "--seeds", "0"], "--seeds of at least 1"),
        (["weight_decay", NAME, "--set", f"problems.{NAME}.learner.wdd=1"], "unknown key 'wdd'"),
        (["weight_decay", NAME, "--set", f"problems.{NAME}.split.seed=7"], "is not the split that"),
    ],
)
def test_mistakes_are_told_with_the_remedy(here, capsys, arguments, said):
    assert command.main(["study", *arguments]) == 1
    assert said in capsys.readouterr().err


def test_a_damaged_range_test_is_made_again_and_what_another_study_finished_is_kept(here):
    params, paths = load(), Paths(NAME)
    sections = params.problems[NAME].model_dump()
    (job,) = arms.jobs(paths, Arm("as asked"), sections, 42, params.threads)
    folder = arms.run(job)
    first = (folder / "scores.npz").read_bytes()
    shutil.rmtree(folder)
    (file,) = job.store.glob("range-*.json")
    whole = file.read_text()
    file.write_text(whole[:100])
    arms.run(job)
    assert (folder / "scores.npz").read_bytes() == first
    assert file.read_text() == whole


def test_weights_that_change_where_they_lie_are_other_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    learner = {"weights": {"url": "file:own.pth", "checksum": None}}
    found = set()
    for content in (b"one", b"other"):
        Path("own.pth").write_bytes(content)
        found.add(assemble.unbound_weights(learner))
    assert len(found) == 2
    assert assemble.unbound_weights({"weights": None}) is assemble.unbound_weights({}) is None
