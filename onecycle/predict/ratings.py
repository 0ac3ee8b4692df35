"""Pairs of user and item as inputs."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from onecycle.blocks.pair import UNSEEN, Pairs
from onecycle.decide import histograms
from onecycle.errors import UserError
from onecycle.learn.learner import AT_ONCE, Learner
from onecycle.predict import inputs
from onecycle.predict.takes import Inputs, Scored
from onecycle.progress import track

NAMELESS = "user or item has no name"


class Ratings:
    """Pairs of user and item; those that train does not have are rated as the average of all."""

    chunk = 1 << 16
    columns: tuple[str, ...] = ("known_user", "known_item")

    def __init__(self, learner: Learner) -> None:
        self.learner, self.model = learner, learner.to_predict()
        known = learner.data.blocks.x
        if not isinstance(known, Pairs):
            raise UserError("model.json: expected a recommender")
        self.known = known

    def named(self, sources: Sequence[str], root: Path | None, taken: Container[str]) -> Inputs:
        """What CSV and Parquet files on a command line hold."""
        return self._of(inputs.pairs(sources, taken))

    def stamp(self, _: Inputs) -> str:
        """Pairs name no files."""
        return ""

    def given(self, each: Any, taken: Container[str]) -> Inputs:  # noqa: ANN401 - as in Takes
        """A DataFrame with `user` and `item`, or (user, item) after (user, item)."""
        if not isinstance(each, pd.DataFrame):
            each = pd.DataFrame(list(each), columns=["user", "item"])
        return self._of(inputs.paired(inputs.of_frame(each), "the table", taken))

    def _of(self, table: pa.Table) -> Inputs:
        return Inputs(table, self.encoded(table))

    def encoded(self, table: pa.Table) -> Any:  # noqa: ANN401 - an array
        """Rows of the embeddings of `user` and `item`, int64 [N, 2]; -1 where no name stands."""
        columns = []
        for name, known in (("user", self.known.users), ("item", self.known.items)):
            places = pc.index_in(table[name], pa.array(known, pa.string()))
            rows = pc.fill_null(pc.add(places.cast(pa.int64()), 1), UNSEEN)
            bare = pc.equal(pc.fill_null(table[name], ""), "")
            columns.append(pc.if_else(bare, -1, rows).to_numpy())
        return np.stack(columns, axis=1)

    def shown(self, inputs: Inputs, n: int) -> tuple[Tensor, list[str]]:
        """Rows of the embeddings, int64 [m, 2]."""
        rows = np.asarray(inputs.sources)
        bad = (rows < 0).any(axis=1)
        return torch.from_numpy(rows[~bad][:n]), [NAMELESS] * int(bad.sum())

    def scored(self, chunks: Sequence[Any]) -> Iterator[Scored]:
        """Scores chunks of rows, int64 [n, 2]."""
        for rows in track(chunks, f"predicting, in chunks of {self.chunk:,}", len(chunks)):
            bad = (rows < 0).any(axis=1)
            good = rows[~bad]
            known = {name: pa.array(rows[:, at] > 0) for at, name in enumerate(self.columns)}
            errors = [NAMELESS if each else None for each in bad.tolist()]
            yield Scored(errors, self.rate(good), None, known, histograms.of_pairs(good))

    def rate(self, rows: Any) -> Any:  # noqa: ANN401 - arrays
        """Scores float32 [n, 1] of rows int64 [n, 2]."""
        parts = torch.from_numpy(rows).split(AT_ONCE)
        scores = [self.learner.ask(self.model, part) for part in parts if len(part)]
        return np.concatenate([np.empty((0, 1), np.float32), *scores])
