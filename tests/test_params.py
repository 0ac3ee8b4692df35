"""params.yaml: what is refused, in which words, and how values are written into it."""

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from onecycle import params as yaml_params
from onecycle.errors import UserError
from tasks import problems
from tasks.__main__ import main

STAGES = ["download", "prepare", "split", "learner", "lr_find", "train", "calibrate", "evaluate"]


def raw() -> dict[str, Any]:
    return yaml_params.read_yaml(yaml_params.PARAMS_FILE)


def refusal(value: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        problems.check(value)
    return str(caught.value)


def test_the_shipped_file_is_valid_and_complete(tree):
    value = raw()
    params = problems.check(value)
    assert params.run == [name for name in params.problems if name.startswith("sample_")]
    assert {"pets", "pascal", "biwi", "movielens"} <= set(params.problems)
    for problem in value["problems"].values():
        assert list(problem) == STAGES


def test_what_dvc_writes_for_a_setting_means_the_same(tree):
    """DVC rewrites params.yaml for -S by ruamel's round trip, wrapping lines at 80."""
    yaml = YAML()
    yaml.width = 80
    yaml.dump(yaml.load(Path("params.yaml")), Path("again.yaml"))
    assert yaml_params.read_yaml(Path("again.yaml")) == raw()
    assert "&" not in Path("params.yaml").read_text()


@pytest.mark.trial(
    "params",
    "unknown keys, wrong types, values out of range, sections at odds",
    "refused: the key's path, what was expected",
)
@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("problems.pets.train.unfrozen.epoch", 3, "unknown key 'epoch', did you mean 'epochs'?"),
        ("problems.pets.prepare.lable", "x", "unknown key 'lable', did you mean 'label'?"),
        ("problems.pets.train.unfrozen.epochs", "six", "problems.pets.train.unfrozen.epochs: "),
        ("problems.pets.train.unfrozen.epochs", -1, "greater than or equal to 0, got -1"),
        (
            "problems.pets.train.frozen.lr",
            "fnd",
            "expected a valid number, got 'fnd'",
        ),
        ("problems.pets.split.valid", 0.9, "expected valid + test below 1"),
        ("problems.pets.split.by", "rondom", "expected 'by' to be one of 'random', 'stratified'"),
        ("problems.biwi.split.test", [13], "expected a valid string, got 13; put it in quotes"),
        ("problems.pets.prepare.label", "[", "expected a regular expression"),
        ("problems.pets.prepare.label", "a", "a regular expression with a group in parentheses"),
        ("problems.pets.learner.arch", "resnet33", "did you mean 'resnet34'?"),
        ("problems.pets.learner.arch", "dot", "problems.pets.learner: unknown key"),
        ("problems.pets.learner.arch", "timm:resnet18d", "timm's weights are expected as {url"),
        ("problems.pets.learner.y_range", [-1.0, 1.0], "labels have scores without bounds"),
        ("problems.pets.learner.micro_batch", 1, "greater than or equal to 2"),
        ("problems.biwi.learner.fit", "crop", "points need learner.fit: squish"),
        ("problems.pets.learner.head", "heatmap", "learner.head: heatmap finds points"),
        ("problems.pascal.calibrate.coverage", 0.5, "problems.pascal.calibrate: unknown key"),
        ("problems.pascal.calibrate.aim", "f1", "problems.pascal.calibrate.aim: expected"),
        ("problems.pets.download.archives", [], "problems.pets.download.archives: "),
        ("problems.pets.download.folder", "x", "expected one of archives, folder or sample"),
        ("problems.pets.lr_find.suggestion", "vally", "expected 'valley', 'slide', 'minimum' or"),
        ("problems.pets.learner.size", [0, 224], "problems.pets.learner.size"),
        ("problems.biwi.learner.y_range", [1, -1], "expected the lower end first"),
        ("problems.biwi.learner.augment.min_scale", 0.5, "points need learner.augment.min_scale"),
        ("problems.biwi.prepare.group", None, "but prepare.group is null"),
        ("problems.biwi.split.valid", ["13"], "none of them in test too: ['13']"),
        ("problems.biwi.split.valid", [], "expected groups for valid"),
        ("problems.pets.lr_find.start", 100, "expected start below end"),
        ("problems.biwi.train.unfrozen.lr", [1e-2, 1e-4], "first layers' rate first"),
        ("run", ["pets", "pets"], "run: 'pets' is named twice"),
        ("threads", 0, "threads: expected greater than or equal to 1, got 0"),
        ("threads", True, "threads: "),
        ("run", ["pet"], "run: no problem 'pet'; did you mean 'pets'?"),
    ],
)
def test_a_mistake_is_named_with_its_path_and_remedy(tree, path, value, said):
    whole = raw()
    *keys, last = path.split(".")
    inside = whole
    for key in keys:
        inside = inside[key]
    inside[last] = value
    assert said in refusal(whole)


@pytest.mark.trial("params", "a missing section", "refused, named")
def test_a_missing_section_is_named(tree):
    whole = raw()
    del whole["problems"]["pets"]["evaluate"]
    assert "problems.pets.evaluate: is missing" in refusal(whole)


