"""Bad input ends in one clear message, or in counted quarantine rows; nothing partial is left."""

import csv
import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tasks.__main__ import main


@pytest.fixture
def project(tree: Path) -> Path:
    """A working tree whose problem `own` reads labelled pictures from `photos.zip`."""
    pack(tree, pictures(12))
    Path("patch.yaml").write_text(
        "problems:\n"
        "  own: !replace\n"
        "    download: {archives: [{url: 'file:photos.zip'}]}\n"
        "    prepare: {reader: files, path: photos, label: '^(.+)_', max_bad: 0.5, size: 32}\n"
        "    split: {by: random, valid: 0.3, test: 0.2}\n"
        "    learner: {arch: resnet18, weights: null, size: 32, batch_size: 4}\n"
        "    lr_find: {}\n"
        "    train: {}\n"
        "    calibrate: {}\n"
        "    evaluate: {}\n"
    )
    assert main(["set", "@patch.yaml"]) == 0
    return tree


def pictures(n: int) -> dict[str, bytes]:
    """Noise pictures of two classes, as JPEG files."""
    files = {}
    for at in range(n):
        pixels = np.random.default_rng(at).integers(0, 255, (40, 48, 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG")
        files[f"photos/{'ab'[at % 2]}_{at}.jpg"] = stream.getvalue()
    return files


def pack(folder: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def refused(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """Runs a command that must fail in one message; gives the message."""
    capsys.readouterr()
    assert main(command) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "Traceback" not in said
    return said


def written(tree: Path) -> set[str]:
    """What stages wrote, but for the stages that came before."""
    return {
        path.relative_to(tree).as_posix()
        for folder in ("data", "models", "reports")
        for path in (tree / folder).rglob("*")
        if path.is_file()
    }


def test_a_wrong_checksum(project, capsys):
    archives = "[{url: 'file:photos.zip', checksum: 'sha256:" + "0" * 64 + "'}]"
    assert main(["set", f"problems.own.download.archives={archives}"]) == 0
    said = refused(capsys, "download", "own")
    digest = hashlib.sha256(Path("photos.zip").read_bytes()).hexdigest()
    assert "photos.zip" in said and digest in said and "0" * 64 in said
    assert written(project) == set()


@pytest.mark.trial("archives", "cut off anywhere", "refused, 0 bytes written")
def test_a_truncated_archive(project, capsys):
    whole = Path("photos.zip").read_bytes()
    Path("photos.zip").write_bytes(whole[: len(whole) // 2])
    assert "photos.zip" in refused(capsys, "download", "own")
    assert written(project) == set()


@pytest.mark.trial(
    "archives",
    "a name or link that leaves the folder, by the command line",
    "refused, 0 bytes outside",
)
@pytest.mark.parametrize("hostile", ["../evil.jpg", "/evil.jpg", "link"])
def test_an_archive_that_would_leave_its_folder(project, capsys, hostile):
    with tarfile.open("photos.zip", "w") as archive:
        member = tarfile.TarInfo(hostile)
        if hostile == "link":
            member.type, member.linkname = tarfile.SYMTYPE, "../../../evil.jpg"
        archive.addfile(member)
    before = {path for path in project.parent.rglob("*")}
    assert hostile in refused(capsys, "download", "own")
    assert written(project) == set()
    new = {path.name for path in project.parent.rglob("*")} - {path.name for path in before}
    assert "evil.jpg" not in new


def test_a_missing_archive(project, capsys):
    Path("photos.zip").unlink()
    assert "photos.zip" in refused(capsys, "download", "own")


@pytest.mark.trial(
    "pictures",
    "corrupt pictures among good ones, through the stage",
    "counted rows, the rest goes on",
)
def test_corrupt_pictures_among_good_ones(project, capsys):
    files = pictures(12)
    for name, length in (("photos/a_0.jpg", 0), ("photos/b_1.jpg", 700), ("photos/a_2.jpg", 30)):
        files[name] = files[name][:length]
    files["photos/b_3.jpg"] = b"this is no picture"
    files["photos/nolabel.jpg"] = files["photos/a_4.jpg"]
    pack(project, files)
    assert main(["download", "own"]) == 0 and main(["prepare", "own"]) == 0
    bad = pd.read_parquet("data/own/quarantine.parquet")
    assert sorted(bad["file"]) == sorted(
        f"photos/{name}.jpg" for name in ("a_0", "b_1", "a_2", "b_3", "nolabel")
    )
    assert bad["reason"].str.len().min() > 10
    assert len(pd.read_parquet("data/own/items.parquet")) == 8
    assert "5 rows in data/own/quarantine.parquet" in capsys.readouterr().out


@pytest.mark.trial("pictures", "more bad pictures than max_bad", "the stage fails, no items left")
def test_too_many_bad_pictures_fail_the_stage(project, capsys):
    files = {name: b"" if at < 8 else data for at, (name, data) in enumerate(pictures(12).items())}
    pack(project, files)
    assert main(["download", "own"]) == 0
    said = refused(capsys, "prepare", "own")
    assert "8 of 12 rows are bad" in said and "prepare.max_bad 50%" in said
    assert "data/own/items.parquet" not in written(project)


@pytest.mark.trial("pictures", "odd pictures among good ones, through the stage", "noted, counted")
def test_odd_pictures_are_noted_and_counted(project, capsys):
    files = pictures(12)
    for at in (1, 3):
        stream = io.BytesIO()
        Image.open(io.BytesIO(files[f"photos/b_{at}.jpg"])).convert("P").save(stream, "GIF")
        files[f"photos/b_{at}.jpg"] = stream.getvalue()
    pack(project, files)
    assert main(["download", "own"]) == 0 and main(["prepare", "own"]) == 0
    said = "notes: 2 GIF named .jpg, 2 palette converted to RGB; rows in data/own/notes.parquet"
    assert said in capsys.readouterr().out
    notes = pd.read_parquet("data/own/notes.parquet")
    assert list(notes) == ["file", "row", "note"] and len(notes) == 4
    assert notes["file"].tolist() == ["photos/b_1.jpg"] * 2 + ["photos/b_3.jpg"] * 2


@pytest.mark.trial("tables", "points outside of their picture", "set aside with their line")
def test_points_outside_of_their_picture_are_set_aside(project):
    rows = ["fname,x,y", "a_0.jpg,0,0", "b_1.jpg,48,40", "a_2.jpg,48.1,3", "b_3.jpg,3,-0.5"]
    pack(project, {**pictures(6), "labels.csv": "\n".join(rows).encode()})
    prepare = (
        "{reader: table, tables: [{path: labels.csv, images: photos}], y: points, "
        "columns: {y: [x, y]}, max_bad: 0.5}"
    )
    fit = "problems.own.learner.fit=squish"
    assert main(["set", f"problems.own.prepare={prepare}", fit]) == 0
    assert main(["download", "own"]) == 0 and main(["prepare", "own"]) == 0
    bad = pd.read_parquet("data/own/quarantine.parquet")
    assert bad[["file", "row"]].values.tolist() == [["labels.csv", 4], ["labels.csv", 5]]
    where = "lies outside of its picture, 48 x 40 pixels"
    assert bad["reason"].tolist() == [f"its point ({at}) {where}" for at in ("48.1, 3", "3, -0.5")]
    assert len(pd.read_parquet("data/own/items.parquet")) == 2


def with_table(project: Path, rows: list[list[str]], **columns: str) -> None:
    files = pictures(6)
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    pack(project, {**files, "labels.csv": stream.getvalue().encode()})
    names = ", ".join(f"{key}: {value}" for key, value in columns.items())
    prepare = (
        "{reader: table, tables: [{path: labels.csv, images: photos}], y: category, "
        f"columns: {{{names}}}, max_bad: 0.5}}"
    )
    assert main(["set", f"problems.own.prepare={prepare}"]) == 0


@pytest.mark.trial("tables", "a short row, through the stage", "counted, the rest goes on")
def test_a_table_with_a_short_row(project):
    rows = [["fname", "breed"], ["a_0.jpg", "a"], ["b_1.jpg"], ["a_2.jpg", "a"], ["b_3.jpg", "b"]]
    with_table(project, rows, x="fname", y="breed")
    assert main(["download", "own"]) == 0 and main(["prepare", "own"]) == 0
    (bad,) = pd.read_parquet("data/own/quarantine.parquet").to_dict("records")
    assert bad == {"file": "labels.csv", "row": 3, "reason": "expected 2 cells, found 1"}
    assert len(pd.read_parquet("data/own/items.parquet")) == 3


@pytest.mark.trial("tables", "a label column that does not exist", "refused, the nearest named")
def test_a_label_column_that_does_not_exist(project, capsys):
    with_table(project, [["fname", "breed"], ["a_0.jpg", "a"]], x="fname", y="bread")
    assert main(["download", "own"]) == 0
    said = refused(capsys, "prepare", "own")
    assert "labels.csv: no column 'bread' (prepare.columns.y); did you mean 'breed'?" in said
    assert "data/own/items.parquet" not in written(project)


def test_an_empty_split(project, capsys):
    pack(project, pictures(2))
    assert main(["download", "own"]) == 0 and main(["prepare", "own"]) == 0
    assert main(["set", "problems.own.split={by: random, valid: 0.01, test: 0.4}"]) == 0
    said = refused(capsys, "split", "own")
    assert "data/own/split.parquet: valid would be empty" in said
    assert "data/own/split.parquet" not in written(project)


@pytest.mark.trial("params", "a typo in params.yaml, every stage", "refused before it starts")
def test_a_typo_in_params_stops_every_stage_before_it_starts(project, capsys):
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("max_bad", "maxbad"))
    for stage in ("download", "prepare", "split", "lr_find", "train", "calibrate", "evaluate"):
        said = refused(capsys, stage, "own")
        assert "problems.own.prepare: unknown key 'maxbad', did you mean 'max_bad'?" in said
    assert written(project) == set()


def test_raw_is_verified_again_but_not_extracted_again(project, capsys):
    assert main(["download", "own"]) == 0
    first = Path("data/own/source.json").read_bytes()
    capsys.readouterr()
    assert main(["download", "own"]) == 0
    assert "already extracted" in capsys.readouterr().out
    assert Path("data/own/source.json").read_bytes() == first
    next(Path("data/own/raw").rglob("a_0.jpg")).unlink()
    assert main(["download", "own"]) == 0
    assert "already extracted" not in capsys.readouterr().out
    assert Path("data/own/raw/photos/a_0.jpg").exists()
    assert Path("data/own/source.json").read_bytes() == first


def test_a_local_folder_is_a_source_too(project):
    Path("mine/photos").mkdir(parents=True)
    for name, data in pictures(4).items():
        Path("mine", name).write_bytes(data)
    assert main(["set", "problems.own.download={folder: mine}"]) == 0
    assert main(["download", "own"]) == 0 and main(["prepare", "own"]) == 0
    assert len(pd.read_parquet("data/own/items.parquet")) == 4


def plain(capsys: pytest.CaptureFixture[str], more: str) -> None:
    archives = f"[{{url: 'file:photos.zip'}}, {{url: 'file:people.csv', unpack: false{more}}}]"
    assert main(["set", f"problems.own.download.archives={archives}"]) == 0
    capsys.readouterr()


def test_a_plain_file_beside_the_archives(project, capsys):
    Path("people.csv").write_text("1,2\n")
    plain(capsys, "")
    assert main(["download", "own"]) == 0 and main(["download", "own"]) == 0
    assert "already extracted" in capsys.readouterr().out
    assert Path("data/own/raw/people.csv").read_text() == "1,2\n"
    source = json.loads(Path("data/own/source.json").read_text())
    assert [each.get("unpack") for each in source["archives"]] == [None, False]
    plain(capsys, ", bytes: 5")
    assert "expected 5 bytes, came 4" in refused(capsys, "download", "own")


def test_the_same_file_packed_and_plain_is_not_the_same_source(project, capsys):
    """What raw was made from tells whether it was unpacked."""
    for unpack, found in (("true", "photos"), ("false", "photos.zip")):
        archives = f"[{{url: 'file:photos.zip', unpack: {unpack}}}]"
        assert main(["set", f"problems.own.download.archives={archives}"]) == 0
        assert main(["download", "own"]) == 0
        assert {path.name for path in Path("data/own/raw").iterdir()} == {found, ".complete.json"}


def test_a_plain_file_that_an_archive_brought_too(project, capsys):
    pack(project, {"People.csv": b"other"})
    Path("people.csv").write_text("1,2\n")
    plain(capsys, "")
    said = refused(capsys, "download", "own")
    assert "People.csv is there already" in said and "people.csv" in said
    assert written(project) == set()


def test_a_file_with_the_marker_s_name(project, capsys):
    pack(project, {".complete.json": b"{}"})
    assert ".complete.json" in refused(capsys, "download", "own")
    assert written(project) == set()


def test_a_folder_with_a_link_that_leaves_it(project, capsys):
    Path("mine").mkdir()
    Path("mine/link.jpg").symlink_to("../params.yaml")
    assert main(["set", "problems.own.download={folder: mine}"]) == 0
    assert "link.jpg" in refused(capsys, "download", "own")
    assert written(project) == set()


def test_a_stage_before_its_time_names_the_missing_file(project, capsys):
    assert main(["split", "own"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: data/own/items.parquet is missing: run the stages before split")
