"""study: a recipe trained under variations, side by side; outside the graph."""

import argparse
import shlex
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from onecycle.errors import UserError
from onecycle.params import nearest
from onecycle.paths import Paths, sweep
from onecycle.progress import say, track
from tasks.problems import Params, Problem, with_changes

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

    from onecycle.studies.arm import Arm, Asked
    from onecycle.studies.outcome import Outcome

SEEDS, FOLDS = 3, 5


def arguments(command: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    command.add_argument("name", help="of the study; `list` tells all of them")
    command.add_argument("problem", nargs="?", help="its name under problems: in params.yaml")
    command.add_argument("--seeds", type=int, default=SEEDS, help="trainings of each arm")
    command.add_argument("--folds", type=int, default=FOLDS, help="of studies that fold")
    command.add_argument("--values", help="what to try in place of its own grid, as YAML: [1, 2]")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="KEY=VALUE or @FILE",
        help="for this study only: params.yaml stays as it is",
    )


def run(options: argparse.Namespace, pool: "ProcessPoolExecutor | None" = None) -> None:
    """Trains the arms, those that were not trained before, and writes what they come to.

    Args:
        options: of the command line.
        pool: of `workers.started`, for several studies in a row; null: one of its own.

    Raises:
        UserError: there is no such study or problem, the study has no meaning for it, or a file
            can't be written.
    """
    from onecycle.studies.registry import STUDIES

    if options.name == "list":
        width = max(map(len, STUDIES))
        for name, it in STUDIES.items():
            say(f"{name:<{width}}  {question(it)}")
        return
    if options.name not in STUDIES:
        raise UserError(f"no study '{options.name}'; {nearest(options.name, STUDIES)}")
    params = with_changes(options.settings)
    if options.problem is None:
        names = ", ".join(params.problems)
        raise UserError(f"of which problem? python -m tasks study {options.name} NAME; {names}")
    if options.problem not in params.problems:
        hint = nearest(options.problem, params.problems)
        raise UserError(f"params.yaml has no problem '{options.problem}'; {hint}")
    if options.seeds < 1 or options.folds < 2:
        raise UserError("expected --seeds of at least 1 and --folds of at least 2")
    from tasks import workers  # which takes torch along

    try:
        with nullcontext(pool) if pool else workers.started(params.threads) as ready:
            study(options, Paths(options.problem), params, ready)
    except OSError as error:
        raise UserError(
            f"a file can't be read or written: {error}: free space on its disk, or allow it; "
            "run the study again to go on"
        ) from error


def study(
    options: argparse.Namespace, paths: Paths, params: Params, pool: "ProcessPoolExecutor"
) -> None:
    """Runs one study of one problem."""
    from onecycle.learn import device
    from onecycle.report import index
    from onecycle.studies import finding, page, written
    from onecycle.studies.registry import STUDIES
    from onecycle.studies.words import adopting

    name, it = options.name, STUDIES[options.name]
    one = asked(paths, params.problems[paths.problem], options)
    done: dict[str, Outcome] = {}
    while new := [arm for arm in it.arms(one, done) if arm.name not in done]:
        done |= trained(pool, paths, new, one, params.threads)
    found = it.read(one, done)
    told = finding.to_json(name, question(it), one, done, found)
    made = device.made_with(device.choose(one.of("learner.precision")))
    told |= {"threads": params.threads, "command": command(options), "made_with": made}
    file = written.write(paths, told, found)
    shown = page.write(paths)
    index.write(paths.root)
    for line in told["says"]:
        say(line)
    say(str(file))
    say(str(shown))
    if found.adopt:
        say(f"to adopt it: {adopting(found.adopt)}")
    else:
        say("nothing to adopt by --set")


def command(options: argparse.Namespace) -> str:
    """The command that runs a study again, as a shell takes it."""
    given = ["python", "-m", "tasks", "study", options.name, options.problem]
    given += ["--seeds", str(options.seeds)] if options.seeds != SEEDS else []
    given += ["--folds", str(options.folds)] if options.folds != FOLDS else []
    given += ["--values", options.values] if options.values else []
    given += [word for each in options.settings for word in ("--set", each)]
    return shlex.join(given)


def asked(paths: Paths, problem: Problem, options: argparse.Namespace) -> "Asked":
    """What the study is asked to look at.

    Raises:
        UserError: the problem's items are not there yet or split otherwise, or --values is no list.
    """
    from onecycle.params import parse
    from onecycle.studies.arm import Asked

    values = parse(options.values, "--values") if options.values else []
    if not isinstance(values, list):
        raise UserError(f"--values: expected a list such as [0.01, 0.1], got {options.values}")
    for name in ("items.parquet", "split.parquet"):
        if not paths.data(name).exists():
            raise UserError(
                f"{paths.data(name)} is missing: run the stages up to split, "
                f"or `python -m flows.pipeline --problems {paths.problem}`"
            )
    check_split(paths, problem)
    seed = problem.learner.seed
    return Asked(
        paths=paths,
        sections=problem.model_dump(),
        kind=problem.prepare.y,
        seeds=tuple(range(seed, seed + options.seeds)),
        values=values,
        folds=options.folds,
    )


def check_split(paths: Paths, problem: Problem) -> None:
    """Refuses a split section, of params.yaml or --set, that is not what split.parquet holds.

    Raises:
        UserError: it would be told as the recipe, but another split would train.
    """
    import numpy as np

    from onecycle.splits import checked
    from onecycle.tables import read_frame, read_items

    file, items = paths.data("split.parquet"), read_items(paths.data("items.parquet"))
    prints = checked.read_prints(paths.data("pixels"))
    asked, _ = checked.divide(items, problem.split, prints, paths.data("raw"))
    lies = read_frame(file)
    names = ["id", "split"]  # in the order of the items, as the stage writes them
    one, other = (each[names].to_numpy(dtype=object) for each in (asked, lies))
    if not np.array_equal(one, other):
        raise UserError(
            f"{file}: is not the split that problems.{paths.problem}.split asks for; run the stage "
            f"split with it, such as `python -m flows.pipeline --problems {paths.problem}`, or "
            "leave out the --set that changes it"
        )


def question(study: Any) -> str:  # noqa: ANN401 - a module
    """What a study asks: the first line of its module's docstring."""
    return (study.__doc__ or "").splitlines()[0]


def trained(
    pool: "ProcessPoolExecutor",
    paths: Paths,
    arms: Sequence["Arm"],
    asked: "Asked",
    threads: int,
) -> dict[str, "Outcome"]:
    """Trains arms side by side; those that were trained before are read.

    Raises:
        UserError: a training could not begin.
    """
    from onecycle.studies.outcome import Outcome, Run
    from tasks import arms as training
    from tasks import workers

    wanted = {
        arm.name: [training.jobs(paths, arm, asked.sections, seed, threads) for seed in asked.seeds]
        for arm in arms
    }
    every = {job.key: job for of in wanted.values() for seed in of for job in seed}
    sweep(next(iter(every.values())).store)
    left = [job for job in every.values() if not job.done]
    known = len(every) - len(left)
    if known:
        say(f"{known} of {len(every)} trainings are there from before")
    for job, told in track(workers.finished(pool, left), "trainings", len(left)):
        seed = job.sections["learner"]["seed"]
        fold = f", fold {job.sections['split']['fold']}" if job.arm.folds else ""
        say(f"'{job.arm.name}', seed {seed}{fold}: {told}")
    return {
        arm.name: Outcome(
            arm, [[Run.read(job.folder) for job in seed] for seed in wanted[arm.name]]
        )
        for arm in arms
    }
