"""The score in parts of the judged items: by any column, numbers in bins, texts by value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide import intervals
from onecycle.decide.metrics import better, is_share
from onecycle.decide.sample import Sample
from onecycle.decide.scores import Array, Floats

BINS = 5
"""Parts of as many items each that a column of numbers is cut into."""
FEW = 10
"""A column with no more numbers than this has a part for each."""
VALUES = 20
"""Most frequent texts that are a part each; the others are one together."""
COLUMNS = ["column", "value", "n", "metric", "score", "low", "high", "beyond"]
Metrics = Callable[[Sample, Floats], dict[str, Floats]]


def measure(
    sample: Sample, columns: dict[str, pd.Series[Any]], metrics: Metrics, headline: str
) -> pd.DataFrame:
    """The headline in each part, with its interval, and whether it is unlike the whole's.

    Args:
        sample: the judged items.
        columns: of theirs, by name; a cell may be a list, then its item is in several parts.
        metrics: from some of the items and weights [B, n] to values [B] by name.
        headline: the metric to tell.

    Returns:
        `COLUMNS`, a row for each part of a column that has more than one. `low` and `high` are
        null where fewer than `intervals.MIN_GROUPS` items (or groups, where those are resampled)
        are in it. `beyond` is `better` or `worse` where the 95 % interval of the difference from
        the whole, on the same resamples, leaves out 0: of parts that differ by nothing but chance
        one in twenty is.
    """
    found = [(name, value, rows) for name, cells in columns.items() for value, rows in parts(cells)]
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    subsets = [sample.part(rows) for _, _, rows in found]

    def values(weights: Floats) -> Floats:
        whole = metrics(sample, weights)[headline]
        scores = [
            _score(part, weights[:, rows], metrics, headline)
            for part, (_, _, rows) in zip(subsets, found, strict=True)
        ]
        return np.stack([*scores, *(score - whole for score in scores)], axis=1)

    units = intervals.units_of(len(sample), sample.groups)
    counts = np.array([len(np.unique(units[rows])) for _, _, rows in found])
    m = len(found)
    shares = np.arange(2 * m) < (m if is_share(headline) else 0)
    table = sample.tabulate(values, units=np.tile(counts, 2), shares=shares)
    scores, gaps = table[:m], table[m:]
    enough = counts >= intervals.MIN_GROUPS
    higher = better(headline) == "higher"
    return pd.DataFrame(
        {
            "column": [name for name, _, _ in found],
            "value": [value for _, value, _ in found],
            "n": [len(rows) for _, _, rows in found],
            "metric": headline,
            "score": scores["value"].to_numpy(),
            "low": np.where(enough, scores["low"], np.nan),
            "high": np.where(enough, scores["high"], np.nan),
            "beyond": [
                _beyond(low, high, higher) if told else ""
                for low, high, told in zip(gaps["low"], gaps["high"], enough, strict=True)
            ],
        }
    )


def _score(part: Sample, weights: Floats, metrics: Metrics, headline: str) -> Floats:
    """The headline of a part, NaN in the draws that have none of its items."""
    there = weights.sum(axis=1) > 0
    score = metrics(part, np.where(there[:, None], weights, 1.0))[headline]
    return np.where(there, score, np.nan)


def _beyond(low: float, high: float, higher: bool) -> str:
    if not (low > 0 or high < 0):
        return ""
    return "better" if higher == (low > 0) else "worse"


def parts(cells: pd.Series[Any]) -> Iterator[tuple[str, Array]]:
    """The parts of a column, by name, with the rows int [n] of their items.

    One value alone is no part: it is the whole.
    """
    cells = cells.reset_index(drop=True)
    lists = cells.map(lambda cell: isinstance(cell, list | tuple | np.ndarray))
    cells = cells.explode() if lists.any() else cells
    missing = cells.isna()
    there = cells[~missing]
    named = _named(there)
    if missing.any():
        named = [*named, ("(none)", cells.index[missing].to_numpy())]
    if len(named) > 1:
        yield from named


def _named(cells: pd.Series[Any]) -> list[tuple[str, Array]]:
    if pd.api.types.is_numeric_dtype(cells) and not pd.api.types.is_bool_dtype(cells):
        return _numbers(cells)
    texts = cells.astype(str)
    counts = texts.value_counts()
    names = sorted(counts.index, key=lambda name: (-counts[name], name))
    named = [(name, _rows(texts.index[texts == name])) for name in names[:VALUES]]
    if len(names) > VALUES:
        rest = texts.index[~texts.isin(names[:VALUES])]
        named.append((f"({len(names) - VALUES:,} others)", _rows(rest)))
    return named


def _numbers(cells: pd.Series[Any]) -> list[tuple[str, Array]]:
    """A part for each of a few numbers, else bins of as many items; equal numbers stay together."""
    if cells.nunique() <= FEW:
        return [(_text(n), _rows(cells.index[cells == n])) for n in sorted(cells.unique())]
    bins = pd.qcut(cells, BINS, labels=False, duplicates="drop")
    found = []
    for _, each in cells.groupby(bins):
        low, high = _text(each.min()), _text(each.max())
        found.append((low if low == high else f"{low} to {high}", _rows(each.index)))
    return found


def _text(number: float) -> str:
    return f"{number:.0f}" if float(number).is_integer() else f"{number:.4g}"


def _rows(index: pd.Index[Any]) -> Array:
    """Rows, each once: a list may name a value twice."""
    return np.unique(index.to_numpy())
