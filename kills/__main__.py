"""Kills runs and tells what they survived: `python -m kills`, `make trials-kill`.

`points` kills at every place once, `random` at random moments, `cost` measures checkpoints, `page`
writes docs/reliability.md; without a word all of that is done. `soak` runs, kills and runs again
for long. What is done is kept in `results/kills/`, by the code's version: killed itself, it goes
on.
"""

import argparse
import signal
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from kills import chance, cost, page, points, soak
from kills.ground import PROBLEMS, Ground, cores, database, version
from kills.results import Results, Row, held_up, side_by_side
from onecycle.progress import say

RESULTS = Path("results/kills")
EPOCHS = dict.fromkeys(PROBLEMS, 8) | {"sample_movielens": 80}  # some seconds of training each
MINUTES, PAIRS = 3.0, 2  # of the training that tells what checkpoints cost, and how often
WHAT = ("all", "points", "random", "cost", "page", "soak")


def main(argv: Sequence[str] | None = None) -> int:
    """Does what the command line says; status 1 if something did not hold."""
    options = parser().parse_args(argv)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    problems, folder = options.problems.split(","), RESULTS / version()
    if options.what in ("all", "points"):
        every_point(folder, problems, options.only)
    if options.what in ("all", "random"):
        at_random(folder, problems, options.count, options.seed)
    if options.what in ("all", "cost"):
        cost.measure(folder, Results(folder / "cost.jsonl"), MINUTES, PAIRS)
    if options.what == "soak":
        long(folder, options.minutes, options.seed)
    if options.what in ("all", "page"):
        say(str(page.write(folder if folder.exists() else newest())))
    tried = [row for name in ("points", "random") for row in page.rows(folder, name)]
    return 0 if all(map(held_up, tried)) else 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m kills", description=__doc__)
    made.add_argument("what", nargs="?", default="all", choices=WHAT)
    made.add_argument("--problems", default=",".join(PROBLEMS), help="of the samples")
    made.add_argument("--only", default="", help="points of these kinds or commands: train,renamed")
    made.add_argument("--count", type=int, default=100, help="trials at random")
    made.add_argument("--seed", type=int, default=9, help="of what is random")
    made.add_argument("--minutes", type=float, default=30, help="of the soak")
    return made


def newest() -> Path:
    """The results that were made last."""
    return max(RESULTS.glob("*/"), key=lambda it: it.stat().st_mtime)


def grounds(folder: Path, problems: Iterable[str]) -> dict[str, Ground]:
    """The trees of the problems, in which all has run once."""
    folder.mkdir(parents=True, exist_ok=True)
    made, empty = {name: Ground(folder, name, EPOCHS[name]) for name in problems}, database(folder)
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda it: it.make(empty, points.extra(it.problem)), made.values()))
    return made


def every_point(folder: Path, problems: Sequence[str], only: str) -> None:
    """Finds all places, and kills at each."""
    ground = grounds(folder, problems)
    places = Results(folder / "places.jsonl")
    known = {(row["work"], row["problem"]) for row in places.rows()}
    left = [(work.name, name) for name in problems for work in points.works(name)]
    left = [each for each in left if each not in known]

    def record(it: tuple[str, str], where: Ground) -> Row:
        found = [asdict(each) for each in points.record(points.WORKS[it[0]], where)]
        what = f"{len(found)} places of {it[0]}, {it[1]}"
        return {"what": what, "work": it[0], "problem": it[1], "points": found, "wrong": {}}

    side_by_side(left, ground, lambda it: it[1], record, places)
    results, words = Results(folder / "points.jsonl"), {each for each in only.split(",") if each}
    done = {(row["work"], row["place"]) for row in results.rows()}
    asked = [it for it in points.found(places.rows()) if (it.work, it.place) not in done]
    asked = [it for it in asked if it.problem in problems]
    asked = [it for it in asked if not words or words & {it.work, it.kind}]
    side_by_side(asked, ground, lambda it: it.problem, points.attempt, results)


def at_random(folder: Path, problems: Sequence[str], count: int, seed: int) -> None:
    """Kills at random moments."""
    ground, results = grounds(folder, problems), Results(folder / "random.jsonl")
    done = {row["number"] for row in results.rows()}
    asked = [each for each in chance.plan(count, seed, problems) if each.number not in done]
    side_by_side(
        asked,
        ground,
        lambda it: it.problem,
        lambda it, where: chance.attempt(it, where, folder),
        results,
    )


def long(folder: Path, minutes: float, seed: int) -> None:
    """Runs the soak, from its beginning."""
    ground = grounds(folder / "soak", [points.LAST])[points.LAST]
    file = folder / "soak.jsonl"
    file.unlink(missing_ok=True)
    soak.soak(ground, Results(file), minutes, seed)
    for row in soak.verdicts(Results(file).rows()):
        grew = "constant" if row["constant"] else f"grew by {row['growth']:,.0f} a cycle"
        say(f"{row['name']}: {row['third']:,.0f}, {row['last']:,.0f}: {grew}")


if __name__ == "__main__":
    sys.exit(main())
