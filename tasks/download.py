"""download: brings the raw files and says what they are."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from onecycle.errors import DamagedError, UserError
from onecycle.foreign import public
from onecycle.params import Section
from onecycle.paths import Paths, main_tree, read_json, remove, whole, write_json
from onecycle.progress import say
from onecycle.sources.fetch.checksum import valid_checksum
from onecycle.sources.fetch.download import fetch_kept
from onecycle.sources.fetch.extract import extract, put
from onecycle.sources.folder import copy_folder
from onecycle.sources.samples import registry

MARKER = ".complete.json"  # written into raw last: what raw was made from


class Archive(Section):
    """One zip or tar file, or a plain one.

    Attributes:
        url: http(s) or file; a relative file url starts at the project's root.
        bytes: its size, or null.
        checksum: `sha256:…` or `md5:…`; null records the first download's and holds later ones to
            it (a file url has no download: null takes the file as it is).
        unpack: false puts the file itself into raw, under its url's name.
    """

    url: Annotated[str, AfterValidator(public)]
    bytes: int | None = Field(None, ge=0)
    checksum: Annotated[str, AfterValidator(valid_checksum)] | None = None
    unpack: bool = True


class Params(Section):
    """Where the raw files come from: one of the three.

    Attributes:
        archives: extracted into the same folder, in order.
        folder: a local folder, copied; links in it may lead to its own files alone.
        sample: a built-in data set, drawn by code.
        seed: of the sample.
    """

    archives: list[Archive] | None = Field(None, min_length=1)
    folder: str | None = Field(None, min_length=1)
    sample: Literal["pets", "pascal", "biwi", "movielens"] | None = None
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _one_source(self) -> "Params":
        if sum(each is not None for each in (self.archives, self.folder, self.sample)) != 1:
            raise ValueError("expected one of archives, folder or sample")
        return self


def run(paths: Paths, params: Params) -> None:
    """Makes `raw/` and writes `source.json`; archives that are unchanged are not extracted again.

    Raises:
        UserError: a source can't be had, or is not what its checksum says.
    """
    raw = paths.data("raw")
    if params.sample:
        source: dict[str, Any] = {"sample": params.sample, "seed": params.seed}
        with whole(raw) as partial:
            partial.mkdir()
            registry.generate(params.sample, partial, params.seed)
    elif params.folder:
        folder = main_tree() / params.folder
        if not folder.is_dir():
            raise UserError(f"{folder}: download.folder names no folder; correct it in params.yaml")
        source = {"folder": folder.name}  # no output tells an absolute path
        with whole(raw) as partial:
            copy_folder(folder, partial)
    else:
        source = {"archives": _extract_all(raw, params.archives or [])}
    source |= describe(raw)
    write_json(paths.data("source.json"), source)
    say(f"{raw}: {source['files']:,} files, {source['bytes']:,} bytes")


def _extract_all(raw: Path, archives: list[Archive]) -> list[dict[str, Any]]:
    """Fetches and verifies archives; extracts them unless raw was made from the same."""
    fetched = [
        fetch_kept(each.url, "archives", checksum=each.checksum, size=each.bytes)
        for each in archives
    ]
    said = [
        {"url": each.url, "bytes": each.bytes, "sha256": each.sha256}
        | ({} if archive.unpack else {"unpack": False})
        for each, archive in zip(fetched, archives, strict=True)
    ]
    marked = None
    with suppress(FileNotFoundError, DamagedError):
        marked = read_json(raw / MARKER)
    if marked == {"archives": said, **describe(raw)}:
        say(f"{raw}: already extracted from the same archives")
        return said
    with whole(raw) as partial:
        remove(partial)
        partial.mkdir()
        for each, archive in zip(fetched, archives, strict=True):
            if archive.unpack:
                extract(each.path, partial)
            else:
                put(each.path, partial, each.path.name)
        if (partial / MARKER).exists():
            raise UserError(f"{MARKER} in an archive: its name is taken; pack it anew without it")
        write_json(partial / MARKER, {"archives": said, **describe(partial)})
    return said


def describe(raw: Path) -> dict[str, Any]:
    """Number of files, their bytes, and a sha256 over names and sizes, without the marker."""
    digest, files, size = hashlib.sha256(), 0, 0
    for path in sorted(raw.rglob("*")):
        if path.is_file() and path.name != MARKER:
            name, length = path.relative_to(raw).as_posix(), path.stat().st_size
            digest.update(f"{name}\0{length}\0".encode())
            files, size = files + 1, size + length
    return {"files": files, "bytes": size, "listing_sha256": digest.hexdigest()}
