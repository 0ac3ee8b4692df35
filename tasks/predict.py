"""predict: answers for new inputs by a bundle, into a Parquet or CSV file."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onecycle.errors import UserError
from onecycle.foreign import one_line
from onecycle.progress import say

if TYPE_CHECKING:
    from onecycle.predict.batch import Job
    from onecycle.predict.model import Model

REASONS = 5  # of bad rows, that are printed


def arguments(command: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    command.add_argument("model", help="a bundle: models/PROBLEM, or a copy of it")
    command.add_argument(
        "inputs",
        nargs="*",
        help="of pictures: folders, quoted globs, files, CSV or Parquet files with a column path, "
        "file or x; of ratings: CSV or Parquet files with columns user and item",
    )
    command.add_argument("-o", "--out", required=True, help="what to write: .parquet or .csv")
    command.add_argument("--root", help="where names in tables start; default: the table's folder")
    command.add_argument("--scores", action="store_true", help="keep the raw scores too")
    command.add_argument("--top", type=int, metavar="N", help="the best N items for users")
    command.add_argument("--users", help="for --top: as in a,b; default: the inputs', else all")
    command.add_argument("--exclude", help="for --top: a file of pairs not to recommend")
    command.add_argument("--threads", type=int, help="of torch; default: as in training")
    command.add_argument("--restart", action="store_true", help="begin anew, whatever is there")


def run(options: argparse.Namespace) -> None:
    """Predicts, and says how many rows there are and what was wrong with the bad ones.

    Raises:
        UserError: the bundle, an input or the output can't be used.
    """
    from onecycle.learn import device
    from onecycle.predict import batch
    from onecycle.predict.model import load_model

    if "@" in options.model and not Path(options.model).exists():
        raise UserError(
            f"{options.model}: expected a folder; `python -m flows.predict` takes such a name, and "
            f"`python -m flows.versions.registry {options.model}` prints its folder"
        )
    out = Path(options.out)
    batch.check(out)
    check(options, out)
    model = load_model(options.model)
    device.use_threads(options.threads or model.made_with.get("threads", 1))
    job = best(model, options) if options.top is not None else answers(model, options)
    found = batch.run(job, out, restart=options.restart)
    told(found, out)


def check(options: argparse.Namespace, out: Path) -> None:
    """Refuses options that would do harm or nothing.

    Raises:
        UserError: there is one.
    """
    for name in ("users", "exclude"):
        if getattr(options, name) and not options.top:
            raise UserError(f"--{name}: only with --top N, the best items for users")
    if options.scores and options.top:
        raise UserError("--scores: not with --top N, whose answers are the scores")
    if options.threads is not None and options.threads < 1:
        raise UserError("--threads: expected at least 1")
    for name in [*options.inputs, *filter(None, [options.exclude])]:
        if out.exists() and Path(name).exists() and out.samefile(name):
            raise UserError(f"{out}: is an input; name another file to write")


def answers(model: "Model", options: argparse.Namespace) -> "Job":
    """An answer for each input."""
    from onecycle.predict.batch import Job
    from onecycle.tables import content_sha256

    root = Path(options.root) if options.root else None
    inputs = model.takes.named(options.inputs, root, model.taken)
    listed = [inputs.table.schema.to_string(), content_sha256(inputs.table)]
    return Job(
        rows=len(inputs.table),
        chunk=model.takes.chunk,
        make=lambda starts: model.parts(inputs, starts, scores=options.scores),
        key=[model.described, *listed, model.takes.stamp(inputs), options.scores],
        answers=model.texts,
    )


def best(model: "Model", options: argparse.Namespace) -> "Job":
    """The best items for users."""
    from onecycle.predict import inputs
    from onecycle.predict.batch import Job
    from onecycle.predict.top import Top
    from onecycle.tables import content_sha256

    if options.top < 1:
        raise UserError("--top: expected at least 1 item")
    exclude = inputs.pairs([options.exclude], ()) if options.exclude else None
    top = Top(model, users(model, options), options.top, exclude)
    key: list[Any] = [model.described, list(top.users), top.n]
    return Job(
        rows=len(top.users),
        chunk=top.chunk,
        make=top.parts,
        key=[*key, None if exclude is None else content_sha256(exclude)],
        answers=(),
    )


def users(model: "Model", options: argparse.Namespace) -> list[str]:
    """Whom to recommend to."""
    from onecycle.predict import inputs

    if options.users:
        return [name.strip() for name in options.users.split(",") if name.strip()]
    if options.inputs:
        named = [inputs.users(inputs.read(Path(each)), each) for each in options.inputs]
        return list(dict.fromkeys(name for each in named for name in each))
    return list(getattr(model.learner.data.blocks.x, "users", []))


def told(found: dict[str, Any], out: Path) -> None:
    """Says what was written.

    Raises:
        UserError: no row has an answer.
    """
    say(f"{out}: {found['rows']:,} rows, {found['errors']:,} of them without an answer")
    reasons = sorted(found.get("reasons", {}).items(), key=lambda each: (-each[1], each[0]))
    for reason, count in reasons[:REASONS]:
        say(one_line(f"  {count:,}: {reason}"))
    if found["errors"] == found["rows"]:
        raise UserError(f"{out}: no row has an answer; its column `error` tells why of each")
