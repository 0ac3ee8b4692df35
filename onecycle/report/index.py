"""The page over all problems: each one's score, split, reading and pictures, and its report.

It belongs to no stage, for it tells of several problems: whoever has just written a report writes
it anew, from whatever other reports are whole at that time.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from onecycle.paths import Paths, alone, read_json, write_whole
from onecycle.report import pictures
from onecycle.report.score import Score
from onecycle.report.template import data_uri, template

WIDTH, HEIGHT = 120, 28  # of a history's line, in its own units


@dataclass(frozen=True)
class Entry:
    """A problem on the page.

    Attributes:
        problem: its name.
        score: null where its files do not go together.
        examples: its items in a row, as a data URI; null where it has no pictures.
        line: the history's points, as SVG has them; empty where there is but one epoch.
        studies: the finding of each, by its name.
    """

    problem: str
    score: Score | None
    examples: str | None
    line: str
    studies: dict[str, str]


def write(root: Path = Path()) -> Path:
    """Writes `reports/index.html`, whole or not at all.

    Two may write at once: each waits for the other, so that the last one sees what the first saw.

    Args:
        root: the working tree.

    Returns:
        The page.
    """
    reports = root / "reports"
    reports.mkdir(exist_ok=True)
    page = reports / "index.html"
    with alone(reports):
        write_whole(page, template("index.html").render(entries=entries(root)))
    return page


def entries(root: Path) -> list[Entry]:
    """Each problem that has a report, by name."""
    found = sorted(root.glob("reports/*/report.html"))
    return [entry(each.parent.name, root) for each in found]


def entry(problem: str, root: Path) -> Entry:
    """A problem; without a score where its files do not go together."""
    studies = findings(problem, root)
    try:
        score = Score.read(problem, root)
    except Exception:  # files that do not go together fail in many ways, and harm no other's page
        return Entry(problem, None, None, "", studies)
    return Entry(problem, score, _examples(problem, root), line(score.history[1]), studies)


def findings(problem: str, root: Path) -> dict[str, str]:
    """What each study of a problem found, in a sentence; of those that can be read."""
    found = {}
    for file in sorted(Paths(problem, root).report("studies").glob("*.json")):
        with suppress(Exception):  # likewise; its own page tells of it
            found[file.stem] = str(read_json(file)["says"][0])
    return found


def _examples(problem: str, root: Path) -> str | None:
    try:
        file = Paths(problem, root).report("pictures") / pictures.EXAMPLES
        return data_uri(file.read_bytes(), "jpeg")
    except OSError:
        return None


def line(values: list[float]) -> str:
    """A line through values from left to right, as points of an SVG polyline, high values up."""
    least, most = min(values), max(values)
    scale = HEIGHT / (most - least) if most > least else 0.0
    step = WIDTH / max(len(values) - 1, 1)
    places = [
        (round(step * at, 1), round(HEIGHT - scale * (value - least), 1))
        for at, value in enumerate(values)
    ]
    return " ".join(f"{x},{y}" for x, y in places) if len(values) > 1 else ""
