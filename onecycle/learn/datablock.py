"""The DataBlock: in one place, what the sections prepare, split and learner say of the data.

It is made from params.yaml and gives params.yaml: explore in a notebook, paste what it prints.
"""

import io
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, TypeAdapter, ValidationError
from ruamel.yaml import YAML

from onecycle.errors import UserError
from onecycle.items import readers
from onecycle.items.table import Resize, items_table
from onecycle.learn import gather
from onecycle.learn.check import described
from onecycle.learn.dataloaders import DataLoaders
from onecycle.learn.datasets import Blocks, Datasets, Loader
from onecycle.learn.gather import Files, Getter, Rows
from onecycle.learn.recipe import View
from onecycle.params import explain
from onecycle.pixels.decode import decode
from onecycle.pixels.store import write_store
from onecycle.progress import say
from onecycle.splits import checked, leaks, splitters

Splitter = Callable[[pd.DataFrame], splitters.Parts]


@dataclass(frozen=True)
class DataBlock:
    """How raw data become batches.

    Attributes:
        blocks: names of the input block (image or pair) and of the target block (category,
            multicategory, points or rating).
        get_items: a reader's parameters; or a function from the source to items; or null, where
            the source itself is a data set: anything with an index and a length, or a DataFrame.
        get_x: from an item to a picture's file or array, or to (user, item). Null with a reader,
            and where items are (x, y).
        get_y: from an item to its label, labels, point in pixels or rating; null likewise.
        splitter: a splitter's parameters, or a function from the items table to each row's part.
        item_tfms: what is done to every picture once; null with a reader, which says it itself.
        batch_tfms: how pictures are shown to a model and varied; null with pairs.
    """

    blocks: tuple[str, str]
    get_items: readers.Params | Callable[[Any], Any] | None = None
    get_x: Getter | None = None
    get_y: Getter | None = None
    splitter: splitters.Params | Splitter = field(
        default_factory=lambda: splitters.Random(by="random")
    )
    item_tfms: Resize | None = None
    batch_tfms: View | None = field(default_factory=View)

    def __post_init__(self) -> None:
        """Holds the blocks to what a reader gives."""
        reader = self.get_items
        if isinstance(reader, BaseModel):
            given = "image" if reader.x == "image" else "pair", reader.y
            if self.blocks != given:
                raise UserError(f"blocks: {self.blocks}, but the reader of get_items gives {given}")

    @classmethod
    def from_params(cls, problem: Mapping[str, Any]) -> "DataBlock":
        """Makes one from a problem of params.yaml.

        Args:
            problem: its sections, of which prepare, split and learner are read.

        Raises:
            UserError: a section is missing or wrong.
        """
        reader = section(readers.Params, problem, "prepare")
        splitter = section(splitters.Params, problem, "split")
        pictures = reader.x == "image"
        shown = {k: v for k, v in problem.get("learner", {}).items() if k in View.model_fields}
        view = section(View, {"learner": shown}, "learner") if pictures else None
        block = "image" if pictures else "pair"
        return cls((block, reader.y), reader, splitter=splitter, batch_tfms=view)

    def to_params(self) -> dict[str, Any]:
        """The sections prepare and split, and what learner says of pictures; defaults left out.

        Raises:
            UserError: a part is a function, which YAML can't hold.
        """
        reader, splitter = self.get_items, self.splitter
        if not isinstance(reader, BaseModel) or self.get_x or self.get_y:
            raise UserError(
                "params.yaml can't hold the functions get_items, get_x and get_y; a reader can "
                f"stand in their place: {', '.join(readers.READERS)}"
            )
        if not isinstance(splitter, BaseModel):
            raise UserError(
                "params.yaml can't hold the function splitter; one of these can stand in its "
                f"place: {', '.join(splitters.SPLITTERS)}"
            )
        prepare = reader.model_copy(update=self.resize.model_dump() if self.pictures else {})
        parts = {"prepare": prepare, "split": splitter, "learner": self.batch_tfms}
        dumped = {k: v.model_dump(exclude_defaults=True) if v else {} for k, v in parts.items()}
        return dumped | {"prepare": dumped["prepare"] | {"y": reader.y}}

    def to_yaml(self) -> str:
        """`to_params` as text, to be pasted into a problem of params.yaml."""
        text, yaml = io.StringIO(), YAML()
        yaml.dump(self.to_params(), text)
        return text.getvalue()

    def datasets(self, source: Any, pixels: Path | None = None) -> Datasets:  # noqa: ANN401
        """Reads, decodes, splits and encodes; what can't be used, or leaks, is said.

        Args:
            source: a reader's raw folder, or what get_items takes, or a data set.
            pixels: where the pixel store shall lie; null: nowhere that lasts.

        Raises:
            UserError: nothing is left, or train or valid would be empty.
        """
        if pixels is None:
            with tempfile.TemporaryDirectory() as folder:  # the store stays mapped without a name
                return self.datasets(source, Path(folder, "pixels"))
        rows, files = self._rows(source)
        bad = write_store(pixels, files, self.resize.size, self.resize.channels)
        for name in list(bad)[:1]:
            say(f"{len(bad):,} pictures are left out; '{name}' {bad[name]}")
        parts = self._split([row for row in rows if row["id"] not in bad], source, pixels)
        blocks = Blocks.from_train(parts["train"], self.blocks[1], self.view, pixels)
        return Datasets(blocks, {name: blocks.encode(part) for name, part in parts.items()})

    def dataloaders(
        self,
        source: Any,  # noqa: ANN401 - as in datasets
        batch_size: int = 64,
        seed: int = 42,
        pixels: Path | None = None,
    ) -> DataLoaders:
        """Batches of train, shuffled and varied, and of valid, as they are."""
        return DataLoaders.of(self.datasets(source, pixels), batch_size, seed)

    def summary(self, source: Any) -> str:  # noqa: ANN401 - as in datasets
        """Tells one item's way through all steps, with shapes and types.

        Raises:
            UserError: a step failed; the text tells the way up to there.
        """
        told: list[str] = []
        with step(told, "get_items, get_x, get_y"):
            rows, files = self._rows(source)
            told.append(f"{len(rows):,} items; the first: {rows[0]}")
        with step(told, "item_tfms"):
            for name, file in files[:1]:
                found = decode(file, self.resize.size, self.resize.channels)
                if isinstance(found, str):
                    raise UserError(f"'{name}' {found}")
                told.append(f"its picture: {found[0].dtype} {list(found[0].shape)}")
        with step(told, "splitter"):
            parts = self._split(rows, source)
            told.append(", ".join(f"{name} {len(part):,}" for name, part in parts.items()))
        with step(told, "blocks and batch_tfms"), tempfile.TemporaryDirectory() as folder:
            seen, pixels = parts["train"].head(4), Path(folder, "pixels")
            some = [each for each in files if each[0] in set(seen["id"])]
            write_store(pixels, some, self.resize.size, self.resize.channels)
            blocks = Blocks.from_train(parts["train"], self.blocks[1], self.view, pixels)
            data = blocks.encode(seen)
            x, y = data[0]
            told.append(described("its input", x))
            told.append(f"{described('its target', y)}: {blocks.y.words(y)}")
            x, y = next(iter(Loader(data, len(data), seed=0)))
            told += [described("a batch's input", x), described("a batch's target", y)]
        return "\n".join(told)

    @property
    def pictures(self) -> bool:
        """Whether inputs are pictures."""
        return self.blocks[0] == "image"

    @property
    def view(self) -> View | None:
        """How pictures are shown; null with pairs."""
        return self.batch_tfms if self.pictures else None

    @property
    def resize(self) -> Resize:
        """What is done to every picture once."""
        reader = self.get_items
        if self.item_tfms is None and isinstance(reader, BaseModel):
            return Resize(size=reader.size, channels=reader.channels)
        return self.item_tfms or Resize()

    def _rows(self, source: Any) -> tuple[Rows, Files]:  # noqa: ANN401 - as in datasets
        if isinstance(self.get_items, BaseModel):
            return gather.read(Path(source), self.get_items)
        return gather.call(source, self.blocks, self.get_items, self.get_x, self.get_y)

    def _split(
        self,
        rows: Rows,
        source: Any,  # noqa: ANN401 - as in datasets
        pixels: Path | None = None,
    ) -> dict[str, pd.DataFrame]:
        """The items of each part; what leaks between them over its limit is said."""
        items = items_table(rows, self.blocks[1], pair=not self.pictures).to_pandas()
        prints = checked.read_prints(pixels) if pixels else None
        params, splitter = splitters.Splitter(), self.splitter
        if isinstance(splitter, splitters.Splitter):
            raw = Path(source) if isinstance(source, str | Path) else None
            params, (split, _) = splitter, checked.divide(items, splitter, prints, raw)
        else:
            split = checked.table(items, splitter(items))
        part_of = items["id"].map(split.set_index("id")["split"])
        found = {name: items[part_of == name].reset_index(drop=True) for name in leaks.PARTS}
        if found["train"].empty or found["valid"].empty:
            raise UserError(f"train or valid is empty: {len(items)} items are in {set(part_of)}")
        for leak in checked.check(items, split, params, prints).over if pixels else ():
            say(leak)
        return {name: part for name, part in found.items() if len(part)}


def section(kind: Any, problem: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - its model
    """A section of a problem, checked.

    Raises:
        UserError: it is missing, or wrong: a line for each fault.
    """
    if name not in problem:
        raise UserError(f"the problem has no section {name}; it has {list(problem)}")
    try:
        return TypeAdapter(kind).validate_python(problem[name])
    except ValidationError as error:
        raise UserError("\n".join(explain(error, problem[name], name))) from None


@contextmanager
def step(told: list[str], name: str) -> Iterator[None]:
    """Whatever fails inside is told with the way up to there."""
    try:
        yield
    except Exception as error:  # of functions that a user wrote
        raise UserError("\n".join([*told, f"{name} fails: {error}"])) from error
