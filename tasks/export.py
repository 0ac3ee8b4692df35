"""export: a bundle as an ONNX file, held to the model on real items."""

import argparse
from pathlib import Path

from onecycle.errors import UserError
from onecycle.progress import say


def arguments(command: argparse.ArgumentParser) -> None:
    """Adds what the command takes."""
    command.add_argument("model", help="a bundle: models/PROBLEM, or a copy of it")
    command.add_argument("inputs", nargs="+", help="real items, as for predict, to hold it to")
    command.add_argument("-o", "--out", required=True, help="the .onnx file")
    command.add_argument("--root", help="where names in tables start; default: the table's folder")


def run(options: argparse.Namespace) -> None:
    """Exports, unless the answers differ.

    Raises:
        UserError: the bundle or the inputs can't be used, a package is missing, or they differ.
    """
    from onecycle.predict import exported
    from onecycle.predict.model import load_model

    exported.needed()
    out = Path(options.out)
    if out.suffix.lower() != ".onnx":
        raise UserError(f"{out}: expected a file that ends in .onnx")
    model = load_model(options.model)
    root = Path(options.root) if options.root else None
    inputs = model.takes.named(options.inputs, root, model.taken)
    x, errors = model.takes.shown(inputs, exported.ITEMS)
    if errors:
        say(f"{len(errors):,} of {len(errors) + len(x):,} inputs can't be used: {errors[0]}")
    if len(x) == 0:
        raise UserError(f"{', '.join(options.inputs)}: no item that can be used")
    exported.export(model, x, out)
