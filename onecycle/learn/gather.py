"""From a source to rows of the items table: by a reader, or by functions of one's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from onecycle.errors import UserError
from onecycle.items import readers
from onecycle.pixels.decode import Pixels
from onecycle.progress import say

Rows = list[dict[str, Any]]
Files = list[tuple[str, Path | Pixels]]
Getter = Callable[[Any], Any]
VALUES: dict[str, Getter] = {
    "category": str,
    "multicategory": lambda y: [str(label) for label in y],
    "points": lambda y: [float(value) for value in y],
    "rating": float,
}


def read(source: Path, reader: readers.Params) -> tuple[Rows, Files]:
    """What a reader finds in raw data: rows sorted by id, and the files of pictures.

    Raises:
        UserError: the layout is not the reader's, or no row is good.
    """
    reading = readers.read(source, reader)
    if reading.bad:
        first = reading.bad[0]
        say(f"{len(reading.bad):,} rows are left out; {first['file']}: {first['reason']}")
    if not reading.rows:
        raise UserError(f"{source}: nothing to read there; see the keys of get_items")
    rows = sorted(reading.rows, key=lambda row: str(row["id"]))
    pictures = reader.x == "image"
    return rows, [(row["id"], source / row["x"]) for row in rows] if pictures else []


def call(
    source: Any,  # noqa: ANN401 - a data set, or what get_items takes
    blocks: tuple[str, str],
    get_items: Callable[[Any], Any] | None,
    get_x: Getter | None,
    get_y: Getter | None,
) -> tuple[Rows, Files]:
    """What functions make of a source: rows sorted by id, and the pictures.

    A picture's id is its path, any other item's its number.

    Raises:
        UserError: there are no items, or one has no x and y.
    """
    items = get_items(source) if get_items else source
    found: list[tuple[str, Any, Any]] = []
    for at in range(len(items)):
        item = items.iloc[at] if isinstance(items, pd.DataFrame) else items[at]
        x, y = (get(item) for get in (get_x or first(0), get_y or first(1)))
        picture = blocks[0] == "image" and not isinstance(x, np.ndarray)
        x = Path(x) if picture else x
        found.append((x.as_posix() if isinstance(x, Path) else f"{at:07}", x, y))
    if not found:
        raise UserError("get_items gives no item")
    found.sort(key=lambda each: each[0])
    value = VALUES[blocks[1]]
    if blocks[0] == "image":
        rows: Rows = [{"id": name, "x": name, "y": value(y)} for name, _, y in found]
        return rows, [(name, x) for name, x, _ in found]
    return [{"id": n, "x": [str(e) for e in x], "y": value(y)} for n, x, y in found], []


def first(place: int) -> Getter:
    """The getter of items that are (x, y)."""

    def get(item: Any) -> Any:  # noqa: ANN401 - the user's items
        if isinstance(item, tuple) and len(item) == 2:
            return item[place]
        name = ("get_x", "get_y")[place]
        raise UserError(f"{name} is null, so items are expected to be (x, y), got {item!r}")

    return get
