"""Targets beside predictions: ordinary items and the worst, as pictures or as rows."""

from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from onecycle.blocks.image import Images
from onecycle.pixels.store import visible
from onecycle.report.facts import Facts
from onecycle.report.kinds import Shown
from onecycle.report.parts import Card, Gallery, Picture, Section
from onecycle.report.template import data_uri

HALF = 6  # items of each of the two galleries
LEGEND = "○ target, × prediction, dashed circle: the radius about it."
SIDE = 240  # pixels of a picture's long side at most
QUALITY = 88  # of JPEG, in which photographs take a sixth of PNG's room


def section(facts: Facts, kind: Shown) -> Section:
    """Ordinary items, evenly spaced, then the worst."""
    ordinary, worst = choose(facts.predictions["loss"].to_numpy())
    galleries = [
        _gallery("Evenly spaced over all items", facts, kind, ordinary),
        _gallery(f"The worst: {kind.worst}", facts, kind, worst),
    ]
    marked = any(card.answer.marks for gallery in galleries for card in gallery.cards)
    return Section(
        "Targets beside predictions",
        [LEGEND] if marked else [],
        galleries=[gallery for gallery in galleries if gallery.cards],
    )


def choose(losses: NDArray[np.float64], half: int = HALF) -> tuple[list[int], list[int]]:
    """Rows of ordinary items and of the worst, which are not among the former."""
    order = np.argsort(-losses, kind="stable")
    worst = order[: min(half, len(order) // 2)]
    rest = np.sort(order[len(worst) :])
    places = np.linspace(0, len(rest) - 1, min(half, len(rest))).round().astype(int)
    return rest[places].tolist(), worst.tolist()


def _gallery(title: str, facts: Facts, kind: Shown, rows: Sequence[int]) -> Gallery:
    columns, face = FACES[facts.blocks.x.kind]
    cards = []
    for _, row in facts.predictions.iloc[list(rows)].iterrows():
        names, shown = face(facts.blocks.x, row)
        cards.append(Card(names, kind.answer(row), shown))
    return Gallery(title, columns, cards)


def picture(images: Images, name: str) -> Picture:
    """An item's stored picture, by its id, made small."""
    at = images.store.rows([name])[0]
    small = Image.fromarray(np.ascontiguousarray(visible(images.store[at])))
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    width, height = images.store.size_px([at])[0].tolist()
    return Picture(data_uri(buffer.getvalue(), "jpeg"), width, height)


def _picture(images: Images, row: pd.Series) -> tuple[list[str], Picture]:
    """The item's id and its picture."""
    return [row["id"]], picture(images, row["id"])


def _pair(_: object, row: pd.Series) -> tuple[list[str], None]:
    """The names of user and item; the item's title where it has one."""
    user, item = map(str, row["x"])
    title = row.get("title")
    return [user, f"{title} ({item})" if isinstance(title, str) else item], None


Face = Callable[[Any, pd.Series], tuple[list[str], Picture | None]]
FACES: dict[str, tuple[list[str], Face]] = {
    "image": (["Picture"], _picture),
    "pair": (["User", "Item"], _pair),
}
