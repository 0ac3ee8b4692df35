"""Writes docs/lesson.md: what the studies say of each claim of the lesson. `make lesson`.

Trainings that were made before are not made again, so a lesson that was killed goes on where it
was. `claims.py` holds the claims, `plans.py` the studies; `reading.md`, written by hand, is what
to think of the result.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from PIL import Image

from docs.lesson import weights
from docs.lesson.claims import CLAIMS
from docs.lesson.evidence import Claim, reading, verdict
from docs.lesson.plans import PLANS, Plan, Planned
from onecycle.errors import UserError
from onecycle.learn import device
from onecycle.paths import Paths, read_json, whole
from onecycle.progress import say
from onecycle.studies.registry import STUDIES
from tasks import __main__ as command
from tasks import study, workers
from tasks.problems import with_changes

HERE = Path(__file__).parent

COLOURS = 48  # of a picture in the repository


@dataclass(frozen=True)
class Told:
    """What a planned study gave: its JSON and picture, or why it has none."""

    planned: Planned
    json: dict[str, Any] | None
    picture: Path | None = None
    refused: str = ""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is planned and writes the page."""
    options = parser().parse_args(argv)
    plan, told = PLANS[options.plan], {}
    try:
        threads = prepare(plan)
        with workers.started(threads) as pool:
            for at, planned in enumerate(plan.studies, 1):
                say(f"{at} of {len(plan.studies)}: {planned.study}, {planned.problem}")
                told[planned.study, planned.problem] = ask(pool, planned, plan)
        say(str(write(Path(options.out), told, plan)))
    except UserError as error:
        say(f"error: {error}")
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    made.add_argument("--plan", choices=PLANS, default="mirror")
    made.add_argument("--out", default=str(HERE.parent), help="a folder for lesson.md")
    return made


def prepare(plan: Plan) -> int:
    """Downloads, prepares and splits what is not there yet, renames weights; gives the threads."""
    if plan.real:
        weights.convert()
    params = with_changes(plan.settings)
    for name in dict.fromkeys(planned.problem for planned in plan.studies):
        paths = Paths(name)
        if not paths.data("split.parquet").exists():
            for stage in ("download", "prepare", "split"):
                command.STAGES[stage](paths, params.problems[name], params.threads)
    return params.threads


def arguments(planned: Planned, plan: Plan) -> list[str]:
    """The command line of a planned study, after `python -m tasks`."""
    said = ["study", planned.study, planned.problem, "--seeds", str(planned.seeds)]
    said += ["--values", planned.values] if planned.values else []
    said += ["--folds", str(planned.folds)] if planned.folds else []
    mine = f"problems.{planned.problem}."
    for setting in plan.settings:
        if not setting.startswith("problems.") or setting.startswith(mine):
            said += ["--set", setting]
    return said


def ask(pool: ProcessPoolExecutor, planned: Planned, plan: Plan) -> Told:
    """Runs a study; a study that has no meaning for its problem says why."""
    options = command.parser().parse_args(arguments(planned, plan))
    paths = Paths(planned.problem)
    try:
        study.run(options, pool)
    except UserError as error:
        say(str(error))
        return Told(planned, None, refused=str(error).splitlines()[0])
    folder = paths.report("studies")
    json = read_json(folder / f"{planned.study}.json")
    return Told(planned, json, folder / f"{planned.study}.light.png")


def write(folder: Path, told: Mapping[tuple[str, str], Told], plan: Plan) -> Path:
    """Writes lesson.md and its pictures into a folder; gives the page."""
    page, thoughts = folder / "lesson.md", HERE / "reading.md"
    found = {  # the samples stand for their namesakes
        (name, problem.removeprefix("sample_")): each.json
        for (name, problem), each in told.items()
        if each.json
    }
    environment = jinja2.Environment(
        trim_blocks=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    text = environment.from_string((HERE / "page.md").read_text(encoding="utf-8")).render(
        plan=plan,
        made=device.made_with(device.choose("auto")),
        rows=[row(claim, found) for claim in CLAIMS],
        thoughts=thoughts.read_text(encoding="utf-8").strip() if plan.real else "",
        parts=[part(each, plan, folder / "lesson" / "pictures") for each in told.values()],
    )
    with whole(page) as partial:
        partial.write_text(text, encoding="utf-8")
    return page


def row(claim: Claim, found: Mapping[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    """A claim's line of the table."""
    read = [reading(each, found) for each in claim.evidence]
    measured = "<br>".join(each.says for each in read)
    return {"claim": claim, "verdict": verdict(read), "measured": measured}


def part(told: Told, plan: Plan, pictures: Path) -> dict[str, Any]:
    """A study's place on the page."""
    planned = told.planned
    line = shlex.join(["python", "-m", "tasks", *arguments(planned, plan)])
    shown: dict[str, Any] = {"planned": planned, "command": line, "refused": told.refused}
    shown["question"] = study.question(STUDIES[planned.study])
    if not told.json or not told.picture:
        return shown
    name = f"{planned.study}-{planned.problem}.png"
    on_paper(told.picture, pictures / name)
    kept = {key: told.json["picture"][key] for key in ("alt", "caption")}
    adopt = " ".join(f"--set '{each}'" for each in told.json["adopt"])
    return (
        shown
        | kept
        | {"says": told.json["says"], "adopt": adopt, "picture": f"lesson/pictures/{name}"}
    )


def on_paper(picture: Path, to: Path) -> None:
    """A picture for light pages on white, in few colours."""
    with Image.open(picture) as opened:
        drawn = opened.convert("RGBA")
    paper = Image.new("RGBA", drawn.size, "white")
    paper.alpha_composite(drawn)
    with whole(to) as partial:
        paper.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(partial, "PNG")


if __name__ == "__main__":
    sys.exit(main())
