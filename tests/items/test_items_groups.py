"""Groups that show the same person: by a mapping in params.yaml, or in a file."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from onecycle.errors import UserError
from onecycle.items import readers
from onecycle.items.table import Reading
from onecycle.params import PARAMS_FILE, read_yaml


def read(raw: Path, group_map: object) -> Reading:
    """Five pictures of the groups 1 to 5."""
    for group in range(1, 6):
        (raw / f"x_{group}.jpg").write_bytes(b"picture")
    params = {"reader": "files", "label": "^(x)", "group": r"_(\d)", "group_map": group_map}
    return readers.read(raw, TypeAdapter(readers.Params).validate_python(params))


def groups(reading: Reading) -> list[str]:
    return [row["group"] for row in reading.rows]


def test_a_group_stands_for_itself_unless_it_is_mapped(tmp_path):
    assert groups(read(tmp_path, {})) == ["1", "2", "3", "4", "5"]
    reading = read(tmp_path, {"4": "1", "5": "Ann"})
    assert groups(reading) == ["1", "2", "3", "1", "Ann"]
    assert reading.bad == reading.notes == []


def test_a_mapping_is_followed_once(tmp_path):
    assert groups(read(tmp_path, {"1": "2", "2": "1"})) == ["2", "1", "3", "4", "5"]


def test_a_mapping_of_a_file(tmp_path):
    (tmp_path / "who.csv").write_text("\ufeffgroup, person\r\n4 ,1\r\n\r\n5,Ann\r\n")
    reading = read(tmp_path, "who.csv")
    assert groups(reading) == ["1", "2", "3", "1", "Ann"] and reading.bad == []


@pytest.mark.trial("tables", "a mapping of groups with damaged lines", "each set aside or noted")
def test_damage_in_a_mapping_is_told_by_line(tmp_path):
    lines = ["group,person", "4,1", "9,1", "5", "5,", "4,2", "4,1", "\udcff,1"]
    (tmp_path / "who.csv").write_text("\n".join(lines), errors="surrogateescape")
    reading = read(tmp_path, "who.csv")
    assert groups(reading) == ["1", "2", "3", "1", "5"]
    found = [(each["file"], each["row"]) for each in reading.bad]
    assert sorted(found) == [("who.csv", row) for row in (4, 5, 6, 8)]
    said = {"file": "who.csv", "row": 3, "note": "a group of group_map that no item has"}
    assert reading.notes == [said]


@pytest.mark.trial("tables", "a mapping of groups that is missing or no table", "refused, named")
@pytest.mark.parametrize("text", [None, "", "a,b\n1,2\n", "group,person,x\n", "group\n"])
def test_a_mapping_that_is_none_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "who.csv").write_text(text)
    with pytest.raises(UserError, match=r"who\.csv: (no such file; prepare\.group_map|expected a)"):
        read(tmp_path, "who.csv")


@pytest.mark.parametrize("group_map", [{15: "03"}, {"15": 3}, ["15", "03"], 7, None])
def test_names_of_a_mapping_are_text(tmp_path, group_map):
    with pytest.raises(ValidationError):
        read(tmp_path, group_map)


def test_rows_without_a_group_have_no_person(tmp_path):
    (tmp_path / "x_1.jpg").write_bytes(b"picture")
    params = {"reader": "files", "label": "^(x)", "group_map": {"None": "1"}}
    reading = readers.read(tmp_path, TypeAdapter(readers.Params).validate_python(params))
    assert groups(reading) == [None]


def test_the_published_head_poses_show_twenty_people():
    """24 sequences, of which the data set's README says that four show people of earlier ones."""
    group_map = read_yaml(PARAMS_FILE)["problems"]["biwi"]["prepare"]["group_map"]
    sequences = [f"{number:02}" for number in range(1, 25)]
    assert len({group_map.get(each, each) for each in sequences}) == 20
    assert set(group_map) <= set(sequences) and not set(group_map) & set(group_map.values())
