"""What is looked for in every reader's rows: names, groups, labels and repetitions."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from onecycle.errors import UserError
from onecycle.items.columns import Columns
from onecycle.items.lines import lines_of, records_of
from onecycle.items.table import Reading, place

# Cyrillic and Greek letters that look like Latin ones, as Unicode's confusables.txt pairs them.
ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеосрухіјѕһԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧονα",
    "ABESIJKMHOPCTYXaeocpyxijshdqwABEZHIKMNOPTYXova",
)
Row = dict[str, Any]


def tidy(reading: Reading, raw: Path, group_map: dict[str, str] | str) -> Reading:
    """Maps groups, strips labels, and finds what is not fit to be in the items table.

    Args:
        reading: a reader's; it is changed.
        raw: the raw data.
        group_map: as `ReaderParams.group_map` has it.

    Returns:
        The same reading.
    """
    if isinstance(reading.rows, Columns):
        return _tidy_columns(reading, reading.rows, raw, group_map)
    _keep(reading, _unwritable)
    known = {row.get("group") for row in reading.rows}
    persons = _persons(reading, known, raw, group_map)
    for row in reading.rows:
        if row.get("group") in persons:
            row["group"] = persons[row["group"]]
    _strip(reading)
    _keep(reading, lambda row: "its label is blank" if "" in map(skeleton, labels(row)) else "")
    _without_repetitions(reading)
    for what, names in (("label", labels), ("group", _group)):
        twins = _twins(Counter(name for row in reading.rows for name in names(row)))
        _note_alike(reading, what, names, reading.rows if twins else [], twins)
    return reading


def _tidy_columns(
    reading: Reading, columns: Columns, raw: Path, group_map: dict[str, str] | str
) -> Reading:
    """Ratings are text and have no labels; few have an id or a group to look at."""
    persons = _persons(reading, set(columns.groups or []), raw, group_map)
    columns = columns.regrouped(persons)
    shared = columns.of_shared_ids()
    some = Reading(list(columns.some(shared)))
    _without_repetitions(some)
    reading.bad += some.bad
    kept = {place(row)[1] for row in some.rows}
    columns = columns.without([at for at in shared if int(columns.row[at]) not in kept])
    reading.rows = columns
    twins = _twins(columns.by_group())
    _note_alike(reading, "group", _group, columns.some(columns.in_groups(twins)), twins)
    return reading


def labels(row: Row) -> list[str]:
    """The labels of a row; none of other targets."""
    y = row["y"]
    return [each for each in (y if isinstance(y, list) else [y]) if isinstance(each, str)]


def skeleton(name: str) -> str:
    """What is left of a name when case, look-alike letters, invisible ones and spaces are not told.

    Two names of one skeleton are one for a reader's eye.
    """
    plain = unicodedata.normalize("NFKC", name).translate(ALIKE).casefold()
    seen = "".join(each for each in plain if unicodedata.category(each) != "Cf")
    return " ".join(seen.split())


def _keep(reading: Reading, fault: Any) -> None:  # noqa: ANN401 - from a row to its fault or ""
    kept = []
    for row in reading.rows:
        if why := fault(row):
            _set_aside(reading, row, why)
        else:
            kept.append(row)
    reading.rows = kept


def _set_aside(reading: Reading, row: Row, why: str) -> None:
    file, number = place(row)
    reading.set_aside(file, why, number)


def _unwritable(row: Row) -> str:
    """Names of files may hold bytes that are no text."""
    texts = [str(row["id"]), row.get("group") or "", *labels(row)]
    good = all(text.isascii() or text.isprintable() or _encodes(text) for text in texts)
    return "" if good else "its name is not UTF-8"


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _persons(
    reading: Reading, known: Collection[str | None], raw: Path, group_map: dict[str, str] | str
) -> dict[str, str]:
    """Whom each group of the map shows; what is odd of the map goes into the reading."""
    persons: dict[str, str] = {}
    for group, person, file, number in _mapped(reading, raw, group_map):
        if persons.setdefault(group, person) != person:
            reading.set_aside(file, f"group '{group}' is mapped to '{persons[group]}'", number)
        elif group not in known:
            reading.note(file, "a group of group_map that no item has", number)
    return persons


def _mapped(
    reading: Reading, raw: Path, group_map: dict[str, str] | str
) -> list[tuple[str, str, str, int]]:
    """Group, person, file and row of each line of a map."""
    if not isinstance(group_map, str):
        return [(group, who, "prepare.group_map", 0) for group, who in group_map.items()]
    file = raw / group_map
    if not file.is_file():
        raise UserError(f"{file}: no such file; prepare.group_map names it inside the raw data")
    records = records_of(lines_of(file, blanks=True))
    header = next(records, None)
    if header is None or [cell.strip() for cell in header.cells] != ["group", "person"]:
        raise UserError(f"{file}: expected a CSV file with the header group,person")
    found = []
    for record in records:
        cells = [cell.strip() for cell in record.cells]
        if record.wrong or len(cells) != 2 or not all(cells):
            why = record.wrong or "expected a group and a person"
            reading.set_aside(group_map, why, record.row)
        else:
            found.append((cells[0], cells[1], group_map, record.row))
    return found


def _strip(reading: Reading) -> None:
    for row in reading.rows:
        given = labels(row)
        stripped = [label.strip() for label in given]
        if given != stripped:
            file, number = place(row)
            reading.note(file, "stray spaces around a label", number)
            y = row["y"]
            row["y"] = sorted(set(stripped)) if isinstance(y, list) else stripped[0]


def _without_repetitions(reading: Reading) -> None:
    """Sets aside a second row of an id; where the two contradict each other, the first as well."""
    first: dict[str, Row] = {}
    denied: dict[str, Row] = {}
    for row in reading.rows:
        name = row["id"]
        known = first.setdefault(name, row)
        if known is row:
            continue
        why = f"'{name}' is in {_where(known)} already"
        if known["x"] == row["x"] and known["y"] != row["y"]:
            denied.setdefault(name, row)
            why += ", with another y"
        _set_aside(reading, row, why)
    for name, row in denied.items():
        _set_aside(reading, first[name], f"'{name}' is in {_where(row)} again, with another y")
    reading.rows = [row for name, row in first.items() if name not in denied]


def _where(row: Row) -> str:
    file, number = place(row)
    return f"{file}, row {number}," if number else file


def _group(row: Row) -> list[str]:
    return [row["group"]] if row.get("group") else []


def _twins(seen: Mapping[str, int]) -> dict[str, str]:
    """The names that look like one that more rows have, and that one; `seen` counts rows."""
    common: dict[str, str] = {}
    for name in sorted(seen, key=lambda name: (-seen[name], name)):
        common.setdefault(skeleton(name), name)
    return {name: twin for name in seen if (twin := common[skeleton(name)]) != name}


def _note_alike(
    reading: Reading,
    what: str,
    names: Callable[[Row], list[str]],
    rows: Iterable[Row],
    twins: Mapping[str, str],
) -> None:
    """Notes each of some rows with a name that has a twin."""
    for row in rows:
        file, number = place(row)
        for name in names(row):
            if name in twins:
                said = f"{what} {name!a} looks like {twins[name]!a}"
                reading.note(file, said, number)
