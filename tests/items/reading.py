"""What a reader makes of files that a test writes."""

from pathlib import Path

from pydantic import TypeAdapter

from onecycle.items import readers
from onecycle.items.table import Reading

TABLE = {"reader": "table", "tables": [{"path": "t.csv"}], "y": "category"}
RATINGS = {"reader": "ratings", "path": "u.data"}
FILES = {"reader": "files", "label": r"^(.+)_\d+"}


def read(raw: Path, params: dict, **files: bytes | str) -> Reading:
    """What a reader gives for files, `t_csv` standing for `t.csv`; a.jpg to e.jpg lie there."""
    for name in [f"{each}.jpg" for each in "abcde"] if params["reader"] != "files" else []:
        (raw / name).write_bytes(b"picture")
    for name, text in files.items():
        data = text if isinstance(text, bytes) else text.encode()
        (raw / name.replace("_csv", ".csv").replace("u_data", "u.data")).write_bytes(data)
    return readers.read(raw, TypeAdapter(readers.Params).validate_python(params))


def table(raw: Path, rows: bytes | str, **params) -> Reading:
    data = rows if isinstance(rows, bytes) else rows.encode()
    return read(raw, TABLE | params, t_csv=data)


def ids(reading: Reading) -> list[str]:
    return [row["id"].removesuffix(".jpg") for row in reading.rows]


def bad(reading: Reading) -> list[tuple[int, str]]:
    return [(each["row"], each["reason"]) for each in reading.bad]


def notes(reading: Reading) -> list[tuple[int, str]]:
    return [(each["row"], each["note"]) for each in reading.notes]
