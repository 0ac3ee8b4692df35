"""dvc.yaml against the code: what a stage imports is what its deps list."""

import itertools
import runpy
from pathlib import Path
from typing import Any

import grimp
import pytest

from onecycle import params as yaml_params
from tasks.__main__ import STAGES

# Hold no behaviour of a stage: see DESIGN's graph and the modules' docstrings.
NO_DEPS = {"onecycle"} | {
    f"onecycle.{name}"
    for name in ("params", "paths", "progress", "disks", "errors", "faults", "foreign", "tables")
}
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stages() -> dict[str, Any]:
    return yaml_params.read_yaml(ROOT / "dvc.yaml")["stages"]


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("onecycle", "tasks", cache_dir=None)


def code_deps(stage: dict[str, Any]) -> set[str]:
    return {dep for dep in stage["do"]["deps"] if dep.startswith(("tasks/", "onecycle/"))}


def test_the_seven_stages_in_order(stages):
    assert list(stages) == list(STAGES)
    for name, stage in stages.items():
        assert stage["foreach"] == "${run}"
        assert stage["do"]["cmd"] == f"python -m tasks {name} ${{item}}"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_the_code_that_it_imports_and_on_no_other(stages, imports, name):
    used = imports.find_upstream_modules(f"tasks.{name}") - NO_DEPS
    used = {module for module in used if "__init__" not in module}
    deps = code_deps(stages[name])
    assert f"tasks/{name}.py" in deps
    folders = {dep.replace("/", ".") for dep in deps if dep.startswith("onecycle/")}
    assert len(folders) <= 5
    packages = {module for module in used if (ROOT / module.replace(".", "/")).is_dir()}
    modules = used - packages
    uncovered = {m for m in modules if not any(m.startswith(f"{f}.") for f in folders)}
    assert not uncovered, f"{name} imports these, but dvc.yaml does not say so"
    idle = {f for f in folders if not any(m.startswith(f"{f}.") for m in modules)}
    assert not idle, f"dvc.yaml makes {name} depend on these, but it does not import them"


def test_a_stage_depends_on_its_own_sections(stages):
    expected = {name: {name} for name in STAGES} | {
        "lr_find": {"lr_find", "learner"},
        "train": {"train", "learner"},
        "evaluate": {*STAGES, "learner"},  # its lineage tells all of them
    }
    for name, stage in stages.items():
        keys = set(stage["do"]["params"])
        assert {key.rpartition(".")[2] for key in keys - {"threads"}} == expected[name]
        imports_torch = "onecycle/learn" in stage["do"]["deps"]
        assert ("threads" in keys) == imports_torch


def test_every_file_that_is_read_is_written_by_an_earlier_stage(stages):
    written: set[str] = set()
    for stage in stages.values():
        files = {dep for dep in stage["do"]["deps"]} - code_deps(stage)
        assert files <= written
        for out in itertools.chain(*(stage["do"].get(k, []) for k in ("outs", "plots", "metrics"))):
            written.add(out if isinstance(out, str) else next(iter(out)))


def test_init_files_are_empty():
    filled = [path for path in ROOT.glob("onecycle/**/__init__.py") if path.read_text()]
    assert not filled


def test_stages_without_torch_do_not_import_it(imports):
    for name in ("download", "prepare", "split"):
        used = imports.find_upstream_modules(f"tasks.{name}")
        assert not [module for module in used if module.startswith("onecycle.learn")]


def test_the_picture_of_the_graph_is_what_dvc_yaml_draws():
    made = runpy.run_path(str(ROOT / "docs" / "graph.py"))["draw"]()
    assert (ROOT / "docs" / "graph.svg").read_text() == made, "run: python docs/graph.py"
    assert "docs/graph.svg" in (ROOT / "README.md").read_text()
