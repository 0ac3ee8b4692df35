"""Trials: tests of what may come from outside, and the table in docs/trials.md that counts them.

`@pytest.mark.trial(area, what, outcome)` makes a test one. Each parameter is a case of its own; a
test that tries many cases by itself says how many: `record_property("tried", 200)`.
"""

from collections import Counter
from pathlib import Path

import pytest

AREAS = {
    "archives": "Hostile and damaged archives",
    "servers": "HTTP servers that lie, stall, cut off or redirect",
    "pictures": "Damaged and odd pictures",
    "tables": "Bad rows in tables",
    "params": "Broken params.yaml",
    "leaks": "Planted leaks",
    "names": "Hostile names",
    "stops": "Stopped and cancelled",
    "finite": "Not finite",
    "disk": "Disks that are full, read-only or gone",
    "memory": "Memory",
    "two": "Two at once",
    "rot": "Damaged files",
    "versions": "Another version",
}
HEAD = """# What was tried, and what held

Each line is a class of damaged, hostile or odd input, tried by a test: *k of N* cases had the
outcome that stands beside it. `make trials` runs them all and writes this page.
"""
Trial = tuple[str, str, str]  # area, what, outcome


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--trials", type=Path, help="run trials alone and write their table here")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "trial(area, what, outcome): a line of docs/trials.md")
    if config.getoption("--trials") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Tally(config.getoption("--trials")))


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what each trial is, for the tally; leaves out all else where a table is asked for."""
    for item in items:
        for marker in item.iter_markers("trial"):
            area, what, outcome = marker.args
            assert area in AREAS, f"{item.nodeid}: areas are {list(AREAS)}"
            item.user_properties.append(("trial", (area, what, outcome)))
    if config.getoption("--trials"):
        items[:] = [item for item in items if item.get_closest_marker("trial")]


class Tally:
    """Counts the cases of each trial that were tried, and those that held."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tried: Counter[Trial] = Counter()
        self.held: Counter[Trial] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        said = [(name, value) for name, value in report.user_properties]
        if report.skipped or (report.when != "call" and report.passed):
            return
        cases = sum(int(value) for name, value in said if name == "tried") or 1
        for name, value in said:
            if name == "trial":
                area, what, outcome = value
                self.tried[area, what, outcome] += cases
                self.held[area, what, outcome] += cases * report.passed

    def pytest_sessionfinish(self) -> None:
        if self.tried:
            self.path.write_text(self.table(), encoding="utf-8")

    def table(self) -> str:
        whole = sum(self.held[key] == self.tried[key] for key in self.tried)
        lines = [HEAD, f"Every case held in {whole} of {len(self.tried)} classes."]
        for area, title in AREAS.items():
            rows = sorted((what, outcome) for at, what, outcome in self.tried if at == area)
            if rows:
                lines += ["", f"## {title}", "", "| tried | outcome | held |", "|---|---|---|"]
            for what, outcome in rows:
                key = area, what, outcome
                lines.append(f"| {what} | {outcome} | {self.held[key]:,} of {self.tried[key]:,} |")
        return "\n".join(lines) + "\n"
