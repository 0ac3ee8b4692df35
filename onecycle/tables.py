"""How stages read, join and write tables of many rows: in columns, no Python object for a row.

A Parquet file of theirs has a seal before its footer, in a place that no reader looks at: a sha256
of all its other bytes, to which a file is held when it is read. (Parquet's own checksums leave out
the footer, its statistics and the pages' headers.) A file that another program wrote has none, and
is read as it is.
"""

import errno
import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from onecycle.errors import DamagedError

SEAL = b"\xffonecycle\xfe seal\xff"  # before the digest; no text holds these bytes
END = 1 << 22  # bytes from the end of a file within which its footer, and so its seal, begins
PAIRS = pa.list_(pa.string())
COLUMNS = ["id", "x", "y", "group", "time", "split"]  # of every items table
TITLE = "title"  # of some
NUMBERS = (  # what numpy has too
    pa.types.is_floating,
    pa.types.is_signed_integer,
    pa.types.is_boolean,
    pa.types.is_timestamp,
)
Coded = tuple[NDArray[np.integer[Any]], list[str]]  # a place for each row, and what there is


def write(table: pa.Table | pd.DataFrame, path: Path) -> None:
    """Writes a Parquet file, and seals it; a frame's index is left out."""
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    pq.write_table(table, path)
    with path.open("r+b") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        footer = file.read()
        file.seek(-len(footer), os.SEEK_END)
        file.write(SEAL + digest + footer)


def read(file: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """A table that `write` wrote, or some of its columns.

    Raises:
        DamagedError: it is not what was written.
        FileNotFoundError: there is none.
    """
    with undamaged(file):
        return pq.read_table(file, columns=columns)


def read_frame(file: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The same, as pandas has it."""
    frame: pd.DataFrame = read(file, columns).to_pandas()
    return frame


def read_schema(file: Path) -> pa.Schema:
    """Its columns and metadata, of a file that is whole; raises as `read` does."""
    with undamaged(file):
        return pq.read_schema(file)


@contextmanager
def undamaged(file: Path) -> Iterator[None]:
    """Holds a file to its seal, then tells what Arrow can't read of it; raises as `read` does."""
    try:
        stamp = file.stat()
        if not _is_sealed(file.resolve(), stamp.st_mtime_ns, stamp.st_size):
            raise DamagedError(file, "not the bytes that were written")
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EIO):
            raise  # it is not there, or may not be read
        raise DamagedError(file, str(error).splitlines()[0]) from None


@lru_cache(64)  # read once as long as it does not change
def _is_sealed(file: Path, mtime_ns: int, size: int) -> bool:
    """Whether a file is what its seal says, or has none."""
    with file.open("rb") as opened:
        opened.seek(max(0, size - END))
        end = opened.read()
        at = end.rfind(SEAL)
        if at < 0:
            return True
        digest, left = hashlib.sha256(), size - len(end) + at
        opened.seek(0)
        while left:
            some = opened.read(min(left, 1 << 20))
            digest.update(some)
            left -= len(some)
    after = at + len(SEAL) + digest.digest_size
    digest.update(end[after:])
    return end[at + len(SEAL) : after] == digest.digest()


def read_items(file: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The items table; an x that is a pair stays Arrow's, for a list a row is dear.

    Args:
        file: `items.parquet`.
        columns: those wanted that are there; null: all.
    """
    schema = read_schema(file)
    pairs = schema.field("x").type == PAIRS
    wanted = None if columns is None else [name for name in columns if name in schema.names]
    table = read(file, wanted)
    frame: pd.DataFrame = table.to_pandas(types_mapper=_arrows if pairs else None)
    return frame


def kept_columns(file: Path) -> list[str]:
    """The columns of an items table that are there because a user kept them."""
    return [name for name in read_schema(file).names if name not in {*COLUMNS, TITLE}]


def _arrows(kind: pa.DataType) -> pd.ArrowDtype | None:
    return pd.ArrowDtype(kind) if kind == PAIRS else None


def joined(items: pd.DataFrame, split: pd.DataFrame, name: str = "split") -> pd.DataFrame:
    """The items that are in a part, in their order, and their part as a column.

    Args:
        items: with `id`, unique.
        split: `id split`.
        name: of the new column.
    """
    if len(items) == len(split) and pc.all(_same(items["id"], split["id"])).as_py():
        return items.reset_index(drop=True).assign(**{name: split["split"].reset_index(drop=True)})
    parts = split[["id", "split"]].rename(columns={"split": name})
    return items.merge(parts, on="id")


def _same(one: "pd.Series[Any]", other: "pd.Series[Any]") -> pa.Array:
    texts = (pa.array(each.astype("str"), pa.large_string()) for each in (one, other))
    return pc.equal(*texts)


def content_sha256(table: pa.Table) -> str:
    """A sha256 of what a table says, whatever file, compression or row groups it came from.

    Columns count by name, in any order; rows in theirs.
    """
    digest = hashlib.sha256(f"{table.num_rows} rows".encode())
    for name in sorted(table.column_names):
        column = table[name].combine_chunks()
        for each in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
            digest.update(f"\0{name}\0".encode())
            _feed(digest, each)
    return digest.hexdigest()


def _feed(digest: "hashlib._Hash", array: pa.Array) -> None:
    """What an array holds: where nothing is, lengths, and values."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    digest.update(np.packbits(pc.is_null(array).to_numpy(zero_copy_only=False)).tobytes())
    kind = array.type
    if pa.types.is_null(kind):
        return
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0)
        digest.update(lengths.to_numpy(zero_copy_only=False).astype("<i8").tobytes())
        _feed(digest, pc.list_flatten(array))
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = pc.fill_null(array.cast(pa.large_string()), "")
        ends = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset :][: len(texts) + 1]
        digest.update(np.diff(ends).tobytes())
        if len(ends) and ends[-1] > ends[0]:
            digest.update(memoryview(texts.buffers()[2])[ends[0] : ends[-1]])
    elif any(of(kind) for of in NUMBERS):
        zeros = array.cast(pa.float64() if pa.types.is_floating(kind) else pa.int64())
        digest.update(pc.fill_null(zeros, 0).to_numpy(zero_copy_only=False).tobytes())
    else:  # dates, structs, bytes: of users' own tables
        digest.update(repr(array.to_pylist()).encode())


