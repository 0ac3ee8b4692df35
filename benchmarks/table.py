"""Measures the results of side_by_side, both tools by the same code, and writes them as a table.

Metrics and bootstrap are onecycle.decide's; its tests hold them equal to scikit-learn's.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import jobs
from onecycle.decide import metrics as m
from onecycle.decide.intervals import measure
from onecycle.decide.labelling import Counts
from onecycle.decide.ranking import mean_average_precision

Array = np.ndarray[Any, Any]
Metric = Callable[[Array, Array, Array], Array]
TOOLS = ("fastai", "onecycle")
OWN = "own"  # onecycle, as its shipped recipes would


def _above(thresh: float) -> Metric:
    edge = np.log(thresh / (1 - thresh))

    def measured(scores: Array, y: Array, weights: Array) -> Array:
        return Counts.of(scores > edge, y, weights).measures()["accuracy_multi"]

    return measured


METRICS: dict[str, dict[str, Metric]] = {
    "category": {"accuracy ↑": m.accuracy},
    "multicategory": {
        "mean average precision ↑": mean_average_precision,
        "accuracy_multi at .5 ↑": _above(0.5),
        "accuracy_multi at .2 ↑": _above(0.2),
    },
    "points": {"MSE in [-1, 1] ↓": lambda scores, y, weights: m.mse(scores - y, weights)},
    "rating": {"MSE ↓": lambda scores, y, weights: m.mse(scores - y, weights)},
}


def markdown(names: Sequence[str], folder: Path, seeds: Sequence[int]) -> str:
    """The table: a row for each problem and metric, on the test part.

    The difference is onecycle's mean over seeds less fast.ai's, on the same items; its 95 %
    interval is by bootstrap over the items, so it holds for these seeds.
    """
    lines = [
        "| problem | metric | items | fastai [each seed] | onecycle [each seed] "
        "| onecycle - fastai [95 %] | onecycle's own recipe "
        "| CPU seconds of training: fastai, onecycle |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in names:
        found = {tool: _results(tool, name, folder, seeds) for tool in (*TOOLS, OWN)}
        if any(found.values()):
            lines += _rows(name, folder, found)
    return "\n".join(lines) + "\n"


def _results(tool: str, name: str, folder: Path, seeds: Sequence[int]) -> list[dict[str, Array]]:
    """The results of a tool that are there."""
    results = []
    for seed in seeds:
        file = folder / f"{tool}-{name}-{seed}.npz"
        if file.exists():
            with np.load(file) as result:
                results.append({key: result[key] for key in result.files})
    return results


def _rows(name: str, folder: Path, found: dict[str, list[dict[str, Array]]]) -> list[str]:
    job = json.loads(next(folder.glob(f"*-{name}-[0-9].json")).read_text(encoding="utf-8"))
    y = jobs.targets(job, "test")
    rows = []
    for title, metric in METRICS[job["kind"]].items():
        cells = [name, title, f"{len(y):,}"]
        cells += [_scores(found[tool], metric, y) for tool in TOOLS]
        cells += [_difference(found, metric, y), _scores(found[OWN], metric, y)]
        cells.append(", ".join(_seconds(found[tool]) for tool in TOOLS))
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def _scores(results: list[dict[str, Array]], metric: Metric, y: Array) -> str:
    if not results:
        return "–"
    ones = np.ones((1, len(y)))
    values = [float(metric(each["test_scores"], y, ones)[0]) for each in results]
    return f"{_short(np.mean(values))} [{', '.join(_short(value) for value in values)}]"


def _difference(found: dict[str, list[dict[str, Array]]], metric: Metric, y: Array) -> str:
    """With its interval, where both tools have the same number of seeds."""
    theirs, ours = (found[tool] for tool in TOOLS)
    if not ours or len(ours) != len(theirs):
        return "–"

    def difference(weights: Array) -> dict[str, Array]:
        means = [
            np.mean([metric(each["test_scores"], y, weights) for each in results], axis=0)
            for results in (ours, theirs)
        ]
        return {"difference": means[0] - means[1]}

    it = measure(difference, len(y))["difference"]
    return f"{it['value']:+.4f} [{it['low']:+.4f}, {it['high']:+.4f}]"


def _seconds(results: list[dict[str, Array]]) -> str:
    return f"{np.mean([float(each['cpu_seconds']) for each in results]):.0f}" if results else "–"


def _short(value: float) -> str:
    return f"{value:.4f}"
