"""The page: there, whole, self-contained, escaped, the same each time."""

import re
from itertools import pairwise

import pandas as pd
import pytest
from outline import Outline
from PIL import Image

from onecycle.report import results
from onecycle.report.kinds import SHOWN
from onecycle.report.template import code

LINKS = re.compile(r"#[a-z0-9-]+|\.\./index\.html")


def test_loads_nothing_but_itself(written):
    _, html = written
    seen = Outline(html)
    assert len(seen.loads) > 5
    assert all(load.startswith("data:") for load in seen.loads)
    assert all(LINKS.fullmatch(link) for link in seen.links)
    assert not {"script", "iframe", "object", "base"} & set(seen.tags)
    text = re.sub(r'"data:image[^"]*"', "", html)  # in base64 anything may be spelt
    assert not [
        each for each in ("url(", "@import", "http") if each in text.replace("http-equiv", "")
    ]


def test_who_does_not_see_it_can_find_the_way(written):
    _, html = written
    seen = Outline(html)
    assert not seen.bare
    assert len(seen.ids) == len(set(seen.ids))
    within = [link[1:] for link in seen.links if link.startswith("#")]
    assert len(within) == seen.tags.count("h2") and set(within) <= set(seen.ids)
    heads = [int(tag[1]) for tag in seen.tags if re.fullmatch(r"h[1-6]", tag)]
    assert heads.count(1) == 1 and heads[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(heads))


def test_goes_from_the_result_to_what_it_is_worth_to_how_it_came(written):
    _, html = written
    titles = re.findall(r"<h2[^>]*>([^<]+)</h2>", html)
    assert titles[:4] == ["Metrics", "What was asked", "The split", "Targets beside predictions"]
    assert titles[-4:] == ["Decision", "Training", "Data", "Recipe"]


def test_backticks_are_code_and_what_is_in_them_stays_text():
    assert str(code("see `split.by: group` & `<b>`")) == (
        "see <code>split.by: group</code> &amp; <code>&lt;b&gt;</code>"
    )


def test_pictures_are_files_too(written):
    made, _ = written
    folder = made.paths.report("pictures")
    names = {file.name for file in folder.iterdir()}
    assert {"range-test.png", "schedule.png", "history.png", "decision.png"} <= names
    assert ("examples.jpg" in names) == ("rating" not in made.paths.problem)
    bars = {"category": "label", "multicategory": "label", "points": "group", "rating": "target"}
    assert f"by-{bars[made.paths.problem.removeprefix('my_')]}.png" in names
    for name in names:
        with Image.open(folder / name) as picture:
            corner = picture.convert("RGB").getpixel((0, 0))
            assert min(corner) > 245 or name == "examples.jpg"
            assert min(picture.size) > 90


def test_tells_every_metric(written):
    made, html = written
    text = Outline(html).said()
    found = made.facts().intervals[made.headline]
    digits = results.decimals(found)
    for key in ("low", "value", "high"):
        assert f"{found[key]:.{digits}f}" in text
    for expected in (
        "24 test items",
        "100 items",
        "2 of them in no part",
        "7 rows",
        "reason 4",
        "GIF named .jpg",
        "0.003 by valley",
    ):
        assert expected in text
    assert "reason 5" not in text  # only the first ones


def test_hostile_names_are_text(written):
    _, html = written
    assert "<script" not in html
    assert "&lt;script&gt;alert(&#34;x&#34;)" in html
    assert '<script>alert("x")</script>' in Outline(html).said()


def test_tells_nothing_of_the_machine(written):
    made, html = written
    assert str(made.paths.root) not in html
    assert "/home/me" not in html and "a.zip" in html


def test_pictures_or_rows(written):
    made, html = written
    seen = Outline(html)
    pictures = "rating" not in made.paths.problem
    assert seen.tags.count("image") == (12 if pictures else 0)
    assert ("User" in seen.text) != pictures
    radius = html.count('class="radius"')
    assert (radius > 0) == ("points" in made.paths.problem)


def test_flaws_are_said_in_words(written):
    made, html = written
    kind = SHOWN[made.facts().decision["kind"]]
    worst = made.predictions.iloc[made.predictions["loss"].argmax()]
    flaw = kind.answer(worst).flaw
    assert flaw
    assert " ".join(flaw.split()) in Outline(html).said()
    assert "✗" in html and "✓" in html


def test_csvs_are_those_the_page_names(written):
    made, html = written
    files = sorted(file.name for file in made.paths.report("plots").iterdir())
    assert files
    assert sorted(re.findall(r"plots/(\w+\.csv)", html)) == files
    assert all(len(pd.read_csv(made.paths.report("plots") / name).columns) > 1 for name in files)


def test_same_inputs_same_bytes(written):
    made, html = written

    def files():
        folders = [made.paths.report(name) for name in ("plots", "pictures")]
        return {file: file.read_bytes() for folder in folders for file in folder.iterdir()}

    before = files()
    assert made.write() == html
    assert files() == before


def test_what_stood_there_stays_when_it_fails(problem):
    made = problem("rating")
    made.paths.report("report.html").write_text("before")
    made.paths.model("lr.json").unlink()
    with pytest.raises(FileNotFoundError):
        made.write()
    assert made.paths.report("report.html").read_text() == "before"
    assert not list(made.paths.report().glob(".*"))
