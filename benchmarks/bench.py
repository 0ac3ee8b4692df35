"""Measures onecycle beside its peers and writes docs/benchmarks.md: `make bench`.

    python -m benchmarks.bench [--only data,frozen] [--repeats 5] [--quick] [--out results/bench]

All sides of a row are set up in processes of their own and then measured in turn, again and again,
so that all see the same machine. A row's figures are kept as JSON in the results folder, and a row
that is there is not measured again, so an interrupted run goes on where it was; remove the folder
to begin anew. A peer whose environment is not there (`make peers`) is left out, and the table says
so. `--quick` tries every row at tiny sizes, of peers those that `--peer` names; its table, in the
results folder, is no measurement.
"""

import argparse
import hashlib
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import figures, overhead, whole
from benchmarks.rows import ROWS, NotHere, Row, Setup, Side
from benchmarks.worker import ROOT, Failed, Measure, Measured, Worker
from onecycle.paths import read_json, write_json
from onecycle.progress import say

TABLE = ROOT / "docs" / "benchmarks.md"
Kept = dict[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Measures what is missing, then writes the table; 1 if a row failed."""
    arguments = parser().parse_args(argv)
    given = arguments.only.split(",") if arguments.only else [*ROWS, *whole.PROBLEMS, "overhead"]
    if unknown := set(given) - {*ROWS, *whole.PROBLEMS, "overhead"}:
        say(f"no row {sorted(unknown)}; there are {[*ROWS, *whole.PROBLEMS, 'overhead']}")
        return 2
    setup = Setup(
        arguments.out.resolve(),
        arguments.mirror.resolve(),
        whole.voc(arguments.out.resolve(), arguments.mirror.resolve(), quick=arguments.quick),
        arguments.threads,
        0 if arguments.threads <= 2 else min(16, arguments.threads),
        arguments.quick,
    )
    names = () if arguments.quick else ("fastai", "ratings")
    peers = {name: ROOT / f".venv-{name}/bin/python" for name in names}
    for each in arguments.peer:
        name, _, python = each.partition("=")
        peers[name] = Path(python).absolute()
    with ExitStack() as stack:
        bench = Bench(setup, {"own": Path(sys.executable), **peers}, arguments.repeats, stack)
        failed = [name for name in given if not bench.measure(name)]
    text = figures.page(setup, bench.pythons, [*ROWS, *whole.PROBLEMS, "overhead"])
    file = setup.out / TABLE.name if arguments.quick else arguments.table
    file.write_text(text, encoding="utf-8")
    say(f"{file}: written" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    command = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    command.add_argument("--only", help="rows, by name, separated by commas")
    command.add_argument("--repeats", type=int, default=5, help="of each row")
    command.add_argument("--quick", action="store_true", help="tiny sizes, no peers, no network")
    command.add_argument("--out", type=Path, default=ROOT / "results" / "bench")
    command.add_argument("--table", type=Path, default=TABLE)
    command.add_argument("--mirror", type=Path, default=ROOT / "mirror", help="of the archives")
    command.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    command.add_argument(
        "--peer", action="append", default=[], metavar="fastai=PYTHON", help="or ratings=PYTHON"
    )
    return command


class Bench:
    """Measures rows and keeps them.

    Args:
        setup: sizes and places.
        pythons: the interpreter of each environment; those that are not there are left out.
        repeats: of each row.
        stack: ends the processes that several rows share.
    """

    def __init__(
        self, setup: Setup, pythons: dict[str, Path], repeats: int, stack: ExitStack
    ) -> None:
        self.setup, self.repeats, self.stack = setup, repeats, stack
        self.pythons = {name: python for name, python in pythons.items() if python.exists()}
        self.shared: dict[str, Worker] = {}

    def measure(self, name: str) -> bool:
        """Measures a row, unless that is there, and keeps it; false if it failed."""
        file = self.setup.out / f"{name}.json"
        before = read_json(file) if file.exists() else {}
        if name in whole.PROBLEMS:
            kept = whole.measure(name, self.setup, self.pythons)
        else:
            kept = self.overhead(before) if name == "overhead" else self.row(name, before)
        write_json(file, kept)
        say(f"{name}: {kept.get('failed') or kept.get('not_here') or 'measured'}")
        return "failed" not in kept

    def row(self, name: str, before: Kept) -> Kept:
        """The figures of a row of ROWS, measured if they are not what is there."""
        try:
            made = ROWS[name](self.setup)
        except NotHere as why:
            return {"title": name, "not_here": str(why)}
        sides = [side for side in (*made.ours, *made.peers) if side.environment in self.pythons]
        repeats = min(self.repeats, made.most_repeats)
        asked = json.dumps([[asdict(side) for side in sides], repeats, made.unit], sort_keys=True)
        key = hashlib.sha256(asked.encode()).hexdigest()
        if before.get("key") == key and "failed" not in before:
            return before
        kept: Kept = {**asdict(made), "key": key, "repeats": repeats}
        for side in (*kept["ours"], *kept["peers"]):
            del side["args"]  # hundreds of files
        try:
            return kept | {"measured": self.in_turn(made, sides, repeats)}
        except Failed as why:
            return kept | {"failed": str(why)}

    def in_turn(self, made: Row, sides: list[Side], repeats: int) -> dict[str, list[Measured]]:
        """Each side's figures, one a repeat; the sides in turn."""
        found: dict[str, list[Measured]] = {side.name: [] for side in sides}
        if made.fresh and not self.setup.quick:
            for side in repeats * sides:
                with self.worker(side) as one:
                    found[side.name].append(one.set_up(side.task, side.args)())
            return found
        with ExitStack() as stack:
            waiting: dict[str, Measure] = {}
            for side in sides:
                if self.setup.quick:
                    waiting[side.name] = self.one_for_all(side).set_up(side.task, side.args)
                    continue
                one = stack.enter_context(self.worker(side))
                waiting[side.name] = one.set_up(side.task, side.args)
                waiting[side.name]()  # the first time, caches and memory are cold
            for side in repeats * sides:
                found[side.name].append(waiting[side.name]())
        return found

    def worker(self, side: Side) -> Worker:
        """A process for a side."""
        log = self.setup.out / "logs" / f"{side.name}, {side.task.partition(':')[2]}.log"
        return Worker(self.pythons[side.environment], self.setup.threads, log)

    def one_for_all(self, side: Side) -> Worker:
        """The process that all sides of an environment share, since imports take seconds."""
        if side.environment not in self.shared:
            self.shared[side.environment] = self.stack.enter_context(self.worker(side))
        return self.shared[side.environment]

    def overhead(self, before: Kept) -> Kept:
        """What the graph costs beside its stages, by benchmarks/overhead.py."""
        if self.setup.quick:
            return {"title": "overhead", "not_here": "not with --quick"}
        if before.get("repeats") == self.repeats:
            return before
        rows = overhead.rows(self.repeats)
        return {"title": "overhead", "repeats": self.repeats, "rows": rows}


if __name__ == "__main__":
    sys.exit(main())
