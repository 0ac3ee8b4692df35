"""The command line: `python -m tasks STAGE PROBLEM`, and what else concerns params.yaml.

All of params.yaml is checked before any stage runs.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from onecycle.disks import FULL, GONE, disk_error, number_of
from onecycle.errors import UserError
from onecycle.faults import point
from onecycle.params import nearest
from onecycle.paths import Paths, write_whole
from onecycle.progress import complain, say
from tasks import (
    calibrate,
    download,
    evaluate,
    export,
    lr_find,
    predict,
    prepare,
    replay,
    split,
    study,
    train,
)
from tasks.problems import SCHEMA_FILE, Problem, change, load, schema

STAGES: dict[str, Callable[[Paths, Problem, int], None]] = {
    "download": lambda paths, it, _: download.run(paths, it.download),
    "prepare": lambda paths, it, _: prepare.run(paths, it.prepare),
    "split": lambda paths, it, _: split.run(paths, it.split),
    "lr_find": lambda paths, it, threads: lr_find.run(paths, it.lr_find, it.learner, threads),
    "train": lambda paths, it, threads: train.run(paths, it.train, it.learner, threads),
    "calibrate": lambda paths, it, threads: calibrate.run(paths, it.decision, threads),
    "evaluate": lambda paths, it, threads: evaluate.run(
        paths, it.evaluate, threads, {"threads": threads, **it.model_dump()}
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; what a user can mend is told in one message and gives its status."""
    arguments = parser().parse_args(argv)
    try:
        arguments.call(arguments)
    except UserError as error:
        complain(error)
        return error.status
    except OSError as error:
        if number_of(error) not in FULL | GONE:
            raise
        complain(disk_error(Path(str(error.filename or ".")), error, None))
        return 1
    except KeyboardInterrupt:
        complain("stopped; run again to go on")
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The commands."""
    top = argparse.ArgumentParser(prog="python -m tasks", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name in STAGES:
        module = sys.modules[f"tasks.{name}"]
        command = commands.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        command.add_argument("problem", help="its name under problems: in params.yaml")
        command.set_defaults(call=run_stage, stage=name)
    command = commands.add_parser("predict", help="answers for new inputs by a bundle")
    predict.arguments(command)
    command.set_defaults(call=predict.run)
    command = commands.add_parser("export", help="a bundle as an ONNX file, held to the model")
    export.arguments(command)
    command.set_defaults(call=export.run)
    command = commands.add_parser("replay", help="look at a step whose loss was not finite")
    replay.arguments(command)
    command.set_defaults(call=replay.run)
    command = commands.add_parser("study", help="train a recipe under variations and compare them")
    study.arguments(command)
    command.set_defaults(call=study.run)
    command = commands.add_parser("check", help="check params.yaml and do nothing else")
    command.set_defaults(call=lambda _: say(f"params.yaml: {len(load().problems)} problems, fine"))
    command = commands.add_parser("index", help="write the pages over all problems and studies")
    command.set_defaults(call=lambda _: write_index())
    command = commands.add_parser("set", help="write values into params.yaml")
    command.add_argument("settings", nargs="+", metavar="KEY=VALUE or @FILE")
    command.set_defaults(call=set_values)
    command = commands.add_parser("schema", help=f"write {SCHEMA_FILE}, which editors use")
    command.set_defaults(call=lambda _: write_schema())
    return top


def run_stage(arguments: argparse.Namespace) -> None:
    """Runs one stage of one problem."""
    params = load()
    if arguments.problem not in params.problems:
        hint = nearest(arguments.problem, params.problems)
        raise UserError(f"params.yaml has no problem '{arguments.problem}'; {hint}")
    problem = params.problems[arguments.problem]
    point("stage begins", arguments.stage)
    try:
        STAGES[arguments.stage](Paths(arguments.problem), problem, params.threads)
    except FileNotFoundError as error:
        raise UserError(
            f"{_missing(error)} is missing: run the stages before {arguments.stage}, "
            "or `dvc repro`, which runs all that are needed"
        ) from error
    point("stage ends", arguments.stage)


def _missing(error: FileNotFoundError) -> str:
    """The file's name; Arrow tells it between quotes only."""
    quoted = re.search(r"'([^']+)'", str(error))
    return str(error.filename or (quoted.group(1) if quoted else error))


def set_values(arguments: argparse.Namespace) -> None:
    """Writes values into params.yaml."""
    for line in change(arguments.settings):
        say(line)


def write_index() -> None:
    """Writes `reports/index.html`, and the page of each problem's studies."""
    from onecycle.report import index
    from onecycle.studies import page

    for folder in sorted(Path("reports").glob("*/studies")):
        page.write(Paths(folder.parent.name))
    say(str(index.write()))


def write_schema(path: Path = SCHEMA_FILE) -> None:
    """Writes the JSON schema of params.yaml."""
    write_whole(path, json.dumps(schema(), indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
