"""Unpacks an archive that came from outside: checked first, then whole or not at all."""

import filecmp
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from onecycle import disks, paths
from onecycle.errors import UserError
from onecycle.progress import track
from onecycle.sources.fetch import names
from onecycle.sources.fetch.archive import (
    CHUNK,
    DAMAGE,
    ENTRIES,
    FILE,
    FOLDER,
    ExcessError,
    Member,
    members,
)
from onecycle.sources.fetch.disk import BLOCK, claim


def extract(archive: Path, folder: Path) -> None:
    """Unpacks a zip, tar or tar.gz, told apart by content; archives in it stay archives.

    Every member is checked before anything is written: its name, its kind, and whether all would
    become more than `archive.ENTRIES`, `RATIO` and `LARGEST` allow, or than the disk holds. They
    are written to a temporary folder next to `folder`, their bytes counted, and moved in at the
    end; on failure `folder` is as it was. Several archives may share a folder, and may hold the
    same file if its bytes are equal. Modes, owners and times are not kept, and what macOS adds
    (`__MACOSX`, `.DS_Store`, `._*`) is left out.

    Args:
        archive: the file.
        folder: where its members go; made if missing.

    Raises:
        UserError: the archive is damaged, a member might leave the folder or is neither file nor
            folder, names clash, it would become too much, or the disk refuses.
    """
    try:
        with members(archive) as found:
            placed = _placed(archive, found)
            size = sum(-(-member.size // BLOCK) * BLOCK for _, member in placed)
            claim(folder, size)
            with disks.telling(folder, size, reads=True), _beside(folder) as staged:
                for path, member in track(placed, f"unpack {archive.name}"):
                    _write(member, staged / path)
                _move_in(archive, staged, folder)
    except ExcessError as error:
        raise UserError(
            f"{archive}: {error}: nothing was unpacked; if you trust its source, unpack it by "
            "hand and name the folder as download.folder in params.yaml"
        ) from error
    except DAMAGE as error:
        raise UserError(
            f"{archive}: cannot be unpacked ({error}): expected a whole zip, tar or tar.gz "
            "without a password; remove the file and fetch it again"
        ) from error
    except OSError as error:
        raise UserError(
            f"{archive}: cannot be unpacked into {folder} ({error}): "
            "free space on its disk, or allow reading the one and writing the other"
        ) from error


@contextmanager
def _beside(folder: Path) -> Iterator[Path]:
    """A temporary folder next to another; those of processes that are no more go."""
    near = paths.temporary(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    paths.sweep(folder.parent, folder.name)
    paths.remove(near)
    near.mkdir()
    try:
        yield near
    finally:
        with suppress(OSError):  # of a disk that is gone
            paths.remove(near)


def put(file: Path, folder: Path, name: str) -> None:
    """Copies a file that is no archive, or stays one, into a folder that is there.

    Raises:
        UserError: the name is none to take, something like it is there already, or the disk
            refuses.
    """
    path = PurePosixPath(name)
    wrong = names.fault(name) or ("is no plain file name" if path.parts != (name,) else None)
    if wrong:
        raise UserError(f"{file}: {name!r} {wrong}: rename it at its source, or pack it")
    for there in folder.iterdir():
        if names.same(PurePosixPath(there.name)) == names.same(path):
            raise UserError(
                f"{file}: {there} is there already: expected names of their own; pack the one or "
                "the other into an archive with a folder"
            )
    try:
        claim(folder, file.stat().st_size)
        with paths.whole(folder / name) as partial:
            shutil.copyfile(file, partial)
    except OSError as error:
        raise UserError(f"{file}: cannot be copied to {folder} ({error}): allow it") from error


def _placed(archive: Path, found: list[Member]) -> list[tuple[PurePosixPath, Member]]:
    """Checks all members and gives each its path inside the folder."""
    placed = []
    seen = {".": (PurePosixPath("."), FOLDER)}
    for member in found:
        path = _safe_path(archive, member)
        if any(part in ("__MACOSX", ".DS_Store") or part.startswith("._") for part in path.parts):
            continue
        if member.kind not in (FILE, FOLDER):
            raise _refusal(archive, member, f"is a {member.kind}; expected a file or folder")
        for step in (path, *path.parents):
            entry = (step, member.kind if step == path else FOLDER)
            earlier = seen.setdefault(names.same(step), entry)
            if earlier is not entry:
                if earlier != entry or entry[1] == FILE:
                    same = str(earlier[0])
                    raise _refusal(archive, member, f"has the same name as {same!r} in it")
                break  # the folders around it were looked at before
        if len(seen) > ENTRIES + 1:  # with the folder itself
            raise ExcessError(f"it has more than {ENTRIES:,} files and folders")
        placed.append((path, member))
    return placed


def _safe_path(archive: Path, member: Member) -> PurePosixPath:
    """The member's path relative to the folder; refuses what might lead out of it."""
    if wrong := names.fault(member.name):
        raise _refusal(archive, member, wrong)
    return PurePosixPath(member.name)


def _refusal(archive: Path, member: Member, why: str) -> UserError:
    """The error that names archive and member."""
    name = member.name if len(member.name) < 300 else f"{member.name[:300]}…"
    return UserError(
        f"{archive}: member {name!r} {why}: nothing was unpacked; "
        "if you trust its source, pack the archive anew without such members"
    )


def _write(member: Member, path: Path) -> None:
    """Writes one member with the usual modes, and no byte more than it announced."""
    if member.kind == FOLDER:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as source, path.open("xb") as copy:
        left = member.size
        while chunk := source.read(CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            copy.write(chunk)
    if left:
        raise EOFError(f"{member.name!r} is not as long as it says")


def _move_in(archive: Path, staged: Path, folder: Path) -> None:
    """Moves what `folder` does not have yet; on failure takes it out again."""
    moves = list(_moves(archive, staged, folder))
    try:
        for source, target in moves:
            source.rename(target)
    except BaseException:
        with suppress(OSError):  # of a disk that is gone
            for _, target in moves:
                paths.remove(target)
        raise


def _moves(archive: Path, staged: Path, target: Path) -> Iterator[tuple[Path, Path]]:
    """The fewest moves that bring `staged` to `target`; refuses to change what is there."""
    if not target.exists():
        yield staged, target
    elif staged.is_dir() and target.is_dir():
        for child in sorted(staged.iterdir()):
            yield from _moves(archive, child, target / child.name)
    elif not (staged.is_file() and target.is_file() and filecmp.cmp(staged, target, shallow=False)):
        raise UserError(
            f"{archive}: {target} is there already and differs: "
            "expected the same bytes; unpack the archives into different folders"
        )
