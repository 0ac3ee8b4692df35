"""prepare: from raw files to the items table, the quarantine and the pixel store."""

import pyarrow.parquet as pq

from onecycle.errors import UserError
from onecycle.foreign import one_line
from onecycle.items import readers
from onecycle.items.table import Reading, items_table, quarantine_table
from onecycle.paths import Paths, remove, whole
from onecycle.pixels.store import write_store
from onecycle.progress import say

Params = readers.Params


def run(paths: Paths, params: Params) -> None:
    """Writes `items.parquet`, `quarantine.parquet` and `pixels/`.

    Raises:
        UserError: the raw layout is not the reader's, no item is left, or too many are bad.
    """
    raw = paths.data("raw")
    remove(paths.data("items.parquet"))  # without DVC an older one would outlive a failure
    reading = readers.READERS[params.reader](raw, params)
    total = len(reading.rows) + len(reading.bad)
    pictures = params.x == "image"
    files = [(row["id"], raw / row["x"]) for row in _by_id(reading)] if pictures else []
    bad = write_store(paths.data("pixels"), files, params.size, params.channels)
    for row in reading.rows:
        if row["id"] in bad:
            reading.set_aside(row["x"], bad[row["id"]])
    good = [row for row in reading.rows if row["id"] not in bad]

    quarantine = quarantine_table(reading.bad)
    with whole(paths.data("quarantine.parquet")) as partial:
        pq.write_table(quarantine, partial)
    say(f"{len(good):,} items; {len(reading.bad):,} rows in {paths.data('quarantine.parquet')}")
    for each in quarantine.slice(0, 5).to_pylist():
        say(one_line(f"  {each['file']}, row {each['row']}: {each['reason']}"))
    if not total:
        raise UserError(f"{raw}: nothing to read there; see the other keys of prepare")
    if not good or len(reading.bad) > params.max_bad * total:
        raise UserError(
            f"{paths.data('quarantine.parquet')}: {len(reading.bad):,} of {total:,} rows are bad, "
            f"more than prepare.max_bad {params.max_bad:.0%}; mend them, or raise it"
        )
    with whole(paths.data("items.parquet")) as partial:
        pq.write_table(items_table(good, params.y, pair=not pictures), partial)


def _by_id(reading: Reading) -> list[dict[str, str]]:
    return sorted(reading.rows, key=lambda row: row["id"])
