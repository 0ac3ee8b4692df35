"""The page over all problems: what is whole is on it, and two may write it at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from outline import Outline

from onecycle.paths import alone, read_json, write_json
from onecycle.report import index
from tasks.__main__ import main


@pytest.fixture
def root(pages):
    """A tree with a report of each kind."""
    return pages["points"][0].paths.root


def said(root):
    return Outline((root / "reports" / "index.html").read_text(encoding="utf-8"))


def test_each_problem_has_its_score_split_reading_picture_and_link(root):
    assert index.write(root) == root / "reports" / "index.html"
    seen = said(root)
    kinds = ("category", "multicategory", "points", "rating")
    assert seen.links == [f"my_{kind}/report.html" for kind in kinds]
    assert seen.tags.count("img") == 3 and seen.tags.count("polyline") == 4
    assert not seen.bare and all(load.startswith("data:") for load in seen.loads)
    assert not {"script", "iframe", "object", "base"} & set(seen.tags)
    text = seen.said()
    for expected in ("Mean squared error", "24 test items", "by random", "under-fitted", "4 prob"):
        assert expected in text
    for name in ("mse", "rmse"):
        assert f"{name} on valid" in text


def test_the_same_reports_give_the_same_bytes(root):
    index.write(root)
    before = (root / "reports" / "index.html").read_bytes()
    index.write(root)
    assert (root / "reports" / "index.html").read_bytes() == before
    assert not list((root / "reports").glob(".*"))


@pytest.mark.parametrize("damage", ["missing", "half", "older", "mixed"])
def test_a_problem_whose_files_do_not_go_together_is_named_and_harms_no_other(root, damage):
    file = root / "models" / "my_points" / "model.json"
    whole = file.read_text()
    try:
        if damage == "missing":
            file.unlink()
        elif damage == "half":
            file.write_text(whole[: len(whole) // 2])
        elif damage == "mixed":  # history.csv of another training
            training = read_json(file)["training"]
            phases = [each | {"name": "other"} for each in training["phases"]]
            write_json(file, read_json(file) | {"training": training | {"phases": phases}})
        else:
            write_json(file, {key: it for key, it in read_json(file).items() if key != "y"})
        index.write(root)
        text = said(root).said()
        assert "my_points Its files do not go together" in text
        assert "Root mean squared error" in text
    finally:
        file.write_text(whole)


def test_without_a_report_it_says_so(tree, capsys):
    assert main(["index"]) == 0
    assert "reports/index.html" in capsys.readouterr().out
    assert "No report yet" in said(tree).said()


def test_who_comes_second_waits_and_sees_what_the_first_saw(root):
    page, report = root / "reports" / "index.html", root / "reports" / "late" / "report.html"
    page.unlink(missing_ok=True)
    with ThreadPoolExecutor(4) as pool:
        with alone(root / "reports"):
            others = [pool.submit(index.write, root) for _ in range(4)]
            assert not page.exists()
            report.parent.mkdir()
            report.write_text("")
        assert {other.result() for other in others} == {page}
    assert "late Its files" in said(root).said()
    report.unlink()


def test_a_line_spans_its_box():
    assert index.line([0.5]) == ""
    assert index.line([1.0, 3.0, 2.0]) == "0.0,28.0 60.0,0.0 120.0,14.0"
    assert index.line([1.0, 1.0]) == "0.0,28.0 120.0,28.0"
