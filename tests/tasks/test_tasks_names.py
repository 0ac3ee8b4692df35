"""Hostile names of files and labels, through all seven stages: they stay what they are, as text."""

import csv
import json
import re
from contextlib import redirect_stdout
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hostile import NAMES, PROBLEM, VISION, by_folder, draw
from trees import ROOT

from tasks.__main__ import STAGES, main

CONTROLS = {chr(code) for code in range(32)} - {"\n"} | {"\x7f", "\u202e"}


def by_table(folder: Path) -> str:
    names = list(NAMES.values())
    with folder.joinpath("table.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["fname", "labels"])
        for at in range(90):
            name = f"{names[at % len(names)]}{at}.png"
            draw(folder / name, at)
            lines.writerow([name, "~".join([names[at % len(names)], names[at // 2 % len(names)]])])
    return (
        "{reader: table, tables: [{path: table.csv}], y: multicategory, label_sep: '~', size: 32}"
    )


def by_ratings(folder: Path) -> str:
    names = [each.replace("\n", " ") for each in NAMES.values()]  # a line is a rating
    generator = np.random.default_rng(0)
    with folder.joinpath("u.data").open("w", encoding="utf-8") as file:
        for user in names:
            for item in names:
                file.write(f"{user}\t{item}\t{generator.integers(1, 6)}\t1\n")
    folder.joinpath("u.item").write_text("".join(f"{each}\t{each}\n" for each in names), "utf-8")
    titles = '{path: u.item, sep: "\\t", encoding: utf-8}'
    return f"{{reader: ratings, path: u.data, x: [user, item], y: rating, titles: {titles}}}"


KINDS = {
    "folders": (by_folder, "stratified", "squeezenet1_1", VISION),
    "a table": (by_table, "random", "squeezenet1_1", VISION),
    "ratings": (by_ratings, "random", "dot_bias", "factors: 4, batch_size: 32"),
}


class Tags(HTMLParser):
    """The tags of a page, and its attributes' names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen |= {tag, *(name for name, _ in attrs)}


@pytest.fixture(scope="module", params=KINDS, ids=KINDS)
def whole(request, tmp_path_factory):
    """A tree in which all stages have run, and what they printed."""
    write, split, arch, batch = KINDS[request.param]
    patch = pytest.MonkeyPatch()
    tree = tmp_path_factory.mktemp("names")
    patch.chdir(tree)
    (tree / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    Path("photos").mkdir()
    text = PROBLEM.replace("PREPARE", write(Path("photos"))).replace("SPLIT", split)
    Path("patch.yaml").write_text(text.replace("ARCH", arch).replace("BATCH", batch))
    assert main(["set", "@patch.yaml"]) == 0
    with (tree / "said").open("w") as said:
        with redirect_stdout(said):
            for stage in STAGES:
                assert main([stage, "own"]) == 0, stage
    yield request.param, tree
    patch.undo()


@pytest.mark.trial("names", "in Parquet and JSON", "kept as they are, letter by letter")
def test_labels_stay_what_they_are(whole):
    kind, tree = whole
    items = pd.read_parquet(tree / "data/own/items.parquet")
    predictions = pd.read_parquet(tree / "reports/own/predictions.parquet")
    if kind == "ratings":
        assert set(items["x"].str[0]) == {name.replace("\n", " ") for name in NAMES.values()}
        return
    assert set(items["y"].explode()) == set(NAMES.values())
    assert set(predictions["predicted"].explode().dropna()) <= set(NAMES.values())
    model = json.loads((tree / "models/own/model.json").read_text("utf-8"))
    assert set(NAMES.values()) <= set(_texts(model))


@pytest.mark.trial("names", "in the report's page", "text: no tag, attribute or link of theirs")
def test_the_page_holds_no_tag_of_theirs(whole):
    _, tree = whole
    html = (tree / "reports/own/report.html").read_text("utf-8")
    seen = Tags(html).seen
    assert not {"script", "onerror", "iframe"} & seen
    links = re.findall(r"<a\b([^>]*)>", html)
    assert all(re.fullmatch(r' href="(#[a-z0-9-]+|\.\./index\.html)"', each) for each in links)
    assert "49" not in html.partition("7 * 7")[0][-3:]


@pytest.mark.trial("names", "in CSV files", "no cell is a formula to a spreadsheet")
def test_no_cell_of_a_csv_is_a_formula(whole):
    _, tree = whole
    found = list((tree / "reports/own").rglob("*.csv"))
    assert len(found) >= 5
    for path in found:
        with path.open(newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell[:1] in "=+@\t\r" and cell]
        assert not [cell for cell in cells if cell.startswith("-") and not _is_number(cell)]


@pytest.mark.trial("names", "in what a stage prints", "no code reaches the terminal")
def test_nothing_printed_steers_a_terminal(whole):
    kind, tree = whole
    said = (tree / "said").read_text("utf-8")
    assert kind != "folders" or "onerror='x.png, row 0: not an image" in said
    assert not CONTROLS & set(said)
    assert "decoding: 9 of 9" not in said.splitlines()


def _texts(value):
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
