"""What a user names: folders, globs, files, CSV and Parquet, in their order."""

import pandas as pd
import pyarrow as pa
import pytest

from onecycle.errors import UserError
from onecycle.predict import inputs

TAKEN = {"predicted", "error"}


def named(*sources, root=None):
    return inputs.pictures([str(each) for each in sources], root, TAKEN)


def test_a_folder_is_its_pictures_in_order_and_what_is_passed_over_is_said(photos, capsys):
    found = named(photos)["path"].to_pylist()
    assert found == sorted(found) and len(found) == 20
    assert "1 files without a picture's suffix" in capsys.readouterr().out


def test_links_to_folders_are_not_followed_and_this_is_said(photos, tmp_path, capsys):
    (tmp_path / "linked").symlink_to(photos)
    (tmp_path / "a.jpg").symlink_to(photos / "00.jpg")
    assert named(tmp_path)["path"].to_pylist() == [f"{tmp_path}/a.jpg"]
    assert "1 links to folders are not followed" in capsys.readouterr().out


def test_sources_come_in_the_order_in_which_they_are_named(photos):
    found = named(photos / "b", photos / "0*.png", photos / "notes.txt", photos / "**/1[01].*")
    names = [each.rpartition("/")[2] for each in found["path"].to_pylist()]
    assert names[:10] == sorted(each.name for each in (photos / "b").iterdir())
    assert names[10:] == ["01.png", "03.png", "05.png", "07.png", "09.png", "notes.txt",
                          "10.jpg", "11.png"]  # fmt: skip


def test_tables_carry_their_other_columns_and_name_files_from_their_folder(tmp_path):
    frame = pd.DataFrame({"file": ["a.jpg", "b.jpg"], "label": ["007", ""]})
    frame.to_csv(tmp_path / "list.csv", index=False)
    frame.assign(n=[1, 2]).rename(columns={"file": "x"}).to_parquet(tmp_path / "list.parquet")
    found = named(tmp_path / "list.csv", tmp_path / "list.parquet").to_pydict()
    assert found["path"] == [f"{tmp_path}/{name}.jpg" for name in "abab"]
    assert found["label"] == ["007", "", "007", ""]
    assert found["n"] == [None, None, 1, 2]
    assert named(tmp_path / "list.csv", root=tmp_path / "r")["path"][0].as_py().endswith("/r/a.jpg")


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ({"name": ["a"]}, "expected a column path, file or x"),
        ({"path": ["a"], "error": ["b"]}, "its column 'error' has a name that predict writes"),
    ],
)
def test_tables_that_can_t_be_used_are_named(tmp_path, frame, said):
    pd.DataFrame(frame).to_csv(tmp_path / "list.csv", index=False)
    with pytest.raises(UserError, match=said) as caught:
        named(tmp_path / "list.csv")
    assert "list.csv" in str(caught.value)


def test_tables_whose_columns_do_not_go_together_are_told(tmp_path):
    frame = pd.DataFrame({"path": ["a.jpg"], "user": ["u"], "item": ["i"], "n": [1]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "b.parquet")
    files = [str(tmp_path / each) for each in ("a.csv", "b.parquet")]
    for call in (lambda: named(*files), lambda: inputs.pairs(files, TAKEN)):
        with pytest.raises(
            UserError, match=r"do not go together: .*Field n has incompatible types"
        ):
            call()


def test_cells_of_a_csv_file_do_not_move_to_other_columns(tmp_path):
    (tmp_path / "list.csv").write_text("path,label\na.jpg,1,\nb.jpg,2,\n")
    with pytest.raises(UserError, match="has rows with more cells than its header"):
        named(tmp_path / "list.csv")
    (tmp_path / "list.csv").write_text('path,label\na.jpg\n"",2\n')
    found = named(tmp_path / "list.csv").to_pydict()
    assert found["path"] == [f"{tmp_path}/a.jpg", None] and found["label"] == ["", "2"]


@pytest.mark.parametrize("name", ["gone", "gone.csv", "*.nothing", "bad.parquet", "folder"])
def test_a_source_that_is_not_there_or_damaged_is_named(tmp_path, name):
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError) as caught:
        named(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_pairs_are_text_whatever_they_were(tmp_path):
    frame = pd.DataFrame({"user": [1, 2], "item": [3.0, None], "when": [5, 6]})
    frame.to_parquet(tmp_path / "a.parquet")
    frame[["user", "item"]].astype("Int64").to_csv(tmp_path / "b.csv", index=False)
    pa.parquet.write_table(pa.table({"x": [["7", "8"]]}), tmp_path / "items.parquet")
    files = [str(tmp_path / each) for each in ("a.parquet", "b.csv", "items.parquet")]
    found = inputs.pairs(files, TAKEN).to_pydict()
    assert found["user"] == ["1", "2", "1", "2", "7"]
    assert found["item"] == ["3", None, "3", "", "8"]
    assert found["when"] == [5, 6, None, None, None]
    with pytest.raises(UserError, match="expected the columns user and item, found 'y'"):
        inputs.paired(pa.table({"y": [1]}), "here", TAKEN)
    with pytest.raises(UserError, match="users and items are expected to be text"):
        inputs.paired(pa.table({"user": [1.5], "item": [1]}), "here", TAKEN)
