"""The pair block: user and item become rows of two embeddings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

UNSEEN = 0  # the row of every user and item that train does not have, as in fast.ai


@dataclass(frozen=True)
class Pairs:
    """An input block.

    Args:
        users: names whose rows are 1, 2, …
        items: likewise.
    """

    users: list[str]
    items: list[str]
    kind: str = field(default="pair", init=False)

    @classmethod
    def from_items(cls, x: Iterable[Sequence[str]]) -> "Pairs":
        """Learns the names from train's pairs, in sorted order."""
        users, items = zip(*x, strict=True)
        return cls(sorted(set(users)), sorted(set(items)))

    def names(self, rows: Sequence[int]) -> list[str]:
        """User and item of one encoded pair."""
        known = (self.users, self.items)
        return [of[row - 1] if row else "unseen" for of, row in zip(known, rows, strict=True)]

    def state(self) -> dict[str, object]:
        """What model.json keeps: the names."""
        return {"kind": self.kind, "users": self.users, "items": self.items}

    def encode(self, _: object, x: Iterable[Sequence[str]]) -> Tensor:
        """Rows of user and item, int64 [N, 2]."""
        users = {name: row for row, name in enumerate(self.users, start=1)}
        items = {name: row for row, name in enumerate(self.items, start=1)}
        rows = [(users.get(user, UNSEEN), items.get(item, UNSEEN)) for user, item in x]
        return torch.tensor(rows, dtype=torch.int64)
