"""What DVC keeps, held to the hashes that it is kept under: objects of the cache, and outputs."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dvc.dvcfile import LOCK_FILE, Lockfile
from dvc.exceptions import DvcException
from dvc.repo import Repo

from flows.finding import Finding
from flows.graph import torn
from flows.rwlock import held
from onecycle.params import read_yaml
from onecycle.paths import remove

OLD_S = 3600.0  # DVC's temporaries tell no process; one that grew or was linked since is left
MD5 = partial(hashlib.md5, usedforsecurity=False)


class Hashes:
    """MD5 of files as DVC's; each is read once, under however many names it is linked."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], str] = {}

    def of(self, path: Path) -> str:
        """A file's hash; where it can't be read, why."""
        try:
            stat = path.stat()
            key = stat.st_dev, stat.st_ino
            if key not in self._known:
                with path.open("rb") as file:
                    self._known[key] = hashlib.file_digest(file, MD5).hexdigest()
            return self._known[key]
        except OSError as error:
            return os.strerror(error.errno or 0)


def objects(repo: Repo, hashes: Hashes, damaged: set[str]) -> Iterator[Finding]:
    """What DVC's cache holds under another name than its content's hash; old temporaries there.

    DVC itself trusts what is write-protected there, and so would put damage back for ever.

    Args:
        repo: the repository.
        hashes: of files that were read.
        damaged: takes the names of what is removed.
    """
    for path in sorted(Path(repo.cache.local.path).glob("??/*")):
        if path.suffix == ".tmp":
            if time.time() - path.lstat().st_ctime > OLD_S:
                yield Finding(f"{path}: left by a DVC that was killed; removed", path.unlink)
            continue
        name = path.parent.name + path.name
        if hashes.of(path) != name.partition(".")[0]:
            damaged.add(name)
            what = f"{path}: damaged, its content is not what its name says; removed"
            yield Finding(what, partial(remove, path))


def outputs(repo: Repo, hashes: Hashes, damaged: set[str]) -> Iterator[Finding]:
    """Files in the tree that are not what dvc.lock says, while DVC takes them for that.

    Those that DVC knows to be others are its affair: the next run makes them anew.
    """
    busy = [Path(each) for each, _ in held(repo)]
    for path, md5 in _expected(repo):
        here = path.absolute()
        if any(here.is_relative_to(each) or each.is_relative_to(here) for each in busy):
            continue
        if not (path.is_symlink() or path.is_file()) or hashes.of(path) == md5:
            continue
        known = repo.state.get(str(here), repo.fs)[1] if path.exists() else None
        if md5 in damaged or path.is_symlink() or (known and known.value == md5):
            yield Finding(f"{path}: not what dvc.lock says; removed", partial(remove, path))


def _expected(repo: Repo) -> Iterator[tuple[Path, str]]:
    """Each file that dvc.lock tells of, with its MD5; those of a folder too."""
    path = Path(LOCK_FILE)
    if torn() or not path.exists() or not readable(repo, path):
        return
    for stage in (read_yaml(path).get("stages") or {}).values():
        for out in stage.get("outs", []):
            md5 = out.get("md5", "")
            if not md5.endswith(".dir"):
                yield Path(out["path"]), md5
                continue
            try:
                inside = json.loads(Path(repo.cache.local.oid_to_path(md5)).read_bytes())
            except (OSError, ValueError):
                continue  # damaged or not there: the stage is run again
            for each in inside:
                yield Path(out["path"], each["relpath"]), each["md5"]


def readable(repo: Repo, path: Path) -> bool:
    """Whether DVC takes a file for a dvc.lock."""
    try:
        Lockfile(repo, str(path)).load()
    except DvcException:
        return False
    return True
