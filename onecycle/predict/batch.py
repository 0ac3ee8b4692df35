"""Predictions to a file, in parts: a run that was killed goes on, and the file appears whole."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from onecycle import tables
from onecycle.decide.histograms import Histograms, merged
from onecycle.disks import telling
from onecycle.errors import DamagedError, UserError
from onecycle.foreign import inert
from onecycle.paths import read_json, remove, settle, whole, write_json
from onecycle.progress import say

SUFFIXES = (".parquet", ".csv")
HISTOGRAMS = b"histograms"  # the key of a part's metadata: rows and counts become whole together


@dataclass(frozen=True)
class Job:
    """What is to be predicted, in chunks of rows or of users.

    Attributes:
        rows: how many there are.
        chunk: of a part.
        make: gives the parts that start at some rows, in order.
        key: all that decides what they hold.
        answers: the names of columns that are null, or an empty list, where the answer is none.
    """

    rows: int
    chunk: int
    make: Callable[[Sequence[int]], Iterator[tuple[pa.Table, Histograms]]]
    key: Any
    answers: Sequence[str]


def run(job: Job, out: Path, *, restart: bool = False) -> Histograms:
    """Writes the answers and, beside them, `<file>.histograms.json`.

    Parts lie in a hidden folder beside the output until it is whole. Another run with the same key
    goes on after them; one with another begins anew.

    Args:
        job: what is to be predicted.
        out: a `.parquet` or `.csv` file.
        restart: begin anew in any case.

    Returns:
        What the histograms file holds.

    Raises:
        UserError: the suffix is another, or another run writes the same file.
    """
    check(out)
    if job.rows == 0:
        raise UserError("there is nothing to predict")
    folder = out.with_name(f".{out.name}.parts")
    with held(folder, out):
        plan = hashlib.sha256(json.dumps([job.key, job.chunk], sort_keys=True).encode()).hexdigest()
        begin(folder, plan, restart=restart)
        starts = range(0, job.rows, job.chunk)
        files = [folder / f"{start // job.chunk:07}.parquet" for start in starts]
        todo = [start for start, file in zip(starts, files, strict=True) if not sound(file)]
        if len(todo) < len(starts):
            say(f"goes on: {len(starts) - len(todo):,} of {len(starts):,} parts are there")
        for start, (table, counts) in zip(todo, job.make(todo), strict=True):
            kept = table.replace_schema_metadata({HISTOGRAMS: json.dumps(counts)})
            with whole(files[start // job.chunk]) as partial:
                tables.write(kept, partial)
        found = merged(json.loads(tables.read_schema(file).metadata[HISTOGRAMS]) for file in files)
        with telling(out):
            assemble(files, out, folder, job.answers)
            write_json(histograms_of(out), found)
            settle(folder / out.name, out)
            clear(folder)
    return found


def sound(file: Path) -> bool:
    """Whether a part is there and whole; a machine that lost its power may leave a stump."""
    try:
        return HISTOGRAMS in (tables.read_schema(file).metadata or {})
    except (FileNotFoundError, DamagedError):
        return False


def clear(folder: Path) -> None:
    """Takes a held folder away at once: to whoever comes next it is whole or not there."""
    gone = folder.with_name(f"{folder.name}.gone")
    remove(gone)  # of a run that was killed just here
    folder.rename(gone)
    remove(gone)


def histograms_of(out: Path) -> Path:
    """The file of histograms beside an output: `answers.parquet.histograms.json`."""
    return out.with_name(f"{out.name}.histograms.json")


def check(out: Path) -> None:
    """Refuses another suffix than those that can be written.

    Raises:
        UserError: it is another, or `out` is a folder.
    """
    if out.suffix.lower() not in SUFFIXES or out.is_dir():
        raise UserError(f"{out}: expected a file that ends in {' or '.join(SUFFIXES)}")


@contextmanager
def held(folder: Path, out: Path) -> Iterator[None]:
    """Makes the folder of parts and keeps it from other processes until this one ends.

    Raises:
        UserError: another process has it.
    """
    while True:
        try:
            with telling(out):
                folder.mkdir(parents=True, exist_ok=True)
                file = (folder / "lock").open("ab")
        except FileNotFoundError:  # its last holder took the folder away just now
            continue
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with its process
            except BlockingIOError:
                raise UserError(f"{out}: another process is writing it; wait for its end") from None
            if _is(file, folder / "lock"):  # else its last holder took the folder away meanwhile
                yield
                return


def _is(file: IO[bytes], path: Path) -> bool:
    """Whether an open file is still the one that a path leads to."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def begin(folder: Path, plan: str, *, restart: bool) -> None:
    """Leaves the parts of the same plan, and none of another."""
    file = folder / "plan.json"
    try:
        before = read_json(file)["plan"]
    except (FileNotFoundError, DamagedError, KeyError, TypeError):  # none, or a damaged one
        before = None
    if before != plan or restart:
        if before is not None:
            other = "the parts are of another model, other inputs or options"
            say(f"begins anew: {'as asked' if restart else other}")
        for each in folder.iterdir():
            if each.name != "lock":
                remove(each)
        write_json(file, {"plan": plan})


def assemble(files: Sequence[Path], out: Path, folder: Path, answers: Sequence[str]) -> None:
    """Puts the parts together, as `folder/<name of out>`."""
    schema = pa.unify_schemas([pq.read_schema(file).remove_metadata() for file in files])
    target = folder / out.name
    if out.suffix.lower() == ".csv":
        with target.open("w", encoding="utf-8", newline="") as stream:
            for file in files:
                frame = inert(flat(pq.read_table(file), answers))
                frame.to_csv(stream, index=False, header=file == files[0])
        return
    with pq.ParquetWriter(target, schema) as writer:
        for file in files:
            writer.write_table(pq.read_table(file).replace_schema_metadata(None))


def flat(table: pa.Table, answers: Sequence[str]) -> pd.DataFrame:
    """A table for CSV: lists become text; no answer, without an error, becomes `none`.

    Names have `; ` between; numbers are a JSON array, which a spreadsheet takes for no formula.
    """
    frame: pd.DataFrame = table.to_pandas(integer_object_nulls=True)  # floats would round them
    for field in table.schema:
        if pa.types.is_list(field.type):
            cells = table[field.name].to_pylist()
            numbers = pa.types.is_floating(field.type.value_type)
            frame[field.name] = [
                None if it is None else str(it) if numbers else "; ".join(map(str, it))
                for it in cells
            ]
    if "error" in frame:
        good = frame["error"].isna()
        for name in answers:
            bare = frame[name].isna() | (frame[name] == "")
            frame[name] = frame[name].mask(good & bare, "none")
    return frame
