"""Trials: tests of what may come from outside or go wrong, and the tables that count them.

`@pytest.mark.trial(area, what, outcome)` makes a test one. Each parameter is a case of its own; a
test that tries many cases by itself says how many: `record_property("tried", 200)`. Areas of
`INPUTS` are docs/trials.md, those of `FAULTS` are a part of docs/reliability.md.
"""

from collections import Counter
from pathlib import Path

import pytest

INPUTS = {
    "archives": "Hostile and damaged archives",
    "servers": "HTTP servers that lie, stall, cut off or redirect",
    "pictures": "Damaged and odd pictures",
    "tables": "Bad rows in tables",
    "params": "Broken params.yaml",
    "leaks": "Planted leaks",
    "names": "Hostile names",
}
FAULTS = {
    "stops": "Stopped and cancelled",
    "finite": "Not finite",
    "disk": "Disks that are full, read-only or gone",
    "memory": "Memory",
    "two": "Two at once",
    "rot": "Damaged files",
    "versions": "Another version",
}
AREAS = INPUTS | FAULTS
HEAD = """# What was tried, and what held

Each line is a class of damaged, hostile or odd input, tried by a test: *k of N* cases had the
outcome that stands beside it. `make trials` runs them all and writes this page.
"""
Trial = tuple[str, str, str]  # area, what, outcome


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--trials", type=Path, help="run trials of inputs alone; write docs/trials.md")
    parser.addoption("--faults", type=Path, help="run trials of faults alone; write their tables")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "trial(area, what, outcome): a line of a table of trials")
    for option, head, areas in (("--trials", HEAD, INPUTS), ("--faults", "", FAULTS)):
        if config.getoption(option) and not hasattr(config, "workerinput"):
            config.pluginmanager.register(Tally(config.getoption(option), head, areas))


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what each trial is, for the tally; leaves out all else where a table is asked for."""
    asked = INPUTS.keys() if config.getoption("--trials") else set()
    asked |= FAULTS.keys() if config.getoption("--faults") else set()
    for item in items:
        for marker in item.iter_markers("trial"):
            area, what, outcome = marker.args
            assert area in AREAS, f"{item.nodeid}: areas are {list(AREAS)}"
            item.user_properties.append(("trial", (area, what, outcome)))
    if asked:
        areas = [{it.args[0] for it in item.iter_markers("trial")} & asked for item in items]
        items[:] = [item for item, its in zip(items, areas, strict=True) if its]


class Tally:
    """Counts the cases of each trial that were tried, and those that held."""

    def __init__(self, path: Path, head: str, areas: dict[str, str]) -> None:
        self.path, self.head, self.areas = path, head, areas
        self.tried: Counter[Trial] = Counter()
        self.held: Counter[Trial] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        said = [(name, value) for name, value in report.user_properties]
        if report.skipped or (report.when != "call" and report.passed):
            return
        cases = sum(int(value) for name, value in said if name == "tried") or 1
        for name, value in said:
            if name == "trial" and value[0] in self.areas:
                area, what, outcome = value
                self.tried[area, what, outcome] += cases
                self.held[area, what, outcome] += cases * report.passed

    def pytest_sessionfinish(self) -> None:
        if self.tried:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(self.table(), encoding="utf-8")

    def table(self) -> str:
        whole = sum(self.held[key] == self.tried[key] for key in self.tried)
        lines = [self.head] if self.head else []
        lines += [f"Every case held in {whole} of {len(self.tried)} classes."]
        for area, title in self.areas.items():
            rows = sorted((what, outcome) for at, what, outcome in self.tried if at == area)
            if rows:
                lines += ["", f"## {title}", "", "| tried | outcome | held |", "|---|---|---|"]
            for what, outcome in rows:
                key = area, what, outcome
                lines.append(f"| {what} | {outcome} | {self.held[key]:,} of {self.tried[key]:,} |")
        return "\n".join(lines) + "\n"
