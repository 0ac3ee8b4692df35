"""The page of a problem's studies: all that is whole is on it, as text, and it loads nothing."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from browser import browser, found
from hostile import HOSTILE
from outline import Outline

from onecycle.paths import Paths, read_json, write_json
from onecycle.report import index
from onecycle.report.parts import Table
from onecycle.studies import finding, outcome, page, written
from onecycle.studies.arm import Arm, Asked
from onecycle.studies.compare import Estimate
from onecycle.studies.finding import Finding
from onecycle.studies.outcome import Outcome, Part, Run
from tasks.study import command

N = 60
SECTIONS = {
    "split": {"by": HOSTILE, "valid": 0.2},
    "learner": {"arch": "dot_bias", "wd": 0.1, "seed": 1},
    "lr_find": {},
    "train": {"unfrozen": {"epochs": 3, "lr": 1e-3}},
}
OPTIONS = SimpleNamespace(
    name="wd", problem="my_rating", seeds=2, folds=5, values="[1, 2]", settings=["threads=2"]
)
STICKS_OUT = """Math.max(...[...document.querySelectorAll('body *')]
  .filter(it => !it.closest('.scroll')).map(it => it.getBoundingClientRect().right))"""
PAPER = "getComputedStyle(document.body).backgroundColor"


def trained(folder, arm, parts, seeds, error, failed=None):
    """An arm whose ratings are off by so much; equal for all arms but for that."""
    runs = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        ids, y = np.array([f"{at:03}" for at in range(N)]), rng.uniform(1, 5, (N, 1))
        scores = y + error * rng.normal(1, 0.1, (N, 1))
        made = {} if failed else {name: Part(ids, y, scores) for name in parts}
        told = {"failed": failed, "history": [], "cpu_s": 1.0, "seconds": 12.0 + seed}
        place = folder / str(len(arm.name)) / str(seed)
        place.mkdir(parents=True)
        outcome.write(place, made, told)
        runs.append([Run.read(place)])
    return Outcome(arm, runs)


def write(paths, name, arms, seeds, parts, **given):
    """A study as the command leaves it."""
    asked = Asked(paths, SECTIONS, "rating", tuple(range(seeds)))
    folder = paths.root / "trained" / name
    done = {
        arm.name: trained(folder, arm, parts, seeds, error, failed) for arm, error, failed in arms
    }
    judges = finding.judged(asked, done)
    it = Finding(judges=judges, base=arms[0][0].name, **given)
    told = finding.to_json(name, f"Does {name} serve?", asked, done, it)
    written.write(paths, told | {"threads": 1, "command": command(OPTIONS)}, it)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A problem with two studies: over seeds with all that a finding may have, and of one seed."""
    paths = Paths("my_rating", tmp_path_factory.mktemp("studies"))
    write(
        paths,
        "wd",
        [
            (Arm("as asked"), 1.0, None),
            (Arm("better", {"learner.wd": 0.3}), 0.5, None),
            (Arm(HOSTILE, {"learner.arch": HOSTILE}), 1.5, None),
        ],
        seeds=2,
        parts=("valid", "test"),
        says=["'better' is better than `as asked`.", HOSTILE],
        adopt=["problems.my_rating.learner.wd=0.3", "problems.my_rating.x=[1, 2]"],
        figures={"regret": Estimate(0.5, 0.25, 0.75), "epoch": 3, "share": 0.125, "word": HOSTILE},
        tables=[Table(["Name", "Number"], [[HOSTILE, "7"]])],
    )
    write(
        paths,
        "lr",
        [(Arm("lr 1"), 1.0, None), (Arm("lr 10"), 1.0, f"loss is not finite{HOSTILE}")],
        seeds=1,
        parts=("valid",),
        says=["'lr 1' is as good as any."],
    )
    return paths


def outline(file):
    """A page's, with a space between cells."""
    return Outline(file.read_text(encoding="utf-8").replace("<", " <"))


@pytest.fixture
def seen(paths):
    assert page.write(paths) == paths.report("studies") / "index.html"
    return outline(paths.report("studies") / "index.html")


def test_loads_nothing_and_leads_to_every_study(seen):
    assert all(load.startswith("data:") for load in seen.loads)
    assert seen.links == ["#lr", "#wd", "../../index.html"]
    assert {"lr", "wd"} <= set(seen.ids) and len(seen.ids) == len(set(seen.ids))
    assert not {"script", "iframe", "object", "base"} & set(seen.tags)
    assert not seen.bare and seen.tags.count("img") == 4


