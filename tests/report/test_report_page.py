"""The page: there, whole, self-contained, escaped, the same each time."""

import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from onecycle.report import results
from onecycle.report.kinds import SHOWN


class Outline(HTMLParser):
    """Tags, what they load, and the text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.loads, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data):
        self.text += data

    def said(self):
        return " ".join(self.text.split())


def test_loads_nothing_but_itself(written):
    _, html = written
    seen = Outline(html)
    assert len(seen.loads) > 5
    assert all(load.startswith("data:") for load in seen.loads)
    assert not {"script", "iframe", "object", "base"} & set(seen.tags)
    assert (
        "url(" not in html
        and "@import" not in html
        and "http" not in html.replace("http-equiv", "")
    )


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
    worst = made.predictions.iloc[kind.badness(made.predictions).argmax()]
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
    plots = {f.name: f.read_bytes() for f in made.paths.report("plots").iterdir()}
    assert made.write() == html
    assert {f.name: f.read_bytes() for f in made.paths.report("plots").iterdir()} == plots


def test_what_stood_there_stays_when_it_fails(problem):
    made = problem("rating")
    made.paths.report("report.html").write_text("before")
    made.paths.model("lr.json").unlink()
    with pytest.raises(FileNotFoundError):
        made.write()
    assert made.paths.report("report.html").read_text() == "before"
    assert not list(made.paths.report().glob(".*"))
