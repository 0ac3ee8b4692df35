"""ONNX: the file answers as the model does, tells what it needs, or is not there."""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from trees import ROOT

from onecycle.errors import UserError
from onecycle.predict import exported
from onecycle.predict.model import load_model
from tasks.__main__ import main


def test_pictures_of_any_number_are_answered_as_by_the_model(category, photos, tmp_path, capsys):
    out = tmp_path / "model.onnx"
    assert main(["export", str(category), str(photos), "-o", str(out)]) == 0
    assert "20 items" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    model = load_model(category)
    found = model.predict(sorted(photos.rglob("[0-9]*.*")), scores=True)
    x, _ = model.takes.shown(model.takes.named([str(photos)], None, ()), 20)
    (scores,) = session.run(["scores"], {"pixels": x.numpy()})
    assert np.allclose(scores, np.stack(found["scores"].tolist()), rtol=0, atol=1e-4)
    assert str(ROOT).encode() not in out.read_bytes()
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["vocab"]) == model.vocab
    assert json.loads(told["decision"]) == model.decision
    assert json.loads(told["preprocessing"])["height_width"] == [32, 40]


@pytest.fixture(scope="module")
def pairs():
    return torch.randint(0, 30, (50, 2), generator=torch.Generator().manual_seed(0))


def test_a_recommender_is_exported_with_the_names_of_its_rows(rating, pairs, tmp_path):
    model, out = load_model(rating), tmp_path / "model.onnx"
    assert exported.export(model, pairs, out) <= exported.TOLERANCE
    told = onnxruntime.InferenceSession(out).get_modelmeta().custom_metadata_map
    assert json.loads(told["users"])[3] == model.learner.data.blocks.x.users[3]


@pytest.mark.parametrize(("by", "said"), [(0.5, "[0-9.]+ "), (np.nan, "nan ")])
def test_a_file_that_answers_otherwise_is_refused_and_not_left(
    rating, pairs, tmp_path, monkeypatch, by, said
):
    convert = exported.convert

    def tampered(net, x, file, told):
        convert(net, x, file, told)
        made = onnx.load(file)
        weight = max(made.graph.initializer, key=lambda each: len(each.raw_data))
        values = onnx.numpy_helper.to_array(weight) + np.float32(by)
        weight.CopyFrom(onnx.numpy_helper.from_array(values, weight.name))
        onnx.save(made, file)

    monkeypatch.setattr(exported, "convert", tampered)
    out = tmp_path / "model.onnx"
    with pytest.raises(
        UserError, match=f"not written: in batches of 1 its scores differ by {said}"
    ):
        exported.export(load_model(rating), pairs, out)
    assert list(tmp_path.iterdir()) == []


def test_without_its_packages_export_says_what_to_install(rating, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(exported, "find_spec", lambda name: None)
    assert main(["export", str(rating), "x.csv", "-o", str(tmp_path / "a.onnx")]) == 1
    assert "export needs onnx: pip install onnx onnxscript onnxruntime" in capsys.readouterr().err


@pytest.mark.parametrize("out", ["model.bin", "model.onnx"])
def test_without_an_item_that_can_be_used_there_is_no_file(rating, tmp_path, out, capsys):
    (tmp_path / "pairs.csv").write_text("user,item\nu1,\n")
    assert (
        main(["export", str(rating), str(tmp_path / "pairs.csv"), "-o", str(tmp_path / out)]) == 1
    )
    said = capsys.readouterr().err
    assert ("no item that can be used" in said) or ("ends in .onnx" in said)
    assert not (tmp_path / out).exists()
