"""A recommender's error by how much train knows of the user and of the item."""

from __future__ import annotations

import numpy as np
import pandas as pd

from onecycle.decide.recommend import Rated
from onecycle.decide.sample import Sample, binned, parts_of
from onecycle.decide.scores import Array, Floats


def by_activity(train: Rated, judged: Rated, predicted: Floats, sample: Sample) -> pd.DataFrame:
    """Errors by the number of ratings that train has of the user, and of the item.

    Args:
        train: what the model learnt from; its mean is the baseline.
        judged: what it is judged by.
        predicted: the model's ratings of them [N].
        sample: how they are resampled.

    Returns:
        A row for each part: `of` (user, item), `least` and `most` ratings in train, `n` judged
        ratings, and `rmse`, `mae` and `rmse_mean` (of train's mean) with `_low` and `_high`. Unseen
        ones, with none in train, are a part of their own, there even where it is empty.
    """
    frames = []
    for at, of in enumerate(("user", "item")):
        known = np.bincount(train.pairs[:, at], minlength=int(judged.pairs[:, at].max()) + 1)
        known[0] = 0  # row 0 is all that train does not have
        count = known[judged.pairs[:, at]]
        codes, width = _parts(count)
        found = _errors(parts_of(codes, width), train, judged, predicted, sample)
        ends = [(count[codes == k].min(), count[codes == k].max()) for k in range(1, width)]
        least, most = zip((0, 0), *ends, strict=True)
        found.insert(0, "of", of)
        found.insert(1, "least", least)
        found.insert(2, "most", most)
        frames.append(found)
    return pd.concat(frames, ignore_index=True)


def _parts(count: Array) -> tuple[Array, int]:
    """The part of each count: 0 for none, then bins from few to many; and how many parts."""
    codes, seen = np.zeros(len(count), np.int64), count > 0
    if seen.any():
        codes[seen] = 1 + np.unique(binned(pd.Series(count[seen])), return_inverse=True)[1]
    return codes, int(codes.max()) + 1


def unseen(train: Rated, judged: Rated, predicted: Floats, sample: Sample) -> pd.DataFrame:
    """How many judged ratings are of users and items that train does not have, and their error.

    Args:
        train: what the model learnt from; its mean is held against the model.
        judged: what it is judged by.
        predicted: the model's ratings of them [N].
        sample: how they are resampled.

    Returns:
        A row for each of `both seen`, `user unseen`, `item unseen`: `n` ratings, their `share` of
        all, and `rmse`, `mae` and `rmse_mean` (of train's mean) with `_low` and `_high`; null
        where there are none.
    """
    user, item = (judged.pairs == 0).T
    among = np.stack([~(user | item), user, item], axis=1)
    found = _errors(among, train, judged, predicted, sample)
    found.insert(0, "who", ["both seen", "user unseen", "item unseen"])
    found.insert(2, "share", found["n"] / len(judged.ratings))
    return found


def _errors(
    among: Array, train: Rated, judged: Rated, predicted: Floats, sample: Sample
) -> pd.DataFrame:
    """`n`, and rmse, mae and rmse_mean with their bounds, of the parts bool [N, M]."""
    off, gap = predicted - judged.ratings, train.ratings.mean() - judged.ratings
    values = {"rmse": off**2, "mae": np.abs(off), "rmse_mean": gap**2}
    stacked = np.concatenate([each[:, None] * among for each in values.values()], axis=1)
    table = sample.ratios(stacked, np.tile(among, len(values)))
    m = among.shape[1]
    found = {"n": table["n"][:m].to_numpy()}
    for at, name in enumerate(values):
        each = table[at * m : (at + 1) * m]
        for end, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
            column = each[end].to_numpy()
            found[name + suffix] = column if name == "mae" else np.sqrt(column)
    return pd.DataFrame(found)
