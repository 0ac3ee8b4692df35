"""What shall be predicted, as a user names it: folders, globs, files, tables become one table."""

from __future__ import annotations

import glob
import warnings
from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from onecycle.errors import UserError
from onecycle.pixels.decode import SUFFIXES
from onecycle.progress import say
from onecycle.tables import PAIRS

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = (".csv", ".parquet")
PICTURES = {*SUFFIXES, ".npy"}
NAMES = ("path", "file", "x")  # of the column that names a table's pictures, the first that it has


def pictures(sources: Sequence[str], root: Path | None, taken: Container[str]) -> pa.Table:
    """The pictures that sources name, in their order.

    Args:
        sources: each a folder (its pictures, also those in folders within, sorted by name; hidden
            ones left out), a glob, a picture's file, or a CSV or Parquet file with a column `path`,
            `file` or `x`.
        root: where names in tables start; null: at the folder of the table.
        taken: names of columns that an answer has.

    Returns:
        `path`, as it can be opened from here, and a table's other columns; null where a source has
        no such column. Cells of CSV files are text.

    Raises:
        UserError: a source is not there or names no picture, or a column's name is taken.
    """
    if not sources:
        raise UserError("expected folders, globs, files, CSV or Parquet files of pictures")
    return together([_of(each, root, taken) for each in sources])


def together(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables one after another; a column that one lacks is null there.

    Raises:
        UserError: a column is text in one and not in another.
    """
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        said = str(error).splitlines()[0]
        raise UserError(
            f"the inputs do not go together: {said} (cells of CSV files are text); predict them "
            "one by one"
        ) from None


def _of(source: str, root: Path | None, taken: Container[str]) -> pa.Table:
    path = Path(source)
    if path.is_dir():
        return _named(source, list(_within(path)))
    if path.suffix.lower() in TABLES and path.is_file():
        return listed(read(path), source, root or path.parent, taken)
    if path.exists():
        return _named(source, [source])
    if glob.has_magic(source):
        found = sorted(glob.glob(source, recursive=True))  # noqa: PTH207 - Path has no absolute ones
        return _named(source, [name for name in found if not Path(name).is_dir()])
    raise UserError(f"{source}: no such file or folder")


def _named(source: str, names: list[str]) -> pa.Table:
    if not names:
        raise UserError(
            f"{source}: no picture there; their names end in {', '.join(sorted(PICTURES))}"
        )
    return pa.table({"path": pa.array(map(utf8, names), pa.string())})


def utf8(name: str) -> str:
    """A file's name as a table can hold it; one that is no UTF-8 can't be opened by it again."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _within(folder: Path) -> Iterator[str]:
    """The pictures in a folder; what else there is is said, and links to folders, left out."""
    others = linked = 0
    for file in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        if file.is_dir():
            linked += file.is_symlink()
        elif file.suffix.lower() in PICTURES:
            yield file.as_posix()
        else:
            others += 1
    if others:
        say(f"{folder}: {others:,} files without a picture's suffix are passed over")
    if linked:
        say(f"{folder}: {linked:,} links to folders are not followed; name those folders too")


def listed(table: pa.Table, source: str, root: Path, taken: Container[str]) -> pa.Table:
    """The pictures that a table names, its other columns beside them.

    Raises:
        UserError: no column names pictures, or a column's name is taken.
    """
    column = next((name for name in NAMES if name in table.column_names), None)
    if column is None:
        raise UserError(
            f"{source}: expected a column {', '.join(NAMES[:-1])} or {NAMES[-1]} with the names of "
            f"pictures, found {', '.join(map(repr, table.column_names))}"
        )
    named = [
        None if name in (None, "") else (root / str(name)).as_posix()
        for name in table[column].to_pylist()
    ]
    return _beside(pa.table({"path": pa.array(named, pa.string())}), table, [column], source, taken)


def _beside(
    table: pa.Table, other: pa.Table, used: Sequence[str], source: str, taken: Container[str]
) -> pa.Table:
    """A table, and the columns of another that are not used yet."""
    for name in other.column_names:
        if name in used:
            continue
        if name in taken or name in table.column_names:
            raise UserError(
                f"{source}: its column '{name}' has a name that predict writes itself; rename it, "
                "or leave it out"
            )
        table = table.append_column(name, other[name])
    return table


def pairs(sources: Sequence[str], taken: Container[str]) -> pa.Table:
    """The pairs in CSV and Parquet files with columns `user` and `item`, or pairs in `x`.

    Returns:
        `user item`, as text, and the other columns.

    Raises:
        UserError: a source is no such file, or a column's name is taken.
    """
    if not sources:
        raise UserError("expected CSV or Parquet files with the columns user and item")
    tables = [paired(read(Path(each)), each, taken) for each in sources]
    return together(tables)


def paired(table: pa.Table, source: str, taken: Container[str]) -> pa.Table:
    """Users and items of a table, and its other columns.

    Raises:
        UserError: it has none, or a column's name is taken.
    """
    if {"user", "item"} <= set(table.column_names):
        names = {each: texts(table[each], source) for each in ("user", "item")}
        return _beside(pa.table(names), table, ["user", "item"], source, taken)
    if "x" in table.column_names and table.schema.field("x").type == PAIRS:
        import pyarrow.compute as pc

        names = {each: pc.list_element(table["x"], at) for at, each in enumerate(("user", "item"))}
        return _beside(pa.table(names), table, ["x"], source, taken)
    raise UserError(
        f"{source}: expected the columns user and item, found "
        f"{', '.join(map(repr, table.column_names))}"
    )


def users(table: pa.Table, source: str) -> list[str]:
    """The names in a table's column `user`, or first in `x`, without those that are empty.

    Raises:
        UserError: it has no such column.
    """
    if "user" in table.column_names:
        names = texts(table["user"], source)
    else:
        names = paired(table, source, ())["user"]
    return [name for name in names.unique().to_pylist() if name]


def texts(column: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    """Names as text; whole numbers, which pandas may have made floats, without a point.

    Raises:
        UserError: they are neither text nor whole numbers.
    """
    try:
        whole = column.cast(pa.int64()) if pa.types.is_floating(column.type) else column
        return whole.cast(pa.string())
    except pa.ArrowException as error:
        said = str(error).splitlines()[0]
        raise UserError(f"{source}: users and items are expected to be text: {said}") from None


def read(file: Path) -> pa.Table:
    """A CSV file, whose cells are text, or a Parquet file.

    Raises:
        UserError: there is none, or it can't be read.
    """
    if file.suffix.lower() not in TABLES:
        raise UserError(f"{file}: expected a CSV or Parquet file")
    try:
        if file.suffix.lower() == ".csv":
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)
                frame = pd.read_csv(
                    file,
                    dtype=str,
                    keep_default_na=False,
                    encoding="utf-8-sig",
                    index_col=False,  # else cells of rows longer than the header would move
                )
            return of_frame(frame)
        return pq.read_table(file).replace_schema_metadata(None)
    except FileNotFoundError:
        raise UserError(f"{file}: no such file") from None
    except pd.errors.ParserWarning:
        raise UserError(f"{file}: has rows with more cells than its header") from None
    except (ValueError, OSError) as error:  # pandas' and Arrow's own are of these
        said = str(error).splitlines()[0]
        raise UserError(f"{file}: can't be read as {file.suffix[1:]}: {said}") from None


def of_frame(frame: pd.DataFrame) -> pa.Table:
    """A pandas table without its index."""
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
