"""What decides what a training gives: two that agree in all of it are one, and may share work.

Data, parameters and code count here. Versions of packages, the device and its kind do not: a
training that goes on under others says so (`Learner.others`).
"""

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import onecycle
from onecycle.paths import Paths, sha256


def key(value: Any) -> str:  # noqa: ANN401 - what JSON can hold
    """Twenty hexadecimal digits that stand for a value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def data(paths: Paths) -> list[str | None]:
    """Of the items and of their pictures' names, sizes and content; null where there are none."""
    pixels = [paths.data("pixels") / name for name in ("index.json", "prints.parquet")]
    found = [sha256(file) if file.exists() else None for file in pixels]
    return [sha256(paths.data("items.parquet")), *found]


def code(folders: Iterable[str], modules: Iterable[str]) -> str:
    """Of sources.

    Args:
        folders: of onecycle.
        modules: files, as their `__file__` tells.
    """
    return _code(tuple(folders), tuple(modules))


@cache  # what this process began with: code that is edited meanwhile trains nothing here
def _code(folders: tuple[str, ...], modules: tuple[str, ...]) -> str:
    library = Path(onecycle.__file__).parent
    files = [file for name in folders for file in sorted((library / name).rglob("*.py"))]
    return key([sha256(file) for file in [*files, *map(Path, modules)]])
