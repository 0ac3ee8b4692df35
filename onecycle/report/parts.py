"""What a page is made of: sections with sentences, plots, tables and galleries.

The template knows these only; what stands in them is the other modules' affair.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """A table; the first `text` columns are words, the others numbers."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1


@dataclass(frozen=True)
class Plot:
    """A plot as data URIs for a light and for a dark page, `width` x `height` CSS pixels.

    `name` is that of its file in `pictures/`; null: its section's.
    """

    light: str
    dark: str
    width: int
    height: int
    alt: str
    caption: str = ""
    name: str | None = None


@dataclass(frozen=True)
class Picture:
    """An item's picture as a data URI, and its width and height as published, in pixels."""

    uri: str
    width: float
    height: float


@dataclass(frozen=True)
class Marks:
    """Points to draw on a picture, and the radius about the predicted one, in published pixels."""

    target: tuple[float, float]
    predicted: tuple[float, float]
    radius: float


@dataclass(frozen=True)
class Answer:
    """A target beside its prediction, in words; `flaw` says what is wrong, if anything is."""

    truth: str
    predicted: str
    flaw: str = ""
    marks: Marks | None = None


@dataclass(frozen=True)
class Card:
    """An item of a gallery: its names (one, or user and item), its answer, its picture."""

    names: Sequence[str]
    answer: Answer
    picture: Picture | None = None


@dataclass(frozen=True)
class Gallery:
    """Items side by side; `columns` head their names where they have no pictures."""

    title: str
    columns: Sequence[str]
    cards: Sequence[Card]


@dataclass(frozen=True)
class Twins:
    """Two pictures that show the same, their names, and how alike they are."""

    left: Picture
    right: Picture
    names: tuple[str, str]
    says: str


@dataclass(frozen=True)
class Section:
    """A heading and what follows it, in this order; warnings before all.

    In sentences and warnings, what stands between backticks is code.

    Attributes:
        finding: what it all comes to, to stand out.
        commands: lines for a shell, after the sentences.
        folded: a table that shows its first column's head until it is opened.
    """

    title: str
    says: Sequence[str] = ()
    plots: Sequence[Plot] = ()
    tables: Sequence[Table] = ()
    galleries: Sequence[Gallery] = ()
    twins: Sequence[Twins] = ()
    warnings: Sequence[str] = ()
    commands: Sequence[str] = ()
    finding: str = ""
    folded: Table | None = None

    @property
    def anchor(self) -> str:
        """What a link within the page calls it."""
        return slug(self.title)


def slug(title: str) -> str:
    """A title as a name for files and links: `better-than-svd`."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
