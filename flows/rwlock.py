"""DVC's list of who holds which files, and its mending: DVC itself trusts each process's number."""

import json
from pathlib import Path

import psutil
from dvc.lock import make_lock
from dvc.repo import Repo
from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK, _edit_rwlock

from flows.stage import DVC
from onecycle.progress import say


def held(repo: Repo) -> list[tuple[str, int]]:
    """Each file that is held, with the number of a process that holds it.

    Raises:
        ValueError: a DVC that was killed left the list half written.
    """
    path = _path(repo)
    if not path.exists():
        return []
    found = json.loads(path.read_bytes())
    pairs = [(file, each) for file, each in found.get("write", {}).items()]
    pairs += [(file, each) for file, many in found.get("read", {}).items() for each in many]
    return [(file, int(each["pid"])) for file, each in pairs if each]


def ended(repo: Repo) -> set[int]:
    """The processes in the list that have ended: none has the number, or a later one has.

    Raises:
        ValueError: as above.
    """
    path = _path(repo)
    if not path.exists():
        return set()
    written = path.stat().st_mtime
    return {pid for _, pid in held(repo) if not _lives(pid, before=written)}


def drop(repo: Repo) -> None:
    """Takes those that have ended out of the list, and begins it anew where it is half written."""
    try:
        gone = ended(repo)
    except ValueError:
        _clear(repo)
        return
    if not gone:
        return
    with _edit_rwlock(repo.tmp_dir, repo.fs, _hardlink(repo)) as lock:
        for file, each in list(lock["write"].items()):
            if each["pid"] in gone:
                del lock["write"][file]
        for file, many in list(lock["read"].items()):
            lock["read"][file] = [each for each in many if each["pid"] not in gone]


def _clear(repo: Repo) -> None:
    path = _path(repo)
    alone = str(path.with_name(RWLOCK_LOCK))
    with make_lock(alone, tmp_dir=repo.tmp_dir, hardlink_lock=_hardlink(repo)):
        try:
            json.loads(path.read_bytes())
        except FileNotFoundError:
            return  # another process was quicker
        except ValueError:
            path.unlink()
            say(f"{DVC}{path.name} was half written by a process that was killed: begun anew")


def _path(repo: Repo) -> Path:
    return Path(repo.tmp_dir, RWLOCK_FILE)


def _hardlink(repo: Repo) -> bool:
    return bool(repo.config["core"].get("hardlink_lock", False))


def _lives(pid: int, before: float) -> bool:
    """Whether a process is there, and was at a time."""
    try:
        process = psutil.Process(pid)
        zombie = process.status() == psutil.STATUS_ZOMBIE  # it has ended; nobody has asked how
        return not zombie and bool(process.create_time() <= before)
    except psutil.NoSuchProcess:
        return False
