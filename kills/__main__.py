"""Kills runs and tells what they survived: `python -m kills`, `make trials-kill`.

`points` kills at every place once, `random` at random moments, `cost` measures checkpoints, `page`
writes docs/reliability.md; without a word all of that is done. `soak` runs, kills and runs again
for long. What is done is kept in `results/kills/`: killed itself, it goes on.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from kills import chance, points, soak
from kills.ground import PROBLEMS, Ground, cores, database, version
from kills.points import Point
from kills.results import Results, side_by_side
from onecycle.progress import say

RESULTS = Path("results/kills")
EPOCHS = dict.fromkeys(PROBLEMS, 8) | {"sample_movielens": 120}


def main(argv: Sequence[str] | None = None) -> int:
    """Does what the command line says."""
    options = parser().parse_args(argv)
    folder = RESULTS / version()
    folder.mkdir(parents=True, exist_ok=True)
    if options.what in ("all", "points"):
        every_point(folder, options.problems.split(","), options.only)
    if options.what in ("all", "random"):
        at_random(folder, options.problems.split(","), options.count, options.seed)
    if options.what == "soak":
        soaked(folder, options.minutes, options.seed)
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m kills", description=__doc__)
    made.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=("all", "points", "random", "cost", "page", "soak"),
    )
    made.add_argument("--problems", default=",".join(PROBLEMS), help="of the samples")
    made.add_argument(
        "--only", default="", help="points of these kinds or works, as in train,renaming"
    )
    made.add_argument("--count", type=int, default=100)
    made.add_argument("--minutes", type=float, default=20)
    made.add_argument("--seed", type=int, default=9)
    return made


def grounds(folder: Path, problems: Sequence[str]) -> dict[str, Ground]:
    made = {name: Ground(folder, name, EPOCHS[name]) for name in problems}
    empty = database(folder)
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(lambda it: it.make(empty, points.extra(it.problem)), made.values()))
    return made


def every_point(folder: Path, problems: Sequence[str], only: str) -> None:
    trees = grounds(folder, problems)
    recorded = Results(folder / "places.jsonl")
    known = {(row["work"], row["problem"]) for row in recorded.rows()}
    left = [
        (work.name, name)
        for name in problems
        for work in points.works(name)
        if (work.name, name) not in known
    ]

    def record(it: tuple[str, str], ground: Ground) -> dict:
        found = points.record(points.WORKS[it[0]], ground)
        return {
            "what": f"places of {it[0]}, {it[1]}",
            "work": it[0],
            "problem": it[1],
            "points": [asdict(each) for each in found],
            "wrong": {},
        }

    side_by_side(left, trees, lambda it: it[1], record, recorded)
    found = [
        Point(**{**each, "where": tuple(each["where"])})
        for row in recorded.rows()
        for each in row["points"]
    ]
    asked = points.chosen(found)
    results = Results(folder / "points.jsonl")
    done = {(row["work"], row["place"]) for row in results.rows()}
    words = [each for each in only.split(",") if each]
    asked = [
        each
        for each in asked
        if (each.work, each.place) not in done
        and (not words or {each.work, each.kind} & set(words))
    ]
    side_by_side(asked, trees, lambda it: it.problem, points.attempt, results)


def at_random(folder, problems, count, seed):
    trees = grounds(folder, problems)
    results = Results(folder / "random.jsonl")
    done = {row["number"] for row in results.rows()}
    asked = [each for each in chance.plan(count, seed, problems) if each.number not in done]
    side_by_side(
        asked,
        trees,
        lambda it: it.problem,
        lambda it, ground: chance.attempt(it, ground, folder),
        results,
    )


def soaked(folder, minutes, seed):
    ground = grounds(folder / "soak", [points.LAST])[points.LAST]
    file = folder / "soak.jsonl"
    file.unlink(missing_ok=True)
    soak.soak(ground, Results(file), minutes, seed)
    for row in soak.verdicts(Results(file).rows()):
        say(str(row))


if __name__ == "__main__":
    sys.exit(main())