def test_every_fault_is_told_at_once(tree):
    whole = raw()
    whole["problems"]["pets"]["train"]["frozen"]["epochs"] = "x"
    whole["problems"]["biwi"]["split"]["seed"] = -1
    said = refusal(whole)
    assert "problems.pets.train.frozen.epochs" in said and "problems.biwi.split.seed" in said


def test_a_checksum_is_checked_before_anything_runs(tree):
    whole = raw()
    whole["problems"]["pets"]["download"]["archives"][0]["checksum"] = "sha256:12"
    assert "problems.pets.download.archives.0.checksum" in refusal(whole)


def test_numbers_like_1e_4_are_numbers(tree):
    Path("x.yaml").write_text("a: 1e-4\nb: 01\nc: '01'\n")
    assert yaml_params.read_yaml(Path("x.yaml"))["a"] == 1e-4


@pytest.mark.trial("params", "text that is no YAML", "refused with its line")
@pytest.mark.parametrize("text", ["a: [1", "a: b: c", "\tx"])
def test_broken_yaml_names_the_line(tree, text):
    Path("params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"params.yaml, line \d+: not valid YAML"):
        raw()


@pytest.mark.trial("params", "no params.yaml", "refused")
def test_a_missing_file_names_the_remedy(tree):
    Path("params.yaml").unlink()
    with pytest.raises(UserError, match="no such file here"):
        raw()


def test_setting_a_value_keeps_comments_and_everything_else(tree):
    before = Path("params.yaml").read_text().splitlines()
    assert main(["set", "problems.pets.train.unfrozen.epochs=2"]) == 0
    after = Path("params.yaml").read_text().splitlines()
    assert raw()["problems"]["pets"]["train"]["unfrozen"]["epochs"] == 2
    assert len(before) == len(after)
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


@pytest.mark.trial("params", "a setting that would be wrong", "refused, nothing written")
def test_a_setting_that_would_be_wrong_is_not_written(tree, capsys):
    before = Path("params.yaml").read_bytes()
    assert main(["set", "problems.pets.train.unfrozen.epoch=2"]) == 1
    assert "did you mean 'epochs'?" in capsys.readouterr().err
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.trial("params", "a setting that can't be read", "refused")
@pytest.mark.parametrize("setting", ["run=[pets", "run", "@missing.yaml"])
def test_a_setting_that_can_t_be_read_is_refused(tree, capsys, setting):
    assert main(["set", setting]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_setting_a_value_in_a_broken_file_names_the_line(tree, capsys):
    Path("params.yaml").write_text("a: [1")
    assert main(["set", "run=[]"]) == 1
    assert "params.yaml, line 1: not valid YAML" in capsys.readouterr().err


def test_a_patch_merges_and_replaces_where_told(tree):
    Path("patch.yaml").write_text(
        "problems:\n"
        "  pets:\n"
        "    learner: {size: 128}\n"
        "    split: !replace {by: column, valid: 0.1}\n"
    )
    arch = raw()["problems"]["pets"]["learner"]["arch"]
    assert main(["set", "@patch.yaml"]) == 0
    pets = raw()["problems"]["pets"]
    assert pets["learner"]["size"] == 128 and pets["learner"]["arch"] == arch
    assert pets["split"] == {"by": "column", "valid": 0.1}


def test_the_mirror_patch_fits_and_leaves_no_anchor(tree, root):
    assert main(["set", f"@{root / 'patches' / 'mirror.yaml'}"]) == 0
    text = Path("params.yaml").read_text()
    assert "&" not in text
    problem = problems.check(raw()).problems["pets"]
    assert problem.split.by == "column"


def test_the_schema_in_the_repository_is_the_code_s(root):
    assert json.loads((root / problems.SCHEMA_FILE).read_text()) == problems.schema()


def test_a_stage_without_its_inputs_says_what_to_run_first(tree, capsys):
    for stage in ("split", "train", "calibrate", "evaluate"):
        assert main([stage, "sample_movielens"]) == 1
        said = capsys.readouterr().err
        assert "sample_movielens" in said and f"run the stages before {stage}" in said


def test_an_unknown_problem_on_the_command_line(tree, capsys):
    assert main(["split", "pest"]) == 1
    assert "no problem 'pest'; did you mean 'pets'?" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "exa\u2100mple.com", "[x"])
@pytest.mark.parametrize(
    "key", ["sample_pets.download", "pets.download.archives", "sample_pets.learner.weights", "x"]
)
def test_a_password_in_a_url_is_refused_and_neither_repeated_nor_written(tree, key, host):
    before = Path("params.yaml").read_bytes()
    url = f"http://me:CANARY@{host}/a.zip"
    value = f"{{url: '{url}'}}" if "weights" in key else f"{{archives: [{{url: '{url}'}}]}}"
    value = f"[{{url: '{url}'}}]" if key.endswith("archives") else value
    with pytest.raises(UserError) as caught:
        problems.change([f"problems.{key}={value}"])
    said = str(caught.value)
    assert "CANARY" not in said and (key == "x" or "url" in said)
    assert Path("params.yaml").read_bytes() == before
    for broken in (f"problems.pets.download={{{url}", url):
        with pytest.raises(UserError) as caught:
            problems.change([broken])
        assert "CANARY" not in str(caught.value)
