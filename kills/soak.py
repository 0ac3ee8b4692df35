"""Runs, kills and runs again for long, and measures what grows: `python -m kills soak`.

A server like `make ui`'s is up throughout. Two recipes take turns and all stages are forced, so
that everything is written again and again, and is the same every second time. To Prefect's
database a cycle is a month: what it holds is made so much older, and what it lets go, goes.
"""

import os
import random
import shutil
import signal
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import psutil

from flows.shown.reports import RUNS
from kills.chance import VICTIMS, Watch
from kills.ground import Ground, run, start_in, tail
from kills.results import Results, Row
from onecycle.progress import say
from tests import trees

SEEDS = (42, 43)  # of the two recipes
KILLED = ("training", "supervisor", "flow", "DVC, in the flow")
WITHIN_S = 20.0  # a kill comes within so much of a run's start
SECOND = 0.3  # of the kills are followed by another
CYCLE_DAYS = 30
# Of whatever tells how old a row is, and so whether the server lets it go.
DATED = {"flow_run": "end_time", "events": "occurred", "event_resources": "occurred"}
# The server looks for it each hour.
OFTEN = """active = "soak"
[profiles.soak]
PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS = "5"
"""
CONSTANT = 0.01  # what grows by less, from the third quarter to the last, does not


def soak(ground: Ground, results: Results, minutes: float, seed: int) -> None:
    """Runs cycles for some minutes; each is a row."""
    draw, tree = random.Random(seed), ground.tree.resolve()
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as temporary,
        tempfile.TemporaryFile() as words,
    ):
        given = {"TMPDIR": temporary}
        (tree / ".onecycle" / "prefect" / "profiles.toml").write_text(OFTEN)
        command = ["python", "-m", "flows.server", "--port", "0"]
        server = start_in(tree, command, words, given)
        try:
            address = tree / ".onecycle" / "prefect" / "url"
            trees.wait_until(address.exists, 120, "the server has started")
            end, cycle = time.monotonic() + 60 * minutes, 0
            while time.monotonic() < end:
                row = turn(ground, draw, cycle, given, server)
                age(tree / ".onecycle" / "prefect" / "prefect.db")
                told = {"what": f"cycle {cycle}", "version": results.file.parent.name}
                results.add({**told, **row, **sizes(tree, Path(temporary), server)})
                say(f"soak: cycle {cycle}: {results.rows()[-1]}")
                cycle += 1
                as_if_long(tree / ".onecycle" / "published")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
            for process in trees.processes(tree):
                process.kill()


def turn(
    ground: Ground, draw: random.Random, cycle: int, given: dict[str, str], server: psutil.Popen
) -> Row:
    """One cycle: runs that are killed, and one that is not."""
    value = SEEDS[cycle % len(SEEDS)]
    setting = f"problems.{ground.problem}.learner.seed={value}"
    command = ["python", "-m", "flows.pipeline", "--force", "--set", setting]
    kills: list[str] = []
    begun = time.monotonic()
    while not kills or draw.random() < SECOND:
        victim, moment = draw.choice(KILLED), draw.uniform(2, WITHIN_S)
        find = VICTIMS[victim][1]
        watch = Watch(ground.tree, Path("nowhere"), find, partial(is_due, moment))
        run(ground.tree, command, given, watch)
        others(ground.tree, server)
        kills.append(victim if watch.killed else "nobody")
    done = run(ground.tree, command, given)
    return {
        "kills": kills,
        "status": done.status,
        "said": tail(done.said) if done.status else "",
        "left": len(others(ground.tree, server)),
        "seconds": time.monotonic() - begun,
    }


def is_due(moment: float, _: Watch, seconds: float) -> bool:
    """Whether it is time to kill."""
    return seconds >= moment


def others(tree: Path, server: psutil.Popen) -> list[str]:
    """Waits until the tree has no process but the server; gives those that stay."""
    end = time.monotonic() + 15
    while [it for it in trees.processes(tree) if it.pid != server.pid] and time.monotonic() < end:
        time.sleep(0.1)
    return [str(it) for it in trees.processes(tree) if it.pid != server.pid]


def as_if_long(published: Path) -> None:
    """Fills up the kept reports, of which there are only so many: they do not grow for ever."""
    kept = [path for path in published.iterdir() if path.is_dir()]
    for number in range(len(kept), RUNS if kept else 0):
        shutil.copytree(kept[0], published / f"as-if-{number}")


def age(database: Path) -> None:
    """Makes all runs and events older by a cycle's days."""
    older = f"-{CYCLE_DAYS} days"
    with closing(sqlite3.connect(database, timeout=60)) as opened, opened:
        for table, column in DATED.items():
            opened.execute(
                f"UPDATE {table} SET {column} = strftime('%Y-%m-%d %H:%M:%f', {column}, ?)",
                [older],
            )


def sizes(tree: Path, temporary: Path, server: psutil.Popen) -> dict[str, int]:
    """What a tree takes on disk, and its server of memory."""
    home, dvc = tree / ".onecycle", tree / ".dvc"
    database = sum(size(path) for path in (home / "prefect").glob("prefect.db*"))
    return {
        "outputs, bytes": sum(size(tree / name) for name in ("data", "models", "reports")),
        "DVC's cache, bytes": size(dvc / "cache"),
        "DVC's cache, files": len(files(dvc / "cache")),
        "`.dvc/tmp`, bytes": size(dvc / "tmp"),
        "`.dvc/tmp`, files": len(files(dvc / "tmp")),
        "`.onecycle` but Prefect's database, bytes": size(home) - database,
        "`.onecycle`, files": len(files(home)),
        "Prefect's database, bytes": database,
        "all files of the tree": len(files(tree)),
        "temporary files": len(files(temporary)),
        "the server's memory, bytes": server.memory_info().rss,
        "the server's open files": server.num_fds(),
        "the server's threads": server.num_threads(),
        "the tree's processes": len(trees.processes(tree)),
    }


def files(path: Path) -> list[Path]:
    """All below a folder; a file is itself."""
    if path.is_file():
        return [path]
    return [Path(at, name) for at, _, names in os.walk(path) for name in names]


def size(path: Path) -> int:
    """Bytes of all below."""
    total = 0
    for each in files(path):
        try:
            total += each.lstat().st_size
        except FileNotFoundError:  # the server's database has files that come and go
            continue
    return total


def verdicts(rows: Sequence[Row]) -> list[Row]:
    """What each measure was in the third quarter and in the last, and what it grew by in a cycle.

    As many cycles of either recipe are in both. In the first half caches fill, the server's too.
    """
    quarter = len(rows) // 4 // 2 * 2
    if not quarter:
        return []
    found = []
    for name in [
        key for key, value in rows[0].items() if key not in TOLD and isinstance(value, int)
    ]:
        third = statistics.fmean(row[name] for row in rows[-2 * quarter : -quarter])
        last = statistics.fmean(row[name] for row in rows[-quarter:])
        growth, constant = (last - third) / quarter, last - third <= CONSTANT * third
        found.append(
            {
                "name": name,
                "begin": rows[0][name],
                "third": third,
                "last": last,
                "growth": growth,
                "constant": constant,
            }
        )
    return found


TOLD = ("status", "left")
