"""What a run leaves to look at: tables on the console, and artifacts and reports in Prefect."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from rich.console import Console

from flows.costs import Ledger
from flows.schedule import Stage
from flows.shown import reports, standing, tables, tracking
from flows.shown.display import tell
from flows.shown.standing import Standing
from onecycle.paths import Paths, main_tree, read_json
from onecycle.report.score import Score
from onecycle.report.template import data_uri

INDEX = "reports/index.html"
HIDDEN = "by-"  # what begins so is drawn for comparing versions
PASTE = "Reports (a browser opens these links once they are pasted):"
CLICK = "Reports:"


def scores(measured: Iterable[str], anew: Iterable[str], out: Console) -> None:
    """Prints the scores; publishes them, and a page of pictures for each that was measured anew.

    What can't be read or published is told, and loses nothing else.
    """
    found: list[Score] = []
    stand: dict[str, Standing] = {}
    for problem in measured:
        with told(f"no score of {problem}", out):
            found.append(Score.read(problem))
            with told(f"no difference of {problem} to what was before", out):
                stand[problem] = Standing.read(problem, str(flow_run.name))
    links: dict[str, str] = {}
    if found:
        with told("no page over all problems", out):
            from onecycle.report import index

            index.write()
        with told("the reports are not kept", out):
            named = [score.problem for score in found]
            links = reports.links(reports.keep(named, str(flow_run.id)), named)
        show(found, stand, links, out)
        with told("the scores are not in Prefect", out):
            text = page(found, stand, links)
            create_markdown_artifact(text, key="metrics", description="Scores")
    for problem in anew:
        with told(f"no pictures of {problem} in Prefect", out):
            text = pictures(problem, stand.get(problem), links.get(problem))
            create_markdown_artifact(text, key=key(problem), description=f"{problem}: {ABOUT}")
        if tracking.asked():
            with told(f"{problem} is not in MLflow", out):
                tracking.log(problem, str(flow_run.name), str(flow_run.id))
    for each in stand.values():
        with told(f"the metrics of {each.problem} are not kept", out):
            standing.keep(each)


ABOUT = "its metrics, how it was trained, and its answers"


def key(name: str) -> str:
    """A name as the key of an artifact."""
    return name.replace("@", "-").replace("_", "-")


def show(
    scores: list[Score], stand: Mapping[str, Standing], links: Mapping[str, str], out: Console
) -> None:
    """Prints the scores and where the reports lie: in a tree that goes, where they are kept."""
    out.print("", tables.console(scores, stand), "", *tables.notes(scores, stand), sep="\n")
    names = [score.problem for score in scores]
    if Path.cwd() == main_tree():
        where = [INDEX, *(f"reports/{name}/report.html" for name in names)]
    else:
        where = [links[name] for name in names if name in links]
    out.print("Reports:", *(f"  {each}" for each in where), sep="\n", soft_wrap=True)


def page(scores: list[Score], stand: Mapping[str, Standing], links: Mapping[str, str]) -> str:
    """The scores for Prefect's page."""
    shown = [f"- [{name}]({link})" for name, link in links.items()]
    served = any(link.startswith("http") for link in links.values())
    lines = [*tables.markdown(tables.rows(scores, stand)), "", *tables.notes(scores, stand)]
    return "\n".join([*lines, "", CLICK if served else PASTE, "", *shown])


def costs(ledger: Ledger, states: Mapping[str, State[Any]], out: Console) -> None:
    """Prints and publishes what the stages took; nothing where none ran."""
    if not ledger.spent:
        return
    dearest = max(ledger.spent, key=lambda name: ledger.spent[name].peak_rss_bytes)
    out.print(f"Stages took {ledger.total} at most ({dearest}).", soft_wrap=True)
    with told("what the stages took is not in Prefect", out):
        ended = {name: str(state.name) for name, state in states.items()}
        table = tables.costs(ledger, ended)
        create_table_artifact(table, key="costs", description="What each stage took")


@contextmanager
def told(what: str, out: Console) -> Iterator[None]:
    """Tells of an exception in a line instead of raising it."""
    try:
        yield
    except Exception as error:
        tell(f"{what}: {type(error).__name__}: {error}", out)


def pictures(problem: str, stand: Standing | None, link: str | None) -> str:
    """All metrics, the reading of the training, and the report's pictures, which it holds."""
    score, folder = Score.read(problem), Paths(problem).report("pictures")
    it = score.reading
    lines = [f"[The report]({link})"] if link and link.startswith("http") else []
    lines += [f"**{it.name}**: {it.says}", f"The rule: {it.rule}."]
    lines += [f"To try next: `--set {each}`" for each in it.tries]
    if stand:
        lines += ["\n".join(tables.markdown(tables.metrics(stand)))]
    files = sorted(file for file in folder.iterdir() if not file.name.startswith(HIDDEN))
    return "\n\n".join([*lines, *(_picture(it.stem, it.read_bytes(), it.suffix) for it in files)])


DRAWING = Lock()  # Matplotlib draws for one thread at a time


def curve(stage: Stage) -> None:
    """Publishes the picture of a range test or a training that has just ended, before its report.

    What goes wrong is no matter: the report has it too.
    """
    if stage.task not in CURVES:
        return
    with DRAWING, told(f"no picture of {stage.name}", Console(quiet=True)):
        png, caption = CURVES[stage.task](Paths(stage.problem))
        text = f"{_picture(stage.task, png, '.png')}\n\n{caption}"
        create_markdown_artifact(text, key=key(stage.name), description=caption)


def _range_test(paths: Paths) -> tuple[bytes, str]:
    import pandas as pd

    from onecycle.report import range_test
    from onecycle.report.pictures import on_paper

    curve = pd.read_csv(paths.report("lr_find.csv"))
    drawn = range_test.plot(read_json(paths.model("lr.json")), curve, "Range test")
    return on_paper(drawn), drawn.caption


def _history(paths: Paths) -> tuple[bytes, str]:
    from onecycle.report import training
    from onecycle.report.pictures import on_paper

    drawn = training.history_plot(training.Trained.read(paths))
    return on_paper(drawn), drawn.caption


CURVES = {"lr_find": _range_test, "train": _history}


def _picture(name: str, content: bytes, suffix: str) -> str:
    form = suffix.removeprefix(".").replace("jpg", "jpeg")
    return f"![{name}]({data_uri(content, form)})"
