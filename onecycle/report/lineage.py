"""What led to a model, in one JSON file beside it: data, split, parameters, code, packages."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

from onecycle.errors import UserError
from onecycle.paths import Paths, read_json, write_json
from onecycle.report.words import place
from onecycle.tables import content_sha256, read

CODE = Path(__file__).parents[2]  # the folder that holds these packages
FOLDERS = ("onecycle", "tasks")
PLACES = ("url", "folder")  # keys of params.yaml that may hold a path of this machine


def write(paths: Paths, asked: dict[str, Any]) -> None:
    """Writes `lineage.json` into the bundle; the same run gives the same bytes.

    Args:
        paths: the problem's files; those that evaluate depends on are read.
        asked: all sections of the problem in params.yaml, and `threads`.

    Raises:
        UserError: model.json does not tell what the model was made with.
    """
    model, table = read_json(paths.model("model.json")), read(paths.data("items.parquet"))
    if "made_with" not in model:
        raise UserError(f"{paths.model('model.json')}: is of an older version; train again")
    made = model["made_with"]
    found = {
        "problem": paths.problem,
        "model": {"sha256": _sha256(paths.model("model.safetensors"))},
        "data": {
            "sha256": of_source(read_json(paths.data("source.json"))),
            "items": table.num_rows,
            "items_sha256": content_sha256(table),
        },
        "split": {
            "by": read_json(paths.report("split.json"))["by"],
            "sha256": content_sha256(read(paths.data("split.parquet"))),
        },
        "params": without_places(asked),
        "code": of_code(),
        "packages": made["packages"],
        "trained_on": {key: made[key] for key in ("device", "kind", "precision", "threads")},
        "seed": model["learner"]["seed"],
    }
    write_json(paths.model("lineage.json"), found)


def of_source(source: dict[str, Any]) -> dict[str, str]:
    """A sha256 of each archive by its url, a local file's by its name: `name (2)` if it is taken.

    Of a folder or a sample, which have no archive, it is that of the names and sizes of its files.
    """
    found: dict[str, str] = {}
    for archive in source.get("archives", []):
        name = place(archive["url"])
        names = (name, *(f"{name} ({at})" for at in range(2, len(found) + 2)))
        found[next(each for each in names if each not in found)] = archive["sha256"]
    named = source.get("folder") or source.get("sample")
    return found or {f"{named}, names and sizes": source["listing_sha256"]}


def without_places(value: Any, key: str = "") -> Any:  # noqa: ANN401 - any JSON value
    """Parameters, without the folders of this machine: of a local path the name stays."""
    if isinstance(value, dict):
        return {name: without_places(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [without_places(each, key) for each in value]
    return place(value) if key in PLACES and isinstance(value, str) else value


def of_code(root: Path = CODE) -> dict[str, Any]:
    """The commit that last touched the code's folders, and whether they differ from it.

    Later commits that leave the code alone do not count. Both are null outside git.
    """
    commit = _git(root, "log", "-1", "--format=%H", "--", *FOLDERS)
    if not commit:
        return {"commit": None, "changed": None}
    changed = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *FOLDERS)
    return {"commit": commit, "changed": bool(changed)}


def _git(root: Path, *command: str) -> str:
    try:
        done = subprocess.run(
            ["git", *command], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
