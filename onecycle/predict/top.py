"""The best items for users, as a recommender rates them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from onecycle.blocks.pair import UNSEEN
from onecycle.decide.histograms import Histograms, of_pairs
from onecycle.errors import UserError
from onecycle.predict.model import Model
from onecycle.predict.ratings import Ratings
from onecycle.predict.takes import Scored
from onecycle.progress import track

AT_ONCE = 1 << 22  # ratings that are held while the best are picked: 16 MB


@dataclass(frozen=True)
class Top:
    """The best items for each of some users, by the rating that the model gives them.

    Args:
        model: a recommender's bundle.
        users: names; those that train does not have are rated as the average of all.
        n: items for a user; fewer where all others are excluded.
        exclude: `user item`, pairs that are not recommended; null: none.

    Raises:
        UserError: the model is no recommender.
    """

    model: Model
    users: Sequence[str]
    n: int
    exclude: pa.Table | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.model.takes, Ratings):
            raise UserError(f"{self.model.folder}: is no recommender: no items to choose from")

    @property
    def ratings(self) -> Ratings:
        """What rates pairs."""
        takes = self.model.takes
        assert isinstance(takes, Ratings)
        return takes

    @property
    def chunk(self) -> int:
        """Users of a part."""
        return max(1, AT_ONCE // max(1, len(self.ratings.known.items)))

    def parts(self, starts: Sequence[int]) -> Iterator[tuple[pa.Table, Histograms]]:
        """`user rank item title` and the answers, best first; ties in the items' order.

        Args:
            starts: the first user of each chunk that is wanted.
        """
        rows = self._rows(pa.table({"user": self.users, "item": [""] * len(self.users)}))[:, 0]
        found = self._excluded()
        for start in track(starts, f"users, in chunks of {self.chunk:,}", len(starts)):
            some = slice(start, start + self.chunk)
            yield self._part(self.users[some], np.maximum(rows[some], UNSEEN), found)

    def _rows(self, table: pa.Table) -> NDArray[np.int64]:
        return np.asarray(self.ratings.encoded(table))

    def _excluded(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Users of excluded pairs, sorted, and their items, as rows of the embeddings."""
        if self.exclude is None:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        pairs = self._rows(self.exclude)
        pairs = pairs[(pairs > UNSEEN).all(axis=1)]
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        return pairs[:, 0], pairs[:, 1]

    def _part(
        self, users: Sequence[str], rows: NDArray[np.int64], exclude: tuple[Any, Any]
    ) -> tuple[pa.Table, Histograms]:
        items = np.arange(1, len(self.ratings.known.items) + 1)
        pairs = np.stack(np.meshgrid(rows, items, indexing="ij"), axis=-1)
        scores = self.ratings.rate(pairs.reshape(-1, 2)).reshape(len(rows), -1)
        allowed = np.ones_like(scores, dtype=bool)
        for at, row in enumerate(rows):
            first, last = np.searchsorted(exclude[0], [row, row + 1])
            allowed[at, exclude[1][first:last] - 1] = False
        best = [_best(each, may, self.n) for each, may in zip(scores, allowed, strict=True)]
        whose = np.repeat(np.arange(len(rows)), [len(each) for each in best])
        chosen = pairs[whose, np.concatenate(best)]
        table = self._named([users[int(at)] for at in whose], chosen, [len(each) for each in best])
        rated = scores[whose, np.concatenate(best)][:, None]
        scored = Scored([None] * len(chosen), rated, inputs=of_pairs(chosen))
        answers = self.model.answers(scored)
        for name, column in self.model.columns(scored, answers).items():
            table = table.append_column(name, column)
        table = table.append_column("known_user", pa.array(chosen[:, 0] > UNSEEN))
        return table.drop_columns("error"), self.model.counted(scored, answers)

    def _named(
        self, users: list[str], chosen: NDArray[np.int64], counts: Sequence[int]
    ) -> pa.Table:
        known, items = self.ratings.known, (chosen[:, 1] - 1).tolist()
        ranks = [rank for count in counts for rank in range(1, count + 1)]
        columns = {
            "user": pa.array(users, pa.string()),
            "rank": pa.array(ranks, pa.int64()),
            "item": pa.array([known.items[at] for at in items], pa.string()),
        }
        if known.titles is not None:
            columns["title"] = pa.array([known.titles[at] for at in items], pa.string())
        return pa.table(columns)


def _best(scores: NDArray[np.float32], allowed: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """The places of the n highest scores that are allowed, from the highest; ties by place."""
    places = np.flatnonzero(allowed)
    if len(places) > n:
        bound = np.partition(scores[places], -n)[-n]
        places = places[scores[places] >= bound]  # more than n where some tie
    order = np.argsort(-scores[places], kind="stable")[:n]
    return places[order]
