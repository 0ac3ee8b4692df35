"""Pictures in a folder, labelled by their path: Oxford-IIIT Pets, or anyone's folder per class."""

import re
from pathlib import Path
from typing import Literal

from pydantic import field_validator

from onecycle.errors import UserError
from onecycle.items.table import IMAGE_SUFFIXES, ReaderParams, Reading


class Params(ReaderParams):
    r"""How to read a folder of pictures.

    Attributes:
        path: the folder, inside the raw data.
        label: a regular expression searched in each file's path below `path` (`/` between folders);
            its first group is the label. `^(.+)_\d+` reads Pets, `^([^/]+)/` a folder per class.
        group: a like expression whose first group names whom or what the picture shows.
        lists: the data set's own split: for each part a file whose lines begin with the names
            (without suffix) of its pictures.
    """

    reader: Literal["files"]
    path: str = "."
    y: Literal["category"] = "category"
    label: str
    group: str | None = None
    lists: dict[Literal["train", "valid", "test"], str] = {}

    @field_validator("label", "group")
    @classmethod
    def _has_a_group(cls, pattern: str | None) -> str | None:
        try:
            if pattern is None or re.compile(pattern).groups >= 1:
                return pattern
        except re.error as error:
            raise ValueError(f"expected a regular expression ({error})") from None
        raise ValueError("expected a regular expression with a group in parentheses")


def read(raw: Path, params: Params) -> Reading:
    """Reads the pictures below `raw/path`; other files there, and hidden ones, are passed over.

    Raises:
        UserError: the folder is missing or holds no picture, or a list is missing.
    """
    folder = raw / params.path
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; prepare.path names it inside the raw data")
    parts = read_lists(raw, params.lists)
    reading = Reading()
    for file in sorted(folder.rglob("*")):
        hidden = any(name.startswith(".") for name in file.relative_to(folder).parts)
        if not hidden and file.suffix.lower() in IMAGE_SUFFIXES and file.is_file():
            _add(reading, file, raw, params, parts)
    if not reading.rows:
        first = f"; {reading.bad[0]['file']}: {reading.bad[0]['reason']}" if reading.bad else ""
        found = f"; {len(reading.bad)} were set aside{first}" if reading.bad else ""
        raise UserError(f"{folder}: no labelled picture there{found}")
    return reading


def read_lists(raw: Path, lists: dict[Literal["train", "valid", "test"], str]) -> dict[str, str]:
    """Reads which part of the data set's own split each name belongs to; `#` starts a comment.

    Returns:
        The part for each name; empty without lists.

    Raises:
        UserError: a list is missing or no UTF-8, or two of them hold the same name.
    """
    parts: dict[str, str] = {}
    for part, path in lists.items():
        file = raw / path
        if not file.is_file():
            raise UserError(f"{file}: the list of the {part} items (prepare.lists) is missing")
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise UserError(f"{file}: expected UTF-8 ({error}); save it so") from None
        for line in lines:
            if not line.strip() or line.startswith("#"):
                continue
            name = line.split()[0]
            if parts.setdefault(name, part) != part:
                raise UserError(f"{file}: '{name}' is in the {parts[name]} list too")
    return parts


def _add(reading: Reading, file: Path, raw: Path, params: Params, parts: dict[str, str]) -> None:
    inside = file.relative_to(raw / params.path).as_posix()
    label = re.search(params.label, inside)
    group = re.search(params.group, inside) if params.group else None
    where = file.relative_to(raw).as_posix()
    if label is None or not label.group(1):
        reading.set_aside(where, f"its path does not match prepare.label {params.label!r}")
    elif params.group and (group is None or not group.group(1)):
        reading.set_aside(where, f"its path does not match prepare.group {params.group!r}")
    else:
        name = inside.rpartition(".")[0]
        split = parts.get(name) or parts.get(file.stem)
        owner = group.group(1) if group else None
        reading.add(id=inside, x=where, y=label.group(1), group=owner, split=split)
