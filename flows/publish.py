"""What a run leaves to look at: the table of scores on the console, and artifacts in Prefect."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect.artifacts import create_markdown_artifact
from rich.console import Console
from rich.table import Table

from onecycle.paths import Paths
from onecycle.report.score import Score
from onecycle.report.template import data_uri

COLUMNS = ("problem", "judged by", "score", "95 % interval", "trivial", "", "on", "training")
LEGEND = (
    "Trivial: a predictor that sees no input. ✓ the model is better beyond its interval, "
    "≈ not shown to be, ✗ worse."
)
WITHIN = "* The interval is over items of few groups: it does not say how a new group does."
INDEX = "reports/index.html"
HIDDEN = "by-"  # what begins so is drawn for comparing versions


def cells(score: Score) -> list[str]:
    """The columns of a score's row in a table."""
    it = score.metric
    interval = it.interval + ("*" if score.within_groups else "")
    name, on = f"{it.name} {it.arrow}", f"{score.n:,} {score.split}"
    return [score.problem, name, it.value, interval, it.baseline, it.mark, on, score.reading.name]


def table(scores: Iterable[Score]) -> Table:
    """The scores for the console."""
    found = Table(*COLUMNS, box=None, pad_edge=False, header_style="bold")
    for column in ("score", "95 % interval", "trivial"):
        found.columns[COLUMNS.index(column)].justify = "right"
    for score in scores:
        found.add_row(*cells(score))
    return found


def show(scores: list[Score], out: Console) -> None:
    """Prints the scores and where the reports lie."""
    out.print("", table(scores), "", *notes(scores), sep="\n")
    reports = [f"  reports/{score.problem}/report.html" for score in scores]
    out.print("Reports:", f"  {INDEX}", *reports, sep="\n")


def notes(scores: Iterable[Score]) -> list[str]:
    """What the table's signs mean."""
    return [LEGEND, *([WITHIN] if any(score.within_groups for score in scores) else [])]


def markdown(scores: list[Score]) -> str:
    """The scores for Prefect's page."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *map(cells, scores)]
    rows = [f"| {' | '.join(line)} |" for line in lines]
    files = [INDEX, *(f"reports/{score.problem}/report.html" for score in scores)]
    reports = [f"- [{file}]({Path(file).resolve().as_uri()})" for file in files]
    return "\n".join(
        [
            *rows,
            "",
            *notes(scores),
            "",
            "Reports (a browser opens these links once they are pasted):",
            "",
            *reports,
        ]
    )


def scores(measured: Iterable[str], anew: Iterable[str], out: Console) -> None:
    """Prints the scores; publishes them, and a page of pictures for each that was measured anew.

    What can't be read or published is told, and loses nothing else.
    """
    found = []
    for problem in measured:
        with told(f"no score of {problem}", out):
            found.append(Score.read(problem))
    if found:
        with told("no page over all problems", out):
            from onecycle.report import index

            index.write()
        show(found, out)
        with told("the scores are not in Prefect", out):
            create_markdown_artifact(markdown(found), key="metrics", description="Scores")
    for problem in anew:
        with told(f"no pictures of {problem} in Prefect", out):
            key, text = problem.replace("_", "-"), f"{problem}: how it was trained, and its answers"
            create_markdown_artifact(pictures(problem), key=key, description=text)


@contextmanager
def told(what: str, out: Console) -> Iterator[None]:
    """Tells of an exception in a line instead of raising it."""
    try:
        yield
    except Exception as error:
        out.print(f"{what}: {type(error).__name__}: {error}", markup=False, soft_wrap=True)


def pictures(problem: str) -> str:
    """The reading of the training, and the report's pictures, as markdown that holds them."""
    score, folder = Score.read(problem), Paths(problem).report("pictures")
    it = score.reading
    lines = [f"**{it.name}**: {it.says}", f"The rule: {it.rule}."]
    lines += [f"To try next: `--set {each}`" for each in it.tries]
    files = sorted(file for file in folder.iterdir() if not file.name.startswith(HIDDEN))
    return "\n\n".join([*lines, *map(_picture, files)])


def _picture(file: Path) -> str:
    form = file.suffix.removeprefix(".").replace("jpg", "jpeg")
    return f"![{file.stem}]({data_uri(file.read_bytes(), form)})"
