"""Which labels are found, and which are taken for which, where an item has one label."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse

from onecycle.decide.sample import Sample, parts_of


def recalls(sample: Sample, y: pd.Series[str], predicted: pd.Series[str]) -> pd.DataFrame:
    """Of the items of each label, the share that is given it.

    Args:
        sample: the judged items.
        y: their labels, names.
        predicted: those that they are given.

    Returns:
        `label items right recall low high`, a row for each label of `y`, sorted by name.
    """
    codes, names = pd.factorize(y, sort=True)
    among = parts_of(codes, len(names))
    right = (y == predicted).to_numpy()
    found = sample.means(right, among, shares=True)
    counted = {"label": names, "items": found["n"], "right": among[right].sum(axis=0)}
    return pd.DataFrame(counted).assign(recall=found["value"], low=found["low"], high=found["high"])


def pairs(sample: Sample, y: pd.Series[str], predicted: pd.Series[str]) -> pd.DataFrame:
    """Of the items of each label, the share that is given a certain wrong one.

    Args:
        sample: the judged items.
        y: their labels, names.
        predicted: those that they are given.

    Returns:
        `label predicted times items share low high`, a row for each pair that occurs, the most
        frequent first. That a row is seen at all is chance in part: those at the top look worse
        than they are.
    """
    wrong = np.flatnonzero(y != predicted)
    if len(wrong) == 0:
        columns = ["label", "predicted", "times", "items", "share", "low", "high"]
        return pd.DataFrame(columns=columns)
    rows = pd.DataFrame({"label": y, "predicted": predicted}).iloc[wrong]
    found_of = rows.groupby(["label", "predicted"])
    table = found_of.size().rename("times").reset_index()
    shape = (len(y), len(table))
    cells = np.ones(len(wrong)), (wrong, found_of.ngroup().to_numpy())
    codes, names = pd.factorize(y, sort=True)
    of_label = sparse.csc_array(parts_of(codes, len(names)))
    among = of_label[:, pd.Index(names).get_indexer(pd.Index(table["label"]))]
    found = sample.ratios(sparse.csc_array(cells, shape=shape), among, shares=True)
    table = table.assign(
        items=found["n"], share=found["value"], low=found["low"], high=found["high"]
    )
    by = ["times", "share"]
    return table.sort_values(by, ascending=False, kind="stable", ignore_index=True)