def ascends(ids: "pd.Series[Any]") -> bool:
    """Whether texts are sorted."""
    texts = pa.array(ids, pa.large_string())
    return bool(pc.all(pc.less_equal(texts[:-1], texts[1:])).as_py() in (True, None))


def users_and_items(x: Iterable[Sequence[str]]) -> tuple[Coded, Coded]:
    """The users and the items of pairs, each name once in the order in which it comes."""
    pairs = pa.array(x if isinstance(x, pd.Series) else list(x), PAIRS)
    return _coded(pairs, 0), _coded(pairs, 1)


def titles(file: Path, items: Sequence[str]) -> list[str] | None:
    """The title of each item, its name where it has none; null where the table has no titles.

    Args:
        file: `items.parquet`, of pairs.
        items: their names.
    """
    if "title" not in read_schema(file).names:
        return None
    found: dict[str, str] = {}
    with undamaged(file), pq.ParquetFile(file) as rows:
        for batch in rows.iter_batches(columns=["x", "title"]):
            pairs = pa.table({"item": pc.list_element(batch["x"], 1), "title": batch["title"]})
            known = pairs.filter(pc.is_valid(pairs["title"])).group_by(["item", "title"])
            found |= {row["item"]: row["title"] for row in known.aggregate([]).to_pylist()}
    return [found.get(name) or name for name in items]


def _coded(pairs: pa.Array | pa.ChunkedArray, at: int) -> Coded:
    names = pc.dictionary_encode(pc.list_element(pairs, at))
    if isinstance(names, pa.ChunkedArray):
        names = names.combine_chunks()
        names = names.chunk(0) if isinstance(names, pa.ChunkedArray) else names
    return names.indices.to_numpy(), names.dictionary.to_pylist()


def write_predictions(path: Path, frame: pd.DataFrame, scores: NDArray[np.float32]) -> None:
    """Writes a table and, as its last column, the scores [N, K]."""
    if not isinstance(frame["x"].dtype, pd.ArrowDtype):
        write(frame.assign(scores=list(scores)), path)
        return
    small = frame.head(1).assign(x=pd.Series([["", ""]]), scores=list(scores[:1]))
    schema = pa.Schema.from_pandas(small, preserve_index=False)
    n, width = scores.shape
    starts = pa.array(np.arange(0, n * width + 1, width, dtype=np.int32))
    cells = {name: pa.array(frame[name]) for name in frame}
    cells["scores"] = pa.ListArray.from_arrays(starts, pa.array(scores.ravel()))
    table = pa.table([cells[each.name].cast(each.type) for each in schema], schema=schema)
    write(table, path)
