"""Ratings as columns: what a list of rows says, at 32 bytes a row."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from onecycle.errors import UserError

Row = dict[str, Any]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
ROW_GROUP = 1 << 20  # rows that are made into a table at once: Parquet's row group


@dataclass(frozen=True)
class Columns(Sequence[Row]):
    """Rows as a reader gives them; each becomes a mapping only when it is asked for.

    Attributes:
        file: that they stand in.
        row: where, int64 [N].
        user: places in `users`, int32 [N].
        item: places in `items`, int32 [N].
        y: ratings, float64 [N].
        time: int64 [N], or null.
        users: names.
        items: names.
        groups: of each user, or null.
        titles: of each item, null for one without; or null.
    """

    file: str
    row: Ints
    user: Codes
    item: Codes
    y: Floats
    time: Ints | None
    users: list[str]
    items: list[str]
    groups: list[str] | None = None
    titles: list[str | None] | None = None

    def __len__(self) -> int:
        return len(self.row)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> list[Row]: ...
    def __getitem__(self, at: int | slice) -> Row | list[Row]:
        if isinstance(at, slice):
            return list(self.some(range(len(self))[at]))
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        user, item = int(self.user[at]), int(self.item[at])
        pair = [self.users[user], self.items[item]]
        found: Row = {"id": "/".join(pair), "x": pair, "y": float(self.y[at])}
        found["group"] = self.groups[user] if self.groups else None
        found["time"] = None if self.time is None else int(self.time[at])
        found["at"] = (self.file, int(self.row[at]))
        if self.titles is not None:
            found["title"] = self.titles[item]
        return found

    def some(self, places: Iterable[int]) -> Iterator[Row]:
        """The rows at some places."""
        return (self[int(at)] for at in places)

    def without(self, places: Iterable[int]) -> "Columns":
        """All but the rows at some places; names that no row has any more go too."""
        kept = np.ones(len(self), dtype=bool)
        kept[list(places)] = False
        user, users = _used(self.user[kept], len(self.users))
        item, items = _used(self.item[kept], len(self.items))
        return Columns(
            self.file,
            self.row[kept],
            user,
            item,
            self.y[kept],
            None if self.time is None else self.time[kept],
            [self.users[at] for at in users],
            [self.items[at] for at in items],
            self.groups and [self.groups[at] for at in users],
            self.titles and [self.titles[at] for at in items],
        )

    def regrouped(self, persons: Mapping[str, str]) -> "Columns":
        """The same with other names of some groups."""
        groups = self.groups
        return replace(self, groups=groups and [persons.get(name, name) for name in groups])

    def by_group(self) -> dict[str, int]:
        """How many rows each group has, by the first row of each."""
        found: dict[str, int] = {}
        counts = np.bincount(self.user, minlength=len(self.users)).tolist()
        for name, count in zip(self.groups or [], counts, strict=False):
            found[name] = found.get(name, 0) + count
        return found

    def in_groups(self, names: Iterable[str]) -> Ints:
        """Places of the rows of some groups."""
        wanted = set(names)
        mine = np.array([name in wanted for name in self.groups or []], dtype=bool)
        return np.flatnonzero(mine[self.user]) if mine.any() else np.empty(0, np.int64)

    def pairs(self) -> Ints:
        """A number for each row that is equal where user and item are."""
        return self.user.astype(np.int64) * len(self.items) + self.item

    def ids(self) -> pa.Array:
        """`user/item` of each row."""
        return self._ids(np.arange(len(self)))

    def _ids(self, order: Ints) -> pa.Array:
        users, items = (
            pa.array(self.users, pa.large_string()),
            pa.array(self.items, pa.large_string()),
        )
        names = pc.take(users, self.user[order]), pc.take(items, self.item[order])
        return pc.binary_join_element_wise(*names, pa.scalar("/", pa.large_string()))

    def by_id(self) -> Ints:
        """Places of the rows, sorted by id.

        Raises:
            UserError: two rows have the same id.
        """
        if not self._may_share_ids:
            rank = _ranks([f"{name}/" for name in self.users])[self.user]
            return np.argsort(rank * len(self.items) + _ranks(self.items)[self.item], kind="stable")
        ids = self.ids()
        order: Ints = pc.sort_indices(ids).to_numpy().astype(np.int64)
        ordered = ids.take(order)
        same = pc.equal(ordered[1:], ordered[:-1]).to_numpy(zero_copy_only=False)
        if same.any():
            name = ordered[int(same.argmax())].as_py()
            raise UserError(f"items: two rows have the id '{name}'; ids must be unique")
        return order

    @property
    def _may_share_ids(self) -> bool:
        """Whether `a/b` of c and a of `b/c` may be there; then an id is no pair."""
        return any("/" in name for name in self.users)

    def of_shared_ids(self) -> Ints:
        """Places of the rows whose id others have too."""
        if not self._may_share_ids:
            return np.empty(0, np.int64)
        codes = pc.dictionary_encode(self.ids()).indices.to_numpy()
        return np.flatnonzero(np.bincount(codes)[codes] > 1)

    def table(self, metadata: Mapping[str, str]) -> pa.Table:
        """The items table; see `onecycle.items.table`."""
        order = self.by_id()
        parts = [
            self._table(order[at : at + ROW_GROUP]) for at in range(0, len(self), ROW_GROUP)
        ] or [self._table(order)]
        return pa.concat_tables(parts).replace_schema_metadata(metadata)

    def _table(self, order: Ints) -> pa.Table:
        n, text = len(order), pa.string()
        user, item = self.user[order], self.item[order]
        both = np.stack([user, item + len(self.users)], axis=1).ravel()
        names = pc.take(pa.array([*self.users, *self.items], text), both)
        twos = pa.array(np.arange(0, 2 * n + 1, 2, dtype=np.int32))
        nothing = pa.nulls(n, text)
        found = {
            "id": self._ids(order).cast(text),
            "x": pa.ListArray.from_arrays(twos, names, type=pa.list_(text)),
            "y": pa.array(self.y[order]),
            "group": pc.take(pa.array(self.groups, text), user) if self.groups else nothing,
            "time": pa.nulls(n, pa.int64()) if self.time is None else pa.array(self.time[order]),
            "split": nothing,
        }
        if self.titles is not None:
            found["title"] = pc.take(pa.array(self.titles, text), item)
        return pa.table(found)


def _used(codes: Codes, n: int) -> tuple[Codes, Ints]:
    """Codes counted anew over those of n that occur, and these."""
    used = np.flatnonzero(np.bincount(codes, minlength=n))
    place = np.zeros(n, np.int32)
    place[used] = np.arange(len(used))
    return place[codes], used


def _ranks(names: Sequence[str]) -> Ints:
    """The place of each name when they are sorted."""
    ranks = np.empty(len(names), np.int64)
    ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
    return ranks
