"""Pictures in a folder, labelled by their path: Oxford-IIIT Pets, or anyone's folder per class."""

import re
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import field_validator

from onecycle.errors import UserError
from onecycle.items.lines import lines_of
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
    """Reads the pictures below `raw/path`; other files there are noted, hidden ones passed over.

    Raises:
        UserError: the folder is missing or holds no picture, or a list is missing.
    """
    folder = raw / params.path
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; prepare.path names it inside the raw data")
    reading = Reading()
    listed = read_lists(raw, params.lists, reading)
    named = {
        raw / each
        for each in [*params.lists.values(), params.group_map]
        if each and isinstance(each, str)
    }
    for file in sorted(folder.rglob("*")):
        if any(name.startswith(".") for name in file.relative_to(folder).parts):
            continue
        if file.suffix.lower() in IMAGE_SUFFIXES:
            _add(reading, file, raw, params, listed)
        elif file not in named and not file.is_dir():
            suffix = file.suffix.lower() or "no suffix"
            reading.note(file.relative_to(raw), f"passed over: no picture's suffix ({suffix})")
    if not reading.rows:
        first = f"; {reading.bad[0]['file']}: {reading.bad[0]['reason']}" if reading.bad else ""
        found = f"; {len(reading.bad)} were set aside{first}" if reading.bad else ""
        raise UserError(f"{folder}: no labelled picture there{found}")
    known = {name for row in reading.rows for name in _names(row["id"])}
    for name, each in listed.items():
        if name not in known:
            reading.note(each.file, "a listed name without a labelled picture", each.row)
    return reading


class Listed(NamedTuple):
    """Where a list names a picture: the part, the list's path in the raw data, and the line."""

    part: str
    file: str
    row: int


def read_lists(
    raw: Path, lists: dict[Literal["train", "valid", "test"], str], reading: Reading
) -> dict[str, Listed]:
    """Reads which part of the data set's own split each name belongs to; `#` starts a comment.

    Returns:
        The part for each name; empty without lists.

    Raises:
        UserError: a list is missing or no UTF-8, or two of them hold the same name.
    """
    listed: dict[str, Listed] = {}
    for part, path in lists.items():
        file = raw / path
        if not file.is_file():
            raise UserError(f"{file}: the list of the {part} items (prepare.lists) is missing")
        for row, text, wrong in lines_of(file):
            if wrong:
                reading.set_aside(path, wrong, row)
                continue
            if text.startswith("#"):
                continue
            name = text.split()[0]
            if listed.setdefault(name, Listed(part, path, row)).part != part:
                raise UserError(
                    f"{file}, row {row}: '{name}' is in the {listed[name].part} list too"
                )
    return listed


def _names(inside: str) -> tuple[str, str]:
    """What lists may call a picture: its path without suffix, with folders and without."""
    name = inside.rpartition(".")[0]
    return name, name.rpartition("/")[2]


def _add(
    reading: Reading, file: Path, raw: Path, params: Params, listed: dict[str, Listed]
) -> None:
    inside = file.relative_to(raw / params.path).as_posix()
    where = file.relative_to(raw).as_posix()
    if file.is_dir():
        reading.note(where, "a folder named like a picture")
        return
    label = re.search(params.label, inside)
    group = re.search(params.group, inside) if params.group else None
    if not file.is_file():
        reading.set_aside(where, "is no regular file")
    elif label is None or not label.group(1):
        reading.set_aside(where, f"its path does not match prepare.label {params.label!r}")
    elif params.group and (group is None or not group.group(1)):
        reading.set_aside(where, f"its path does not match prepare.group {params.group!r}")
    else:
        path, stem = _names(inside)
        found = listed.get(path) or listed.get(stem)
        owner = group.group(1) if group else None
        split = found.part if found else None
        reading.add(id=inside, x=where, y=label.group(1), group=owner, split=split)
