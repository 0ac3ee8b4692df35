"""Keeps a run's reports after its working tree, and knows the links that lead to them.

They lie in `.onecycle/published/<flow run id>/`; the newest 20 runs' stay.
"""

import html
import os
import shutil
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from flows import connection
from flows.server import login
from flows.shown import pages
from onecycle.paths import Paths, home, remove, whole

RUNS = 20
PAGE = "report.html"
INDEX = "index.html"


def folder() -> Path:
    """Where they are kept."""
    return home() / "published"


def keep(problems: list[str], run: str) -> Path:
    """Copies the reports of this tree, with a page that leads to each, and lets old ones go.

    Args:
        problems: that have one.
        run: the flow run's id.

    Returns:
        Their folder.

    Raises:
        OSError: a report is missing.
        DiskError: it can't be written.
    """
    kept = folder() / run
    with whole(kept) as partial:
        for problem in problems:
            (partial / problem).mkdir(parents=True)
            shutil.copyfile(Paths(problem).report(PAGE), partial / problem / PAGE)
        (partial / INDEX).write_text(_index(problems), encoding="utf-8")
    runs = [path for path in folder().iterdir() if path.is_dir() and not path.name.startswith(".")]
    ages = {}
    for path in runs:
        with suppress(FileNotFoundError):  # another run lets it go too
            ages[path] = path.stat().st_mtime
    for old in sorted(ages, key=lambda path: -ages[path])[RUNS:]:
        with suppress(OSError):  # another run lets it go too
            remove(old)
    return kept


def address(kept: Path) -> str | None:
    """The address of kept reports on this tree's server; null where the run has another one."""
    shared = connection.ui_server()
    if shared is None or os.environ.get("PREFECT_API_URL") != f"{shared}/api":
        return None
    return f"{shared}{pages.prefix(login())}/{quote(kept.name)}"


def links(kept: Path, problems: list[str]) -> dict[str, str]:
    """A url for each kept report: of this tree's server, which a click opens, else of the file."""
    served = address(kept) or kept.resolve().as_uri()
    return {problem: f"{served}/{quote(problem)}/{PAGE}" for problem in problems}


def _index(problems: list[str]) -> str:
    lines = [
        f'<li><a href="{quote(problem)}/{PAGE}">{html.escape(problem)}</a></li>'
        for problem in problems
    ]
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Reports</title>'
    return "\n".join([head, "<h1>The reports of this run</h1>", "<ul>", *lines, "</ul>", ""])
