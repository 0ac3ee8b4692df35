"""What a lineage tells, made into parameters again; and which files of two bundles differ."""

import json
import shutil
from pathlib import Path

import pytest

from flows import verify
from onecycle.errors import UserError
from onecycle.paths import write_json
from onecycle.report.lineage import without_places

ASKED = {
    "download": {
        "archives": [
            {"url": "https://example.org/a.tgz", "bytes": 3},
            {"url": "file:///disk/b%20c.tgz", "bytes": None},
        ],
        "folder": None,
    },
    "prepare": {"group": "folder", "path": "images"},
    "learner": {"weights": {"url": "file:mirror/resnet34.pth"}},
}


def test_places_come_back_from_params_yaml():
    told = without_places(ASKED)
    assert "disk" not in json.dumps(told)
    assert verify.with_places(told, ASKED, "problems.p") == ASKED


def test_a_place_that_params_yaml_does_not_tell_is_asked_for():
    told = without_places({"download": {"folder": "/data/photos"}})
    for here in ({}, {"download": {"folder": "/data/others"}}, {"download": None}):
        with pytest.raises(UserError, match=r"problems\.p\.download\.folder: .* local 'photos'"):
            verify.with_places(told, here, "problems.p")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ({"commit": None, "changed": None}, "was in no commit"),
        ({"commit": "c" * 40, "changed": True}, "was in no commit"),
        ({"commit": "c" * 40, "changed": False}, "has no commit cccccccc"),
    ],
)
def test_code_that_can_t_be_had_is_told(tmp_path, code, said):
    write_json(tmp_path / "lineage.json", {"problem": "p", "code": code})
    with pytest.raises(UserError, match=said):
        verify.lineage_of(tmp_path)


def test_a_folder_that_is_no_bundle_is_told(tmp_path):
    with pytest.raises(UserError, match="no such file; name a bundle"):
        verify.lineage_of(tmp_path)
    assert verify.main([str(tmp_path)]) == 1


def test_dvc_keeps_what_it_knows_of_the_tree_in_it_for_this_user_only(tmp_path, monkeypatch):
    given = {}

    def start(*_, env, **__):
        given.update(env)
        raise UserError("enough")

    monkeypatch.setattr(verify.supervisor, "start", start)
    with pytest.raises(UserError, match="enough"):
        verify.train(tmp_path, "p")
    site = Path(given["DVC_SITE_CACHE_DIR"])
    assert site.is_relative_to(tmp_path) and site.stat().st_mode & 0o77 == 0


def test_what_differs_is_named_to_the_key(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    write_json(old / "model.json", {"made_with": {"torch": "1"}, "same": 1}, sealed=True)
    (old / "model.safetensors").write_bytes(b"weights")
    shutil.copytree(old, new)
    assert list(verify.compare(old, new)) == []
    write_json(new / "model.json", {"made_with": {"torch": "2"}, "same": 1}, sealed=True)
    (new / "model.safetensors").write_bytes(b"heights")
    (old / "lr.json").write_text("{}")
    assert list(verify.compare(old, new)) == [
        "lr.json: only before",
        "model.json: differs at made_with.torch",
        "model.safetensors: differs",
    ]
