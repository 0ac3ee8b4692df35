"""The page of a problem's studies: what each found, its arms beside each other, how to adopt it.

It is written anew after each study, from the files of whatever studies lie there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from onecycle.paths import Paths, alone, read_json, write_whole
from onecycle.report.figures import WIDTH
from onecycle.report.parts import Plot, Table
from onecycle.report.template import data_uri, template
from onecycle.report.words import count
from onecycle.studies.arm import yaml
from onecycle.studies.words import adopting, over, score

Told = dict[str, Any]  # what NAME.json says
Cell = tuple[str, str]  # a value, and its interval
NO_CELL: Cell = ("–", "")


@dataclass(frozen=True)
class Row:
    """An arm in the table: why it gave no model, or a cell for each column."""

    name: str
    failed: str | None
    cells: list[Cell]


@dataclass(frozen=True)
class Shown:
    """A study as the template shows it, in words.

    Attributes:
        name: of the study and of its place on the page.
        question: what it asks.
        says: sentences, the finding first.
        adopt: the command that does; empty: there is nothing to adopt.
        plot: its picture.
        columns: of the arms' table.
        arms: its rows.
        method: how that table is to be read.
        tables: those that only this study has.
        figures: numbers likewise.
        changes: what each arm changes in the recipe.
        recipe: in YAML.
        same: what all arms share.
        command: the one that runs it again; empty where it is not known.
    """

    name: str
    question: str
    says: list[str]
    adopt: str
    plot: Plot
    columns: list[str]
    arms: list[Row]
    method: str
    tables: list[Table]
    figures: Table
    changes: Table
    recipe: str
    same: str
    command: str


def write(paths: Paths) -> Path:
    """Writes `reports/<p>/studies/index.html`, whole or not at all; two may write at once.

    Returns:
        The page.
    """
    folder = paths.report("studies")
    page = folder / "index.html"
    with alone(folder):
        studies, skipped = read(folder)
        html = template("studies.html", Path(__file__).parent).render(
            problem=paths.problem,
            studies=studies,
            skipped=skipped,
            reported=paths.report("report.html").exists(),
        )
        write_whole(page, html)
    return page


def read(folder: Path) -> tuple[list[Shown], list[str]]:
    """The studies whose files lie in a folder, by name, and the files that can't be shown."""
    studies, skipped = [], []
    for file in sorted(folder.glob("*.json")):
        try:
            studies.append(shown(file))
        except Exception:  # damaged files fail in many ways, and harm no other's place on the page
            skipped.append(file.name)
    return studies, skipped


def shown(file: Path) -> Shown:
    """A study in words.

    Raises:
        OSError: a file of it is missing.
        ValueError: one is damaged.
        KeyError: one lacks what it should have; other lookups fail likewise.
    """
    told: Told = read_json(file)
    figures = [[name, _figure(value)] for name, value in told["figures"].items()]
    changes = [
        [arm["name"], ", ".join(f"{key}={yaml(value)}" for key, value in arm["changes"].items())]
        for arm in told["arms"]
    ]
    return Shown(
        name=file.stem,
        question=told["question"],
        says=[told["says"][0], *told["says"][1:]],
        adopt=adopting(told["adopt"]),
        plot=_plot(file, told["picture"]),
        columns=_columns(told),
        arms=[Row(arm["name"], arm["failed"], list(_cells(told, arm))) for arm in told["arms"]],
        method=" ".join(_method(told)),
        tables=[Table(**table) for table in told["tables"]],
        figures=Table(["Figure", "Value"], figures),
        changes=Table(["Arm", "Changes"], changes, text=2),
        recipe=_block(told["recipe"]),
        same=_same(told),
        command=told.get("command", ""),
    )


def _plot(file: Path, picture: Told) -> Plot:
    light, dark = (
        data_uri(file.with_suffix(f".{theme}.png").read_bytes()) for theme in ("light", "dark")
    )
    width, height = round(96 * WIDTH), round(96 * picture["height"])
    return Plot(light, dark, width, height, picture["alt"], picture["caption"])


def _parts(told: Told) -> list[str]:
    """The judged parts, what tells the score before what chooses."""
    return list(reversed(told["n"]))


def _columns(told: Told) -> list[str]:
    arrow = "↓" if told["lower_is_better"] else "↑"
    scores = [(f"{told['metric']} {arrow} on {part}", "Gain") for part in _parts(told)]
    return [*(column for pair in scores for column in pair), "Seconds"]


def _cells(told: Told, arm: Told) -> Iterator[Cell]:
    """An arm's score and gain on each part, and the seconds of a training."""
    for part in _parts(told):
        found, gain = arm["score"].get(part), arm["gain"].get(part)
        yield (score(found["value"]), _interval(found, score)) if found else NO_CELL
        if found and arm["name"] == told["base"]:
            yield "the base", ""
        elif gain:
            mark = "✓" if gain["low"] > 0 else "✗" if gain["high"] < 0 else "≈"
            yield f"{mark} {gain['value']:+.3g}", _interval(gain, "{:+.3g}".format)
        else:
            yield NO_CELL
    yield f"{arm['seconds']:,.{0 if arm['seconds'] >= 10 else 1}f}", ""


def _interval(found: Told, word: Any) -> str:  # noqa: ANN401 - of a number
    return f"[{word(found['low'])}, {word(found['high'])}]"


def _method(told: Told) -> Iterator[str]:
    """What the intervals of the arms know of, and what they do not."""
    seeds = len(told["seeds"])
    for part in _parts(told):
        yield f"On {part}: {over(told['n'][part], told['groups'][part], seeds)}."
        if told["within_groups"][part]:
            yield "Its groups are too few to be resampled: what another group would give is not in."
    if seeds == 1:
        yield "One seed says nothing of what another would give: a gain may be its luck."
    if list(told["n"]) == ["valid"]:
        yield "There is no test part: what valid chose looks better on valid than it is."


def _same(told: Told) -> str:
    seeds = f"seed{'s' * (len(told['seeds']) > 1)} " + ", ".join(map(str, told["seeds"]))
    threads = f", {count(told['threads'], 'thread')}" if told.get("threads") else ""
    return (
        f"The same in all arms: {seeds}{threads}, and what the recipe says else. "
        "Seconds are of one training, by the clock, with others beside it."
    )


def _figure(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict):
        return f"{score(value['value'])} {_interval(value, score)}"
    return score(value) if isinstance(value, float) else str(value)


def _block(recipe: Told) -> str:
    """A recipe in YAML, a line for each section."""
    text = StringIO()
    writer: Any = YAML(typ="safe", pure=True)
    writer.default_flow_style, writer.width = True, 1 << 20
    writer.sort_base_mapping_type_on_output = False
    for section, values in recipe.items():
        text.write(f"{section}: ")
        writer.dump(values, text)
    return text.getvalue()
