"""Parts that somebody chose: the data set's own column, lists of ids, files of names."""

from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from onecycle.errors import UserError
from onecycle.params import nearest
from onecycle.splits.drawn import by_labels
from onecycle.splits.splitter import Parts, Splitter

FEW = 2_000  # ids among which the nearest is looked for
NAMES = 5  # that a message tells


class Column(Splitter):
    """The data set's own split, as the items table has it.

    Attributes:
        valid: share of its train rows, 0 to 1, that becomes valid where it has no valid rows;
            every label in proportion.
        seed: of that draw.
    """

    by: Literal["column"]
    valid: float = Field(0.0, ge=0, lt=1)
    seed: int = Field(42, ge=0)


class Lists(Splitter):
    """Lists of names: an item's id, or its id or file without folder, suffix or both.

    Attributes:
        train: names, or `rest`: all that the others do not name.
        valid: names.
        test: names.
        unknown: whether a name that is no item is refused, or passed over: a data set's lists may
            name pictures that were set aside.
    """

    by: Literal["lists"]
    train: list[str] | Literal["rest"] = "rest"
    valid: list[str] = Field(min_length=1)
    test: list[str] = []
    unknown: Literal["refuse", "skip"] = "refuse"

    @model_validator(mode="after")
    def _names_each_once(self) -> "Lists":
        named = Counter([*self.valid, *self.test, *(self.train if self.train != "rest" else ())])
        twice = [name for name, times in named.items() if times > 1]
        if twice:
            raise ValueError(f"expected each name once; {len(twice)} are not: {twice[:NAMES]}")
        return self


class Files(Splitter):
    """Files of names, such as published with a data set, in the raw data.

    A line's first word is a name, as in `by: lists`; empty lines and those that begin with `#` say
    nothing. To name items by what holds spaces, use `by: lists`.

    Attributes:
        train: a file, or `rest`: all that the others do not name.
        valid: a file.
        test: a file, or null.
        unknown: as in `by: lists`.
    """

    by: Literal["files"]
    train: str = "rest"
    valid: str
    test: str | None = None
    unknown: Literal["refuse", "skip"] = "refuse"

    @field_validator("train", "valid", "test")
    @classmethod
    def _stays_inside(cls, path: str | None) -> str | None:
        if path is not None and (path.startswith("/") or ".." in Path(path).parts):
            raise ValueError("expected a file inside the raw data, for DVC follows no other")
        return path

    def beside(self, raw: Path | None) -> Lists:
        """The lists that the files hold.

        Raises:
            UserError: a file is missing, no UTF-8 or empty, or a name is there twice.
        """
        if raw is None:
            raise UserError("split.by: files, but there is no folder of raw data to read them in")
        chosen = {"train": self.train, "valid": self.valid, "test": self.test}
        found = {
            part: read_names(raw / path, f"split.{part}")
            for part, path in chosen.items()
            if path is not None and (part, path) != ("train", "rest")
        }
        try:
            return Lists.model_validate({"by": "lists", "unknown": self.unknown, **found})
        except ValueError as error:
            said = "; ".join(each["msg"] for each in error.errors())  # type: ignore[attr-defined]
            raise UserError(f"split.by: files: {said.replace('Value error, ', '')}") from None


def read_names(file: Path, key: str) -> list[str]:
    """The first words of a file's lines, without comments.

    Raises:
        UserError: it is missing, no UTF-8, or empty.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}; {key} names it in the raw data") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: expected UTF-8 ({error}); save it so") from None
    names = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise UserError(f"{file}: {key} names it, but no line of it names an item")
    return names


def column(items: pd.DataFrame, params: Column) -> Parts:
    """Takes the data set's own split; rows that it does not name take no part.

    Raises:
        UserError: the items name no split, or have valid rows beside a share for valid.
    """
    parts: Parts = [part if isinstance(part, str) else None for part in items["split"]]
    if not any(parts):
        raise UserError("split.by: column, but the items have no split of their own; use random")
    if params.valid == 0:
        return parts
    if "valid" in parts:
        raise UserError("split.valid: the items have valid rows of their own; leave it at 0")
    train = [row for row, part in enumerate(parts) if part == "train"]
    drawn = by_labels(items["y"].iloc[train], params.valid, 0, params.seed)
    for row, part in zip(train, drawn, strict=True):
        parts[row] = part
    return parts


def lists(items: pd.DataFrame, params: Lists) -> Parts:
    """Takes the parts that lists name; where train is a list, rows in none take no part.

    Raises:
        UserError: a name is no item or several, or an item is named twice.
    """
    wanted = {"valid": params.valid, "test": params.test}
    if params.train != "rest":
        wanted["train"] = params.train
    found = _rows(items, [name for names in wanted.values() for name in names], params.unknown)
    parts = np.full(len(items), "train" if params.train == "rest" else None, dtype=object)
    owner: dict[int, str] = {}
    for part, named in wanted.items():
        rows = [(found[name], name) for name in named if name in found]
        for row, name in rows:
            if row in owner:
                what = f"'{owner[row]}' and '{name}' name the same item; expected each once"
                raise UserError(f"split.{part}: {what}")
            owner[row] = name
        parts[[row for row, _ in rows]] = part
    return parts.tolist()


def _rows(items: pd.DataFrame, named: list[str], unknown: str) -> dict[str, int]:
    """The row of each name that is an item: by id first, then by what is left of id and file."""
    ids = items["id"].astype(str)
    files = items["x"].astype(str) if "x" in items and _are_texts(items["x"]) else ids
    found = dict(zip(ids, range(len(ids)), strict=True))
    missing = {name for name in named if name not in found}
    for short in (_stem, _base, lambda texts: _stem(_base(texts))):
        for texts in (ids, files):
            keys = pd.Series(short(texts).to_numpy(), index=range(len(ids)))
            hits = keys[keys.isin(missing)]
            twice = hits[hits.duplicated(keep=False)]
            if len(twice):
                alike = ids.iloc[twice.index[twice == twice.iloc[0]][:2]].tolist()
                raise UserError(f"split: '{twice.iloc[0]}' is several items, such as {alike}")
            found |= {name: int(row) for row, name in hits.items()}  # type: ignore[call-overload]
            missing -= set(hits)
    if missing and (unknown == "refuse" or len(missing) == len(set(named))):
        first = [name for name in named if name in missing][:NAMES]
        said = "; ".join(f"'{name}', {_nearest(name, ids)}" for name in first)
        raise UserError(
            f"split: {len(missing)} names are no items: {said}; `unknown: skip` passes them over"
        )
    return found


def _stem(texts: "pd.Series[str]") -> "pd.Series[str]":
    return texts.str.replace(r"\.[^./]*$", "", regex=True)


def _base(texts: "pd.Series[str]") -> "pd.Series[str]":
    return texts.str.replace(r"^.*/", "", regex=True)


def _are_texts(x: "pd.Series[str]") -> bool:
    return len(x) > 0 and isinstance(x.iloc[0], str)


def _nearest(name: str, ids: "pd.Series[str]") -> str:
    """The nearest id; of very many, among those that stand beside the name when sorted."""
    known = ids.sort_values().to_numpy(dtype=object)
    at = int(np.searchsorted(known, name))
    some = known[max(0, at - FEW // 2) : at + FEW // 2].tolist()
    said = nearest(name, some)
    return said if said.startswith("did you") else f"ids are such as '{some[0]}'"
