"""fast.ai's recommender by the book, for the recording and for the jobs of side_by_side.

Runs in the environment of benchmarks/fastai/requirements.lock.
"""

import pandas as pd
from fastai.collab import TabularCollab, collab_learner
from fastai.data.block import TransformBlock
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.tabular.core import Categorify, TabDataLoader


def loaders(
    table: pd.DataFrame, train: list[int], valid: list[int], batch_size: int, *, shuffle: bool
) -> DataLoaders:
    """Loaders of a table with the columns user, item and rating.

    Args:
        table: one row a rating.
        train: rows that train.
        valid: rows that are predicted after each epoch.
        batch_size: ratings a step.
        shuffle: true visits every row once an epoch; false is fast.ai's own loader, which draws
            rows with replacement.
    """
    data = TabularCollab(
        table,
        [Categorify],
        ["user", "item"],
        y_names=["rating"],
        y_block=TransformBlock(),
        splits=(list(train), list(valid)),
    )
    return data.dataloaders(bs=batch_size, dl_type=TabDataLoader if shuffle else None)


def learner(dls: DataLoaders, factors: int, y_range: tuple[float, float]) -> Learner:
    """`EmbeddingDotBias` with fast.ai's Adam."""
    return collab_learner(dls, n_factors=factors, y_range=tuple(y_range))
