"""The pair block: user and item become rows of two embeddings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from onecycle.tables import users_and_items

UNSEEN = 0  # the row of every user and item that train does not have, as in fast.ai


@dataclass(frozen=True)
class Pairs:
    """An input block.

    Args:
        users: names whose rows are 1, 2, …
        items: likewise.
        titles: of the items; null where they have none.
    """

    users: list[str]
    items: list[str]
    titles: list[str] | None = None
    kind: str = field(default="pair", init=False)

    @classmethod
    def from_items(cls, x: Iterable[Sequence[str]]) -> "Pairs":
        """Learns the names from train's pairs, in sorted order."""
        (_, users), (_, items) = users_and_items(x)
        return cls(sorted(users), sorted(items))

    def names(self, rows: Sequence[int]) -> list[str]:
        """User and item of one encoded pair."""
        known = (self.users, self.items)
        return [of[row - 1] if row else "unseen" for of, row in zip(known, rows, strict=True)]

    def state(self) -> dict[str, object]:
        """What model.json keeps: the names and, where there are any, the titles."""
        titles = {} if self.titles is None else {"titles": self.titles}
        return {"kind": self.kind, "users": self.users, "items": self.items, **titles}

    def encode(self, _: object, x: Iterable[Sequence[str]]) -> Tensor:
        """Rows of user and item, int64 [N, 2]."""
        columns = []
        for (codes, names), known in zip(users_and_items(x), (self.users, self.items), strict=True):
            place = {name: row for row, name in enumerate(known, start=1)}
            rows = np.array([place.get(name, UNSEEN) for name in names], dtype=np.int64)
            columns.append(rows[codes])
        return torch.from_numpy(np.stack(columns, axis=1))
