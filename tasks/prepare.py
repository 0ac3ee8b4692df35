"""prepare: from raw files to the items table, the quarantine, notes and the pixel store."""

from collections import Counter
from typing import Any

from onecycle.errors import UserError
from onecycle.foreign import one_line
from onecycle.items import readers
from onecycle.items.table import Reading, items_table, notes_table, place, quarantine_table
from onecycle.paths import Paths, remove, whole
from onecycle.pixels.store import PixelStore, write_store
from onecycle.progress import say
from onecycle.tables import write

Params = readers.Params


KINDS = 8  # of notes that are printed


def run(paths: Paths, params: Params) -> None:
    """Writes `items.parquet`, `quarantine.parquet`, `notes.parquet` and `pixels/`.

    Raises:
        UserError: the raw layout is not the reader's, no item is left, or too many are bad.
    """
    raw = paths.data("raw")
    remove(paths.data("items.parquet"))  # without DVC an older one would outlive a failure
    reading = readers.read(raw, params)
    total = len(reading.rows) + len(reading.bad)
    pictures = params.x == "image"
    good = _decode(paths, reading, params) if pictures else reading.rows
    if not pictures:
        write_store(paths.data("pixels"), [], params.size, params.channels)

    quarantine = quarantine_table(reading.bad)
    with whole(paths.data("quarantine.parquet")) as partial:
        write(quarantine, partial)
    with whole(paths.data("notes.parquet")) as partial:
        write(notes_table(reading.notes), partial)
    say(f"{len(good):,} items; {len(reading.bad):,} rows in {paths.data('quarantine.parquet')}")
    for each in quarantine.slice(0, 5).to_pylist():
        say(one_line(f"  {each['file']}, row {each['row']}: {each['reason']}"))
    if reading.notes:
        say(one_line(f"notes: {_counted(reading)}; rows in {paths.data('notes.parquet')}"))
    if not total:
        raise UserError(f"{raw}: nothing to read there; see the other keys of prepare")
    if not good or len(reading.bad) > params.max_bad * total:
        raise UserError(
            f"{paths.data('quarantine.parquet')}: {len(reading.bad):,} of {total:,} rows are bad, "
            f"more than prepare.max_bad {params.max_bad:.0%}; mend them, or raise it"
        )
    with whole(paths.data("items.parquet")) as partial:
        write(items_table(good, params.y, pair=not pictures), partial)


def _decode(paths: Paths, reading: Reading, params: Params) -> list[dict[str, Any]]:
    """Writes the pixel store; gives the rows whose picture can be used."""
    rows = {row["id"]: row for row in sorted(reading.rows, key=lambda row: row["id"])}
    files = [(name, paths.data("raw") / row["x"]) for name, row in rows.items()]
    bad = write_store(
        paths.data("pixels"),
        files,
        params.size,
        params.channels,
        lambda name, note: reading.note(rows[name]["x"], note),
    )
    for name, why in bad.items():
        reading.set_aside(rows[name]["x"], why)
    good = {name: row for name, row in rows.items() if name not in bad}
    if params.y == "points":
        store = PixelStore(paths.data("pixels"))
        for name, (width, height) in zip(
            list(good), store.size_px(store.rows(list(good))), strict=True
        ):
            x, y = good[name]["y"]
            if not (0 <= x <= width and 0 <= y <= height):
                file, row = place(good.pop(name))
                where = f"outside of its picture, {width:.0f} x {height:.0f} pixels"
                reading.set_aside(file, f"its point ({x:g}, {y:g}) lies {where}", row)
    return list(good.values())


def _counted(reading: Reading) -> str:
    """How often each note was taken, the most frequent first."""
    counts = Counter(each["note"] for each in reading.notes)
    kinds = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    more = [f"{len(kinds) - KINDS:,} other kinds"] if len(kinds) > KINDS else []
    return ", ".join([f"{count:,} {note}" for note, count in kinds[:KINDS]] + more)
