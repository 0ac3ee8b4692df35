"""A bundle whose bytes have changed is refused, wherever they did."""

import pytest
import rot

from onecycle import paths
from onecycle.learn import saved
from onecycle.paths import read_json, write_json
from onecycle.predict.model import load_model

ASKED = [("u1", "i1"), ("u2", "i3")]


def seen(bundle):
    paths._hashed.cache_clear()  # it goes by times, and these files are changed at once
    model = load_model(bundle)
    return model.predict(ASKED, scores=True).to_json(), model.made_with


WHAT = {"model.safetensors": "weights", "decision.json": "decision", "model.json": "description"}


@pytest.mark.trial("rot", "weights, decision, description of a model", "told, or the same values")
@pytest.mark.parametrize("name", WHAT)
def test_a_damaged_file_of_a_bundle_is_told(name, rating, tmp_path, record_property):
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for file in ("model.safetensors", "model.json"):
        (bundle / file).write_bytes((rating / file).read_bytes())
    write_json(bundle / "decision.json", read_json(rating / "decision.json"), sealed=True)
    rot.tell(bundle / name, bundle, seen, record_property)


def test_a_model_that_was_made_before_there_were_hashes_is_loaded(rating, tmp_path):
    told = read_json(rating / "model.json")
    assert told.pop("weights_sha256") == paths.sha256(rating / "model.safetensors")
    write_json(tmp_path / "model.json", told)
    (tmp_path / "model.safetensors").write_bytes((rating / "model.safetensors").read_bytes())
    assert saved.load(tmp_path).recipe.arch == "dot_bias"
