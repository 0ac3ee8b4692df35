"""A bundle that is not whole is refused, and the file named."""

import json
import shutil

import pytest

from onecycle.errors import UserError
from onecycle.paths import read_json, write_json
from onecycle.predict.model import load_model


def changed(file, **values):
    write_json(file, read_json(file) | values)


def flipped(file):
    """One bit of the last weight is another."""
    data = bytearray(file.read_bytes())
    data[-2] ^= 1
    file.write_bytes(data)


WRONG = {
    "gone": ("model.json", lambda file: file.unlink()),
    "no JSON": ("model.json", lambda file: file.write_text('{"learner": ')),
    "no UTF-8": ("model.json", lambda file: file.write_bytes(b"\xff\xfe")),
    "a list": ("model.json", lambda file: file.write_text("[]")),
    "a key is missing": ("model.json", lambda file: write_json(file, {"learner": {}})),
    "of an older version": ("model.json", lambda file: changed(file, x={"kind": "image"})),
    "of another learner": ("model.json", lambda file: changed(file, learner={"arch": "resnet18"})),
    "weights gone": ("model.safetensors", lambda file: file.unlink()),
    "weights cut": ("model.safetensors", lambda file: file.write_bytes(file.read_bytes()[:-9])),
    "a bit flipped": ("model.safetensors", flipped),
    "decision gone": ("decision.json", lambda file: file.unlink()),
    "decision no JSON": ("decision.json", lambda file: file.write_text("?")),
    "decision of another kind": ("decision.json", lambda file: changed(file, kind="points")),
    "decision without its value": ("decision.json", lambda f: write_json(f, {"kind": "rating"})),
    "decision of words": ("decision.json", lambda file: changed(file, radius="wide")),
    "lineage no JSON": ("lineage.json", lambda file: file.write_text("{")),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_damaged_bundle_is_refused_and_the_file_named(what, rating, tmp_path):
    name, harm = WRONG[what]
    bundle = shutil.copytree(rating, tmp_path / "bundle")
    load_model(bundle)
    harm(bundle / name)
    with pytest.raises(UserError) as caught:
        load_model(bundle)
    assert str(bundle / name) in str(caught.value)


def test_without_lineage_a_bundle_predicts_too(rating, tmp_path):
    bundle = shutil.copytree(rating, tmp_path / "bundle")
    (bundle / "lineage.json").unlink()
    assert load_model(bundle).predict([("u1", "i1")])["error"].isna().all()


def test_what_a_model_was_made_with_is_told_without_a_host(rating, category):
    for bundle in (rating, category):
        made = json.loads((bundle / "model.json").read_text())["made_with"]
        assert set(made) == {"packages", "device", "kind", "threads", "precision"}
        assert {"python", "torch", "numpy"} <= set(made["packages"])
        assert ("torchvision" in made["packages"]) == (bundle == category)
    assert (
        load_model(rating).made_with == json.loads((rating / "model.json").read_text())["made_with"]
    )
