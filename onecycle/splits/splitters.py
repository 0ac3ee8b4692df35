"""Splitters: from items to train, valid and test, and calib where some of valid is set aside.

A splitter is a function from the items table and its parameters to one part for each row, or null
for a row that takes no part. Rows come sorted by id, so the order of the raw files decides nothing.
Each draws from a generator of its own: no global state is seeded.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from onecycle.splits import aside, drawn, folds, given, groups, splitter, times
from onecycle.tables import ascends

Parts = splitter.Parts
Splitter = splitter.Splitter
Random = drawn.Random
Params = Annotated[
    drawn.Random
    | drawn.Stratified
    | given.Column
    | given.Lists
    | given.Files
    | groups.Group
    | times.Time
    | folds.KFold
    | folds.GroupKFold
    | folds.LeaveOneGroupOut,
    Field(discriminator="by"),
]
SPLITTERS: dict[str, Callable[[pd.DataFrame, Any], Parts]] = {
    "random": drawn.random,
    "stratified": drawn.stratified,
    "column": given.column,
    "lists": given.lists,
    "files": given.lists,  # read by its parameters' `beside`
    "group": groups.group,
    "time": times.time,
    "kfold": folds.kfold,
    "group_kfold": folds.group_kfold,
    "leave_one_group_out": folds.leave_one_group_out,
}
FOLDS: dict[str, Callable[[pd.DataFrame, Any], splitter.Ints]] = {
    "kfold": folds.kfold_table,
    "group_kfold": folds.group_kfold_table,
    "leave_one_group_out": folds.leave_one_group_out_table,
}


def divide(items: pd.DataFrame, params: splitter.Splitter, raw: Path | None = None) -> Parts:
    """Each row's part, whatever the order of the rows.

    Args:
        items: the items table, with unique ids.
        params: one of `Params`.
        raw: the folder of raw data, where `by: files` reads its files.

    Raises:
        UserError: the items can't be split so.
    """
    order, ordered = _sorted(items)
    parts = np.empty(len(items), dtype=object)
    found = SPLITTERS[params.by](ordered, params.beside(raw))  # type: ignore[attr-defined]
    parts[order] = aside.set_aside(ordered, found, params) if params.calib else found
    return parts.tolist()


def fold_table(items: pd.DataFrame, params: splitter.Splitter) -> pd.DataFrame | None:
    """The table of folds, `id fold`, sorted by id; null for a splitter without folds."""
    table = FOLDS.get(params.by)  # type: ignore[attr-defined]
    if table is None:
        return None
    _, ordered = _sorted(items)
    return pd.DataFrame({"id": ordered["id"], "fold": table(ordered, params)})


def _sorted(items: pd.DataFrame) -> tuple[splitter.Ints, pd.DataFrame]:
    """The places of the rows by id, and the rows in that order, with an index from 0."""
    if ascends(items["id"]):
        return np.arange(len(items)), items.reset_index(drop=True)
    order: splitter.Ints = np.argsort(items["id"].to_numpy(dtype=object), kind="stable")
    return order, items.iloc[order].reset_index(drop=True)