def test_tells_what_was_found_and_how_to_adopt_it(seen):
    text = seen.said()
    for expected in (
        "Does wd serve? 'better' is better than as asked .",
        "--set 'problems.my_rating.learner.wd=0.3' --set 'problems.my_rating.x=[1, 2]'",
        "found with what the command below sets",
        "python -m tasks study wd my_rating --seeds 2 --values '[1, 2]' --set threads=2",
        "Does lr serve? 'lr 1' is as good as any. There is nothing to adopt",
        "regret 0.5 [0.25, 0.75] epoch 3 share 0.125",
        "better learner.wd=0.3",
        "The same in all arms: seeds 0, 1, 1 thread",
    ):
        assert expected in text


def test_arms_stand_beside_the_base_and_marks_tell_luck(seen):
    text = seen.said()
    assert "Arm rmse ↓ on test Gain rmse ↓ on valid Gain Seconds as asked" in text
    assert text.count("the base") == 4  # of the head, of both parts of wd, of lr's one
    worse = text.partition(" better 0.5")[2]
    assert worse.count("✓ +0.5") == 2 and worse.count("✗ -0.5") == 2
    assert "12.5" not in text and " 12 " in text  # seconds, whole ones from ten on


def test_says_what_the_intervals_know_of(seen):
    lr, wd = seen.said().split("Does wd serve?")
    assert "On test: 95 % intervals over 60 items and 2 seeds." in wd
    assert "One seed says nothing" in lr and "One seed says nothing" not in wd
    assert "There is no test part" in lr and "There is no test part" not in wd


def test_an_arm_without_a_model_says_why(seen):
    assert "lr 10 No model: loss is not finite<script>" in seen.said()


def test_hostile_names_are_text(paths, seen):
    html = (paths.report("studies") / "index.html").read_text(encoding="utf-8")
    assert "<script" not in html
    assert seen.text.count('<script>alert("x")</script>') == 6  # and in YAML's quotes


def test_the_same_studies_give_the_same_bytes(paths):
    before = page.write(paths).read_bytes()
    assert page.write(paths).read_bytes() == before
    assert not list(paths.report("studies").glob(".*"))


@pytest.mark.parametrize("damage", ["half", "older", "list", "picture", "figures"])
def test_a_study_that_can_t_be_read_is_named_and_harms_no_other(paths, damage):
    file, picture = paths.report("studies") / "wd.json", paths.report("studies") / "wd.dark.png"
    text, pixels = file.read_text(), picture.read_bytes()
    try:
        if damage == "half":
            file.write_text(text[: len(text) // 2])
        elif damage == "older":
            write_json(file, {key: it for key, it in json.loads(text).items() if key != "arms"})
        elif damage == "list":
            file.write_text("[]")
        elif damage == "figures":
            write_json(file, read_json(file) | {"figures": {"regret": {"mean": 1}}})
        else:
            picture.unlink()
        seen = outline(page.write(paths))
        assert "wd.json can't be shown" in seen.said() and "Does lr serve?" in seen.said()
        assert "Does wd serve?" not in seen.said()
    finally:
        file.write_text(text)
        picture.write_bytes(pixels)


def test_findings_are_on_the_page_over_all_problems(paths):
    paths.report("report.html").touch()
    try:
        (paths.report("studies") / "odd.json").write_text("[]")
        said = outline(index.write(paths.root))
        page.write(paths)
    finally:
        (paths.report("studies") / "odd.json").unlink()
        paths.report("report.html").unlink()
    text = said.said()
    assert "Studies lr 'lr 1' is as good as any. wd 'better' is better than as asked ." in text
    studies = "my_rating/studies/index.html"
    assert said.links[1:] == [studies, f"{studies}#lr", f"{studies}#wd"]
    assert "odd" not in text


def test_is_whole_at_every_width_by_day_by_night_and_in_print(tmp_path, paths):
    program = found()
    if program is None:
        pytest.skip("no Chromium on this machine: the page is not looked at in a browser")
    file, papers = page.write(paths), set()
    with browser(program, tmp_path / "profile") as tab:
        for width, scheme in ((1200, "light"), (360, "dark")):
            tab.open(file, width, scheme)
            tab.run("document.querySelectorAll('details').forEach(it => it.open = true)")
            assert tab.run("document.documentElement.scrollWidth") <= width
            assert tab.run(STICKS_OUT) <= width
            papers.add(tab.run(PAPER))
        assert len(papers) == 2
        assert tab.printed().startswith(b"%PDF")
        assert tab.complaints == []
        assert tab.asked == 2 * [file.resolve().as_uri()]
