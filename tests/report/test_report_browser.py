"""The pages in a real browser: nothing is loaded, nothing complained of, nothing sticks out."""

import pytest
from browser import browser, found
from conftest import make

from onecycle.report import index

STICKS_OUT = """Math.max(...[...document.querySelectorAll('body *')]
  .filter(it => !it.closest('.scroll') && !it.closest('svg'))
  .map(it => it.getBoundingClientRect().right))"""
SHOWN = """[...document.querySelectorAll('img')]
  .filter(it => it.checkVisibility() && !it.naturalWidth).length"""
PAPER = "getComputedStyle(document.body).backgroundColor"


def test_pages_are_whole_at_every_width_by_day_by_night_and_in_print(tmp_path):
    program = found()
    if program is None:
        pytest.skip("no Chromium on this machine: the pages are not looked at in a browser")
    for kind in ("points", "rating"):
        make(kind, tmp_path).write()
    pages = [index.write(tmp_path), *sorted(tmp_path.glob("reports/*/report.html"))]
    assert len(pages) == 3
    with browser(program, tmp_path / "profile") as tab:
        for page in pages:
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
        assert len(tab.asked) == 2 * len(pages)
