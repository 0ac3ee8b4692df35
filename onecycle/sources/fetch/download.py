"""Brings a file from its url: whole, verified, and only where it is not there already."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from onecycle import disks, paths
from onecycle.errors import UserError
from onecycle.foreign import public
from onecycle.progress import say
from onecycle.sources.fetch import disk
from onecycle.sources.fetch.checksum import Content, measure, valid_checksum
from onecycle.sources.fetch.partial import Partial, bring
from onecycle.sources.fetch.web import shown

NAME_BYTES = 200  # of a file's name: what stands beside it has a longer one


@dataclass(frozen=True)
class Fetched:
    """A file that is here and verified.

    Args:
        path: where it lies.
        bytes: its size.
        sha256: its digest, 64 hexadecimal digits.
        url: where it came from, without the values of a query, which may be secret.
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

    A file over http(s) comes to `folder`. It takes its name only when size and checksum are right;
    until then it is `<name>.partial`, and gone on with where it broke off. One that is there
    already is verified rather than fetched; if it is wrong, it goes and is fetched anew. Without a
    checksum the first download's sha256 is recorded beside the file, in `<name>.sha256`, and binds
    later ones. Of several processes that want the same file one brings it; the others wait.

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
        with disks.telling(path, size), disk.held(path):
            return _download(url, path, checksum, size)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read or written ({error}): free space on its disk, or allow it"
        ) from error


def _split(url: str) -> SplitResult:
    """Takes a url apart; refuses schemes other than http, https and file, and passwords."""
    try:
        parts = urlsplit(public(url))
    except ValueError as error:
        raise UserError(f"{shown(url)}: {error}") from None
    if parts.scheme not in ("http", "https", "file"):
        raise UserError(
            f"{shown(url)}: scheme {parts.scheme!r} is not supported: "
            "expected http://, https:// or file:"
        )
    if parts.scheme != "file" and not parts.hostname:
        raise UserError(f"{shown(url)}: is no url (no host): correct it in params.yaml")
    return parts


def _file_name(url: str, parts: SplitResult, name: str | None) -> str:
    """The name given or, without one, the url's last segment; refuses what is no plain name."""
    found = unquote(parts.path.rpartition("/")[2]) if name is None else name
    plain = found.isprintable() and not set(found) & set("/\\") and found not in ("", ".", "..")
    if not plain or len(found.encode()) > NAME_BYTES:
        raise UserError(
            f"{shown(url)}: {found[:NAME_BYTES]!r} cannot name the file: "
            f"expected a url that ends in a plain file name of at most {NAME_BYTES} bytes"
        )
    return found


def _verify_local(url: str, parts: SplitResult, checksum: str | None, size: int | None) -> Fetched:
    """Verifies the file behind a file url where it lies."""
    if parts.netloc not in ("", "localhost"):
        raise UserError(
            f"{shown(url)}: names the machine {parts.hostname!r}: "
            "expected file:///absolute/path or file:relative/path"
        )
    path = paths.main_tree() / unquote(parts.path)
    if not path.is_file():
        raise UserError(f"{shown(url)}: no file at {path}: put it there or correct the url")
    pin = _Pin(checksum, size, "put the right file there, or correct the checksum in params.yaml")
    try:
        content = measure(path)
    except OSError as error:
        raise UserError(f"{shown(url)}: cannot be read ({error}): allow reading {path}") from error
    if fault := pin.fault(content):
        raise UserError(f"{shown(url)}: {path} is not the file meant: {fault}")
    return Fetched(path, content.size, content.digests["sha256"], shown(url))


def _download(url: str, path: Path, checksum: str | None, size: int | None) -> Fetched:
    """Verifies the file at `path` or fetches it there; see `fetch`."""
    record = path.with_name(f"{path.name}.sha256")
    pin = _pin(checksum, size, record)
    if pin.checksum and path.is_file():
        content = measure(path)
        if pin.fault(content) is None:
            return Fetched(path, content.size, content.digests["sha256"], shown(url))
    paths.remove(path)
    partial = Partial(path, url, checksum, size)
    mixed = bring(partial)
    content = measure(partial.path)
    if mixed and pin.fault(content):
        say(f"download {path.name}: put together, it is not the file meant; fetching it anew")
        partial.remove()
        bring(partial)
        content = measure(partial.path)
    if fault := pin.fault(content):
        partial.remove()
        raise UserError(f"{shown(url)}: not the file meant for {path}: {fault}")
    sha256 = content.digests["sha256"]
    if pin.checksum is None:
        paths.write_whole(record, f"{sha256}  {path.name}\n")
    paths.settle(partial.path, path)
    partial.remove()
    return Fetched(path, content.size, sha256, shown(url))


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
