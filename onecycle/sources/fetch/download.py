"""Brings a file from its url: whole, verified, and only where it is not there already."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from onecycle import paths
from onecycle.errors import UserError
from onecycle.progress import track
from onecycle.sources.fetch.checksum import Content, measure, valid_checksum
from onecycle.sources.fetch.web import CHUNK, full_chunks, http_chunks


@dataclass(frozen=True)
class Fetched:
    """A file that is here and verified.

    Args:
        path: where it lies.
        bytes: its size.
        sha256: its digest, 64 hexadecimal digits.
        url: where it came from, as given.
    """

    path: Path
    bytes: int
    sha256: str
    url: str


@dataclass(frozen=True)
class _Pin:
    """What a file must be, and what to do when it is not.

    Args:
        checksum: the valid checksum, or None when any content will do.
        size: in bytes, or None when any will do.
        remedy: the end of the message when the checksum differs.
    """

    checksum: str | None
    size: int | None
    remedy: str

    def fault(self, content: Content) -> str | None:
        """Says what differs, or None."""
        if self.size is not None and content.size != self.size:
            return (
                f"expected {self.size:,} bytes, came {content.size:,}: fetch it again; "
                "if it has changed at its source, correct its size in params.yaml"
            )
        if self.checksum and (came := content.checksum_like(self.checksum)) != self.checksum:
            return f"expected {self.checksum}, came {came}: {self.remedy}"
        return None


def fetch_kept(url: str, kind: str, *, checksum: str | None, size: int | None = None) -> Fetched:
    """Brings a file into `.onecycle/<kind>/`, in a folder of its url's own, and verifies it.

    So two urls that end alike never stand for each other. Otherwise like `fetch`.
    """
    folder = paths.home() / kind / hashlib.sha256(url.encode()).hexdigest()[:12]
    return fetch(url, folder, checksum=checksum, size=size)


def fetch(
    url: str,
    folder: Path,
    *,
    checksum: str | None,
    size: int | None = None,
    name: str | None = None,
) -> Fetched:
    """Brings the file behind a url and verifies it.

    A file over http(s) comes to `folder`. It is hashed on its way into a temporary sibling and
    takes its name only when size and checksum are right. One that is there already is verified
    rather than fetched; if it is wrong, it goes and is fetched anew. Without a checksum the first
    download's sha256 is recorded beside the file, in `<name>.sha256`, and binds later ones.

    A file url is verified where it lies and not copied: `path` is the source itself, and `folder`
    and `name` play no part. Nothing is recorded beside it.

    Args:
        url: `https://…`, `http://…`, `file:///absolute` or `file:relative/to/the/main/tree`.
        folder: where downloads come to lie; made if missing.
        checksum: `sha256:…` or `md5:…`, or None if it is not known.
        size: in bytes, or None if it is not known.
        name: the file's name there; without it, the url's last segment.

    Returns:
        The file, its size and its digest.

    Raises:
        ValueError: the checksum is malformed.
        UserError: the url cannot be read, or what came is not what was expected.
    """
    checksum = None if checksum is None else valid_checksum(checksum)
    parts = _split(url)
    if parts.scheme == "file":
        return _verify_local(url, parts, checksum, size)
    path = folder / _file_name(url, parts, name)
    try:
        return _download(url, path, checksum, size)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read or written ({error}): free space on its disk, or allow it"
        ) from error


def _split(url: str) -> SplitResult:
    """Takes a url apart; refuses schemes other than http, https and file."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UserError(f"{url}: is no url ({error}): correct it in params.yaml") from error
    if parts.scheme not in ("http", "https", "file"):
        raise UserError(
            f"{url}: scheme {parts.scheme!r} is not supported: expected http://, https:// or file:"
        )
    return parts


def _file_name(url: str, parts: SplitResult, name: str | None) -> str:
    """The name given or, without one, the url's last segment; refuses what is no plain name."""
    found = unquote(parts.path.rpartition("/")[2]) if name is None else name
    if found in ("", ".", "..") or any(character in found for character in "/\\\0"):
        raise UserError(
            f"{url}: {found!r} cannot name the file: expected a url that ends in a plain file name"
        )
    return found


def _verify_local(url: str, parts: SplitResult, checksum: str | None, size: int | None) -> Fetched:
    """Verifies the file behind a file url where it lies."""
    if parts.netloc not in ("", "localhost"):
        raise UserError(
            f"{url}: names the machine {parts.netloc!r}: "
            "expected file:///absolute/path or file:relative/path"
        )
    path = paths.main_tree() / unquote(parts.path)
    if not path.is_file():
        raise UserError(f"{url}: no file at {path}: put it there or correct the url")
    pin = _Pin(checksum, size, "put the right file there, or correct the checksum in params.yaml")
    try:
        content = _measure_file(path)
    except OSError as error:
        raise UserError(f"{url}: cannot be read ({error}): allow reading {path}") from error
    if fault := pin.fault(content):
        raise UserError(f"{url}: {path} is not the file meant: {fault}")
    return Fetched(path, content.size, content.digests["sha256"], url)


def _download(url: str, path: Path, checksum: str | None, size: int | None) -> Fetched:
    """Verifies the file at `path` or fetches it there; see `fetch`."""
    record = path.with_name(f"{path.name}.sha256")
    pin = _pin(checksum, size, record)
    if pin.checksum and path.is_file():
        content = _measure_file(path)
        if pin.fault(content) is None:
            return Fetched(path, content.size, content.digests["sha256"], url)
    paths.remove(path)
    with paths.whole(path) as partial:
        with partial.open("wb") as copy:
            content = measure(_tracked(http_chunks(url), f"download {path.name}", size), copy)
        if fault := pin.fault(content):
            raise UserError(f"{url}: not the file meant for {path}: {fault}")
    sha256 = content.digests["sha256"]
    if pin.checksum is None:
        with paths.whole(record) as partial:
            partial.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
    return Fetched(path, content.size, sha256, url)


def _pin(checksum: str | None, size: int | None, record: Path) -> _Pin:
    """What a download must be: the checksum given or, without one, the recorded one."""
    if checksum is not None or not record.is_file():
        remedy = "fetch it again; if it has changed at its source, correct it in params.yaml"
        return _Pin(checksum, size, remedy)
    try:
        first_word = "".join(record.read_text(encoding="utf-8").split()[:1])
        recorded = valid_checksum(f"sha256:{first_word}")
    except ValueError as error:
        raise UserError(f"{record}: {error}, or remove the file to record it anew") from error
    remedy = (
        f"it has changed since its first download; to accept it, remove {record} "
        "or write its checksum into params.yaml"
    )
    return _Pin(recorded, size, remedy)


def _measure_file(path: Path) -> Content:
    """Counts and hashes a file's bytes."""
    with path.open("rb") as file:
        return measure(_tracked(full_chunks(file), f"verify {path.name}", path.stat().st_size))


def _tracked(chunks: Iterator[bytes], what: str, size: int | None) -> Iterator[bytes]:
    """Tells how many of `size` bytes have come, in chunks of 1 MiB."""
    return track(chunks, f"{what}, MiB", None if size is None else -(-size // CHUNK))
