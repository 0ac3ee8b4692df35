"""What decides what a training gives: two that agree in all of it are one, and may share work.

Data, parameters and code count here. Versions of packages, the device and its kind do not: a
training that goes on under others says so (`Learner.others`).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import onecycle
from onecycle.paths import Paths
from onecycle.sources.fetch.download import fetch_kept


def key(value: Any) -> str:  # noqa: ANN401 - what JSON can hold
    """Twenty hexadecimal digits that stand for a value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def data(paths: Paths) -> list[str | None]:
    """Of the items and of their pictures' names, sizes and content; null where there are none."""
    pixels = [paths.data("pixels") / name for name in ("index.json", "prints.parquet")]
    found = [sha256(file) if file.exists() else None for file in pixels]
    return [sha256(paths.data("items.parquet")), *found]


def weights(learner: Mapping[str, Any]) -> str | None:
    """Of a file of weights that no checksum binds: it may change where it lies; else null."""
    found = learner.get("weights")
    if not isinstance(found, dict) or found["checksum"] or not found["url"].startswith("file:"):
        return None
    return fetch_kept(found["url"], "weights", checksum=None).sha256


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


def sha256(file: Path) -> str:
    """Of a file's content, read once as long as it does not change."""
    stamp = file.stat()
    return _hashed(file.resolve(), stamp.st_mtime_ns, stamp.st_size)


@cache
def _hashed(file: Path, mtime_ns: int, size: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
