"""A stage that meets a damaged file says which, and what to do; no traceback, nothing written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onecycle.paths import write_json
from tasks.__main__ import main

PROBLEM = """
problems:
  own: !replace
    download: {folder: photos}
    prepare: {reader: files, label: '^(.+)_', size: 32}
    split: {by: stratified, valid: 0.25, test: 0.25}
    learner: {arch: resnet18, weights: null, size: 32, batch_size: 8, precision: fp32}
    lr_find: {steps: 40}
    train: {frozen: {epochs: 0}, unfrozen: {epochs: 1, lr: find}}
    calibrate: {}
    evaluate: {}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A tree of 24 small pictures, up to what a range test would say."""
    tree = tmp_path_factory.mktemp("rot")
    root = Path(__file__).parents[2]
    (tree / "params.yaml").write_text((root / "params.yaml").read_text())
    (tree / "patch.yaml").write_text(PROBLEM)
    (tree / "photos").mkdir()
    draw = np.random.default_rng(0)
    for at in range(24):
        pixels = draw.integers(0, 256, (32, 40, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tree / f"photos/{'ab'[at % 2]}_{at}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tree)
        assert main(["set", "@patch.yaml"]) == 0
        for stage in ("download", "prepare", "split"):
            assert main([stage, "own"]) == 0
        write_json(Path("models/own/lr.json"), {"used": 1e-3}, sealed=True)
    return tree


MET = {
    "data/own/items.parquet": "split",
    "data/own/pixels/prints.parquet": "split",
    "data/own/pixels/index.json": "train",
    "data/own/pixels/pixels.u8": "train",
    "data/own/split.parquet": "train",
    "models/own/lr.json": "train",
}


@pytest.mark.trial("rot", "a stage that reads a damaged file", "ends with its name and the remedy")
@pytest.mark.parametrize("name", MET)
def test_a_stage_tells_of_what_is_damaged(name, made, monkeypatch, capsys):
    monkeypatch.chdir(made)
    file, content = Path(name), Path(name).read_bytes()
    kept = {each: each.read_bytes() for each in made.rglob("split*.*") if each.is_file()}
    at = len(content) // 3
    for harmed in (content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :], content[:at]):
        file.write_bytes(harmed)
        assert main([MET[name], "own"]) == 1
        said = capsys.readouterr().err
        assert name in said and "again" in said and "Traceback" not in said
        assert not Path("models/own/model.json").exists()
    file.write_bytes(content)
    for each, before in kept.items():
        each.write_bytes(before)  # a stage takes away what it makes before it begins
