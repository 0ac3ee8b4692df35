"""What a run leaves to look at: the table of scores on the console, and artifacts in Prefect."""

import base64
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from prefect.artifacts import create_markdown_artifact
from rich.console import Console
from rich.table import Table

from onecycle.decide.kinds import KINDS
from onecycle.paths import Paths, read_json
from onecycle.report.parts import Plot
from onecycle.report.results import Row, row

COLUMNS = ("problem", "judged by", "score", "95 % interval", "trivial", "", "on")
LEGEND = (
    "Trivial: a predictor that sees no input. ✓ the model is better beyond its interval, "
    "≈ not shown to be, ✗ worse."
)
WITHIN = "* The interval is over items of few groups: it does not say how a new group does."
PAPER = "white"  # behind pictures: the page may be dark or light


@dataclass(frozen=True)
class Score:
    """A problem's headline metric."""

    problem: str
    metric: Row
    n: int
    split: str
    within_groups: bool

    @classmethod
    def read(cls, problem: str) -> "Score":
        """Reads it from what calibrate and evaluate wrote."""
        paths = Paths(problem)
        kind = read_json(paths.model("decision.json"))["kind"]
        intervals = read_json(paths.report("intervals.json"))
        headline = KINDS[kind].headline
        found = intervals[headline]
        within = bool(found.get("within_groups", False))
        return cls(problem, row(intervals, kind, headline), found["n"], found["split"], within)

    @property
    def cells(self) -> list[str]:
        """The columns of its row in a table."""
        it = self.metric
        interval = it.interval + ("*" if self.within_groups else "")
        name, on = f"{it.name} {it.arrow}", f"{self.n:,} {self.split}"
        return [self.problem, name, it.value, interval, it.baseline, it.mark, on]


def table(scores: Iterable[Score]) -> Table:
    """The scores for the console."""
    found = Table(*COLUMNS, box=None, pad_edge=False, header_style="bold")
    for column in ("score", "95 % interval", "trivial"):
        found.columns[COLUMNS.index(column)].justify = "right"
    for score in scores:
        found.add_row(*score.cells)
    return found


def show(scores: list[Score], out: Console) -> None:
    """Prints the scores and where the reports lie."""
    out.print("", table(scores), "", *notes(scores), sep="\n")
    out.print("Reports:", *(f"  reports/{it.problem}/report.html" for it in scores), sep="\n")


def notes(scores: Iterable[Score]) -> list[str]:
    """What the table's signs mean."""
    return [LEGEND, *([WITHIN] if any(score.within_groups for score in scores) else [])]


def markdown(scores: list[Score]) -> str:
    """The scores for Prefect's page."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *(score.cells for score in scores)]
    rows = [f"| {' | '.join(cells)} |" for cells in lines]
    reports = [f"- `reports/{score.problem}/report.html`" for score in scores]
    return "\n".join([*rows, "", *notes(scores), "", "Reports:", "", *reports])


def scores(measured: Iterable[str], trained: Iterable[str], out: Console) -> None:
    """Prints the scores; publishes them, and a page of pictures for each problem just trained.

    What can't be read or published is told, and loses nothing else.
    """
    found = []
    for problem in measured:
        with told(f"no score of {problem}", out):
            found.append(Score.read(problem))
    if found:
        show(found, out)
        with told("the scores are not in Prefect", out):
            create_markdown_artifact(markdown(found), key="metrics", description="Scores")
    for problem in trained:
        with told(f"no pictures of {problem} in Prefect", out):
            key, text = problem.replace("_", "-"), f"{problem}: the range test and the epochs"
            create_markdown_artifact(pictures(problem), key=key, description=text)


@contextmanager
def told(what: str, out: Console) -> Iterator[None]:
    """Tells of an exception in a line instead of raising it."""
    try:
        yield
    except Exception as error:
        out.print(f"{what}: {type(error).__name__}: {error}", markup=False, soft_wrap=True)


def pictures(problem: str) -> str:
    """The range test and the history, as markdown that holds its pictures."""
    from onecycle.report import training

    plots = training.plots(training.Trained.read(Paths(problem)))
    return "\n\n".join(f"![{it.alt}]({on_paper(it)})\n\n{it.caption}" for it in plots)


def on_paper(plot: Plot) -> str:
    """A plot on an opaque ground, as a data URI."""
    from PIL import Image

    from onecycle.report.figures import data_uri

    drawn = Image.open(BytesIO(base64.b64decode(plot.light.partition(",")[2]))).convert("RGBA")
    paper = Image.new("RGBA", drawn.size, PAPER)
    paper.alpha_composite(drawn)
    buffer = BytesIO()
    paper.convert("RGB").save(buffer, "PNG", optimize=True)
    return data_uri(buffer.getvalue())
