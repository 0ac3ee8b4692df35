"""The page over all problems: what is whole is on it, and two may write it at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import make
from test_report_page import Outline

from onecycle.paths import read_json, write_json
from onecycle.report import index
from tasks.__main__ import main


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A tree with two problems' reports."""
    root = tmp_path_factory.mktemp("two")
    for kind in ("points", "rating"):
        made = make(kind, root)
        made.write()
    return root


def said(root):
    return Outline((root / "reports" / "index.html").read_text(encoding="utf-8"))


def test_each_problem_has_its_score_split_reading_picture_and_link(two):
    assert index.write(two) == two / "reports" / "index.html"
    seen = said(two)
    assert seen.links == ["my_points/report.html", "my_rating/report.html"]
    assert seen.tags.count("img") == 1 and seen.tags.count("polyline") == 2
    assert not seen.bare and all(load.startswith("data:") for load in seen.loads)
    assert not {"script", "iframe", "object", "base"} & set(seen.tags)
    text = seen.said()
    for expected in ("Mean squared error", "24 test items", "by random", "under-fitted", "2 prob"):
        assert expected in text
    for name in ("mse", "rmse"):
        assert f"{name} on valid" in text


def test_the_same_reports_give_the_same_bytes(two):
    index.write(two)
    before = (two / "reports" / "index.html").read_bytes()
    index.write(two)
    assert (two / "reports" / "index.html").read_bytes() == before
    assert not list((two / "reports").glob(".*"))


@pytest.mark.parametrize("damage", ["missing", "half", "older"])
def test_a_problem_whose_files_do_not_go_together_is_named_and_harms_no_other(two, damage):
    file = two / "models" / "my_points" / "model.json"
    whole = file.read_text()
    try:
        if damage == "missing":
            file.unlink()
        elif damage == "half":
            file.write_text(whole[: len(whole) // 2])
        else:
            write_json(file, {key: it for key, it in read_json(file).items() if key != "y"})
        index.write(two)
        text = said(two).said()
        assert "my_points Its files do not go together" in text
        assert "Root mean squared error" in text
    finally:
        file.write_text(whole)


def test_without_a_report_it_says_so(tree, capsys):
    assert main(["index"]) == 0
    assert "reports/index.html" in capsys.readouterr().out
    assert "No report yet" in said(tree).said()


def test_who_comes_second_waits_and_sees_what_the_first_saw(two):
    page, report = two / "reports" / "index.html", two / "reports" / "late" / "report.html"
    page.unlink(missing_ok=True)
    with ThreadPoolExecutor(4) as pool:
        with index._alone(two / "reports"):
            others = [pool.submit(index.write, two) for _ in range(4)]
            assert not page.exists()
            report.parent.mkdir()
            report.write_text("")
        assert {other.result() for other in others} == {page}
    assert "late Its files" in said(two).said()
    report.unlink()


def test_a_line_spans_its_box():
    assert index.line([0.5]) == ""
    assert index.line([1.0, 3.0, 2.0]) == "0.0,28.0 60.0,0.0 120.0,14.0"
    assert index.line([1.0, 1.0]) == "0.0,28.0 120.0,28.0"
