"""The score in parts of the judged items: by any column, numbers in bins, texts by value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from onecycle.decide import intervals
from onecycle.decide.kinds import KINDS
from onecycle.decide.metrics import better, is_share, limits, mean_where
from onecycle.decide.sample import Sample, binned
from onecycle.decide.scores import Array, Floats

FEW = 10
"""A column with no more numbers than this has a part for each."""
VALUES = 20
"""Most frequent texts that are a part each; the others are one together."""
COLUMNS = ["column", "value", "n", "metric", "score", "low", "high", "beyond"]


def measure(sample: Sample, columns: dict[str, pd.Series[Any]]) -> pd.DataFrame:
    """The headline in each part, with its interval, and whether it is unlike the whole's.

    Args:
        sample: the judged items.
        columns: of theirs, by name; a cell may be a list, then its item is in several parts.

    Returns:
        `COLUMNS`, a row for each part of a column that has more than one. `low` and `high` are
        null where fewer than `intervals.MIN_GROUPS` items (or groups, where those are resampled)
        are in it. `beyond` is `better` or `worse` where the 95 % interval of the difference from
        the whole, on the same resamples and of the same labels, leaves out 0; of a part that is all
        right or all wrong, where its own leaves out the whole's score. Of parts that differ by
        nothing but chance one in twenty is.
    """
    kind = KINDS[sample.decision["kind"]]
    headline = kind.headline
    found = [(name, value, rows) for name, cells in columns.items() for value, rows in cut(cells)]
    if not found:
        return pd.DataFrame(columns=COLUMNS)
    subsets = [
        (sample.part(rows), rows, kind.part_bias(sample.scores, sample.y, rows))
        for _, _, rows in found
    ]

    def values(weights: Floats) -> Floats:
        whole = _parts(sample, weights)
        scores = [_score(part, weights[:, rows]) for part, rows, _ in subsets]
        biases = [bias for _, _, bias in subsets]
        gaps = [_mean(each - whole - bias) for each, bias in zip(scores, biases, strict=True)]
        return np.stack([*map(_mean, scores), *gaps], axis=1)

    units = intervals.units_of(len(sample), sample.groups)
    counts = np.array([len(np.unique(units[rows])) for _, _, rows in found])
    m = len(found)
    shares = np.arange(2 * m) < (m if is_share(headline) else 0)
    low, high = limits(headline)
    ends = np.repeat([[low, -np.inf], [high, np.inf]], m, axis=1)
    table = sample.resample(values).table(units=np.tile(counts, 2), shares=shares, ends=ends)
    scores, gaps = table[:m], table[m:].reset_index(drop=True)
    if is_share(headline):
        gaps = _of_all_alike(scores, gaps)
    else:
        scores = intervals.untold(scores, counts)
    enough = (counts >= intervals.MIN_GROUPS) & scores["low"].notna()
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


def _parts(sample: Sample, weights: Floats) -> Floats:
    """What the headline of some items is the mean of, [B, C]."""
    kind = KINDS[sample.decision["kind"]]
    return kind.headline_parts(sample.scores, sample.y, sample.decision, weights, sample.size_px)


def _score(part: Sample, weights: Floats) -> Floats:
    """The same of a part, NaN in the draws that have none of its items."""
    there = weights.sum(axis=1, keepdims=True) > 0
    return np.where(there, _parts(part, np.where(there, weights, 1.0)), np.nan)


def _mean(values: Floats) -> Floats:
    """Mean over what is there, [B, C] to [B]."""
    return mean_where(values, np.isfinite(values))


def _of_all_alike(scores: pd.DataFrame, gaps: pd.DataFrame) -> pd.DataFrame:
    """Differences from the whole; those of parts without spread by the parts' own intervals.

    No resample of six right items has a wrong one, and yet of such parts many are right by chance.
    """
    ends = ["low", "high"]
    own = scores[ends].sub(scores["value"] - gaps["value"], axis=0)
    return gaps.assign(**gaps[ends].mask(scores["value"].isin([0, 1]), own))


def _beyond(low: float, high: float, higher: bool) -> str:
    if not (low > 0 or high < 0):
        return ""
    return "better" if higher == (low > 0) else "worse"


def cut(cells: pd.Series[Any]) -> Iterator[tuple[str, Array]]:
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
    found = []
    for _, each in cells.groupby(binned(cells)):
        low, high = _text(each.min()), _text(each.max())
        found.append((low if low == high else f"{low} to {high}", _rows(each.index)))
    return found


def _text(number: float) -> str:
    return f"{number:.0f}" if float(number).is_integer() else f"{number:.4g}"


def _rows(index: pd.Index[Any]) -> Array:
    """Rows, each once: a list may name a value twice."""
    return np.unique(index.to_numpy())
