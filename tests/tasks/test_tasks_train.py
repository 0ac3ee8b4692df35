"""lr_find to evaluate on a tiny problem: pretrained weights, two phases, two range tests."""

import hashlib
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
from huggingface_hub import ModelCard
from PIL import Image

from onecycle.paths import read_json
from tasks.__main__ import STAGES, main

PROBLEM = """
problems:
  own: !replace
    download: {folder: photos}
    prepare: {reader: files, label: '^(.+)_', size: 32}
    split: {by: stratified, valid: 0.25, test: 0.25}
    learner:
      arch: resnet18
      weights: {url: 'file:weights.pth', checksum: 'sha256:SHA'}
      size: 32
      batch_size: 8
      precision: fp32
    lr_find: {steps: 40, start: 1.0e-6, end: 1}
    train: {frozen: {epochs: 1}, unfrozen: {epochs: 2, lr: find}}
    calibrate: {}
    evaluate: {draws: 100, slices: [y, width]}
"""


@pytest.fixture
def project(tree: Path) -> Path:
    """A tree whose problem `own` has 64 pictures of two colours and a weights file."""
    Path("photos").mkdir()
    generator = np.random.default_rng(0)
    for at in range(64):
        colour = (170, 90, 60) if at % 2 else (60, 90, 170)
        pixels = generator.normal(colour, 40, (32, 40, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(f"photos/{'ab'[at % 2]}_{at}.png")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(torchvision.models.resnet18().state_dict(), "weights.pth")
    digest = hashlib.sha256(Path("weights.pth").read_bytes()).hexdigest()
    Path("patch.yaml").write_text(PROBLEM.replace("SHA", digest))
    assert main(["set", "@patch.yaml"]) == 0
    return tree


def run(*stages: str) -> None:
    for stage in stages:
        assert main([stage, "own"]) == 0


def test_two_phases_from_pretrained_weights(project, capsys):
    settings = ["split.calib=0.5", "calibrate.max_error=0.4"]
    assert main(["set", *(f"problems.own.{each}" for each in settings)]) == 0
    run(*STAGES)
    said = capsys.readouterr().out
    assert "range test of 40 steps, body frozen" in said
    rates = read_json(Path("models/own/lr.json"))
    assert list(rates) == ["valley", "slide", "minimum", "steep", "used", "reason"]
    history = pd.read_csv("reports/own/history.csv")
    assert list(history) == ["epoch", "phase", "lr", "train_loss", "valid_loss", "metric"]
    assert list(history["phase"]) == ["frozen", "unfrozen", "unfrozen"]
    training = json.loads(Path("models/own/model.json").read_text())["training"]
    frozen, unfrozen = training["phases"]
    assert unfrozen["schedule"]["schedule"] == "one_cycle"
    assert training["chance"] == pytest.approx(math.log(2), rel=0.1)  # as many of both labels
    used = rates["used"]
    assert frozen["rates"] == pytest.approx([used / 10, used / 10, used])
    assert unfrozen["rates"][0] * 100 == pytest.approx(unfrozen["rates"][-1])
    assert "second" in unfrozen["why"]
    metrics = json.loads(Path("reports/own/metrics.json").read_text())
    intervals = json.loads(Path("reports/own/intervals.json").read_text())
    assert set(metrics) == {"n", *intervals}
    names = "accuracy error_rate balanced_accuracy nll ece brier".split()
    alone = {"answered", "error_rate_answered"}
    assert set(intervals) == {*names, *(f"baseline_{name}" for name in names), *alone}
    for name, each in intervals.items():
        assert each["low"] <= each["value"] == metrics[name] <= each["high"]
        of = metrics["answered"] if name == "error_rate_answered" else 1
        assert each["split"] == "test" and metrics["n"] == 16 and each["n"] == round(16 * of)
    predictions = pd.read_parquet("reports/own/predictions.parquet")
    assert len(predictions) == 16 and predictions["loss"].mean() == pytest.approx(metrics["nll"])
    slices = pd.read_csv("reports/own/plots/slices.csv")  # all pictures are as wide
    assert slices[["column", "value"]].values.tolist() == [["y", "a"], ["y", "b"]]
    assert ">Slices</h2>" in Path("reports/own/report.html").read_text()
    # The decision is fitted on what neither training nor the judging saw, and held beside others.
    assert json.loads(Path("reports/own/split.json").read_text())["counts"]["valid"] == 8
    decision = json.loads(Path("models/own/decision.json").read_text())
    assert decision["fitted_on"] == {"part": "calib", "n": 8}
    sure = predictions["probability"] >= decision["abstain"]["below"]
    assert predictions["answer"].notna().tolist() == sure.tolist()
    assert metrics["answered"] == sure.mean()
    beside = pd.read_csv("reports/own/plots/decisions.csv")
    own = beside[beside["used"] & (beside["metric"] == "answered")]
    assert own["value"].item() == metrics["answered"] and own["fit"].notna().all()
    assert set(pd.read_csv("reports/own/plots/curves.csv")["part"]) == {"calib", "test"}
    bundle_alone_gives_the_same_answers()


def bundle_alone_gives_the_same_answers():
    """Elsewhere and from the raw files, without data and reports."""
    evaluated = pd.read_parquet("reports/own/predictions.parquet")
    evaluated[["x"]].to_csv("raw.csv", index=False)
    shutil.move("models/own", "bundle")
    lineage = json.loads(Path("bundle/lineage.json").read_text())
    assert lineage["params"]["learner"]["weights"]["url"] == "weights.pth"
    assert (lineage["data"]["items"], lineage["seed"]) == (64, 42)
    assert ModelCard.load("bundle/README.md").data.pipeline_tag == "image-classification"
    command = ["predict", "bundle", "raw.csv", "--root", "data/own/raw", "--scores"]
    assert main([*command, "-o", "out.parquet"]) == 0
    found = pd.read_parquet("out.parquet")
    for name in ("scores", "predicted", "probability"):
        assert np.array_equal(np.stack(found[name]), np.stack(evaluated[name])), name
    counted = json.loads(Path("out.parquet.histograms.json").read_text())
    assert counted == json.loads(Path("bundle/reference.json").read_text())


def test_training_from_scratch_is_shown_beside_and_leaves_the_model_as_it_is(project):
    assert main(["set", "problems.own.train.unfrozen.lr=[1e-5, 1e-3]"]) == 0  # quicker
    run("download", "prepare", "split", "lr_find", "train")
    before = Path("models/own/model.safetensors").read_bytes()
    assert main(["set", "problems.own.train.beside_scratch=true"]) == 0
    run("train", "calibrate", "evaluate")
    assert Path("models/own/model.safetensors").read_bytes() == before
    scratch = json.loads(Path("models/own/model.json").read_text())["training"]["scratch"]
    assert len(scratch["metric"]) == len(scratch["valid_loss"]) == 3 and scratch["lr"] > 0
    assert "From scratch" in Path("reports/own/report.html").read_text()


def test_from_scratch_beside_from_scratch_is_refused(project, capsys):
    settings = ["problems.own.train.beside_scratch=true", "problems.own.learner.weights=null"]
    assert main(["set", *settings]) == 1
    assert "starts from scratch anyway" in capsys.readouterr().err


def test_without_a_test_part_valid_is_judged_and_said(project):
    assert main(["set", "problems.own.split.test=0", "problems.own.train.frozen.epochs=0"]) == 0
    run(*STAGES)
    intervals = json.loads(Path("reports/own/intervals.json").read_text())
    assert intervals["accuracy"]["split"] == "valid"


def test_weights_that_are_not_what_was_named_are_refused(project, capsys):
    run("download", "prepare", "split")
    with Path("weights.pth").open("ab") as file:
        file.write(b"x")
    assert main(["lr_find", "own"]) == 1
    assert "weights.pth" in capsys.readouterr().err
    assert not Path("models/own/lr.json").exists()


def test_no_epochs_at_all_is_refused_before_anything_runs(project, capsys):
    phases = ["problems.own.train.frozen.epochs=0", "problems.own.train.unfrozen.epochs=0"]
    assert main(["set", *phases]) == 1
    assert "both have 0" in capsys.readouterr().err


def test_a_curve_that_can_t_be_read_stops_only_who_asks_for_its_rate(project, capsys):
    assert main(["set", "problems.own.lr_find.diverged=1.0001"]) == 0  # stops at once
    run("download", "prepare", "split", "lr_find")
    assert json.loads(Path("models/own/lr.json").read_text())["used"] is None
    capsys.readouterr()
    assert main(["train", "own"]) == 1
    assert "train.frozen.lr: find, but lr_find found none" in capsys.readouterr().err
    assert (
        main(["set", "problems.own.train.frozen.lr=1e-3", "problems.own.train.unfrozen.lr=1e-3"])
        == 0
    )
    run("train", "calibrate", "evaluate")
    assert "no rate" in Path("reports/own/report.html").read_text()


@pytest.mark.parametrize("channels", [1, 5])
def test_pictures_of_other_channels_than_rgb_pass_all_stages(project, channels):
    draw = np.random.default_rng(0)
    for file in Path("photos").iterdir():
        file.unlink()
    for at in range(64):
        bands = draw.integers(0, 90, (32, 40, channels), np.uint8)
        bands[..., -1] += 150 * (at % 2)
        np.save(f"photos/{'ab'[at % 2]}_{at}.npy", bands)
    phases = "{frozen: {epochs: 0}, unfrozen: {epochs: 1, lr: 3e-3}}"
    settings = [f"prepare.channels={channels}", f"train={phases}"]
    assert main(["set", *(f"problems.own.{each}" for each in settings)]) == 0
    run(*STAGES)
    described = json.loads(Path("models/own/model.json").read_text())
    assert described["x"] == {"kind": "image", "size": 32, "channels": channels}
    assert "data:image/png" in Path("reports/own/report.html").read_text()
