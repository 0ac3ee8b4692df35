"""The pages in a real browser: nothing is loaded, nothing complained of, nothing sticks out."""

import pytest
from browser import browser, found

from onecycle.report import index

KINDS = ("points", "rating")  # pictures with marks, and wide tables
STICKS_OUT = """Math.max(...[...document.querySelectorAll('body *')]
  .filter(it => !it.closest('.scroll') && !it.closest('svg'))
  .map(it => it.getBoundingClientRect().right))"""
SHOWN = """[...document.querySelectorAll('img')]
  .filter(it => it.checkVisibility() && !it.naturalWidth).length"""
PAPER = "getComputedStyle(document.body).backgroundColor"


def test_pages_are_whole_at_every_width_by_day_by_night_and_in_print(tmp_path, pages):
    program = found()
    if program is None:
        pytest.skip("no Chromium on this machine: the pages are not looked at in a browser")
    root = pages["points"][0].paths.root
    files = [index.write(root), *(root / f"reports/my_{kind}/report.html" for kind in KINDS)]
    with browser(program, tmp_path / "profile") as tab:
        for page in files:
            papers = set()
            for width, scheme in ((1200, "light"), (360, "dark")):
                tab.open(page, width, scheme)
                assert tab.run("document.documentElement.scrollWidth") <= width
                assert tab.run(STICKS_OUT) <= width
                assert tab.run(SHOWN) == 0
                papers.add(tab.run(PAPER))
            assert len(papers) == 2
            assert tab.printed().startswith(b"%PDF")
        assert tab.complaints == []
        assert {url.partition(":")[0] for url in tab.asked} == {"file"}
        assert len(tab.asked) == 2 * len(files)
