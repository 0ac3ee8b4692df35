import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onecycle.errors import UserError
from onecycle.items import biwi, readers

CALIBRATION = (
    "517.679 0 320 \n0 500 240.5 \n0 0 1 \n\n0 0 0 0 \n\n1 0 0 \n0 1 0 \n0 0 1 \n\n640 480"
)
POSE = "1 0 0 \n0 1 0 \n0 0 1 \n\n{}\n"


def sequence(raw: Path, name: str, poses: dict[int, str | None], calibration=CALIBRATION) -> None:
    folder = raw / "biwi" / name
    folder.mkdir(parents=True)
    if calibration is not None:
        (folder / "rgb.cal").write_text(calibration)
    for number, centre in poses.items():
        (folder / f"frame_{number:05}_rgb.jpg").write_text("picture")
        if centre is not None:
            (folder / f"frame_{number:05}_pose.txt").write_text(POSE.format(centre))


def read(raw: Path, **params):
    return biwi.read(raw, biwi.Params(reader="biwi", path="biwi", **params))


def test_the_projection_equals_a_calculation_by_hand(tmp_path):
    sequence(tmp_path, "01", {3: "100 -50 1000 "})
    (row,) = read(tmp_path).rows
    assert row["y"] == pytest.approx([371.7679, 215.5])  # 100·517.679/1000+320, -50·500/1000+240.5
    assert (row["id"], row["x"]) == ("01/frame_00003", "biwi/01/frame_00003_rgb.jpg")
    assert (row["group"], row["time"]) == ("01", 3)


@settings(deadline=None, max_examples=40)
@given(st.floats(-500, 500), st.floats(-500, 500), st.floats(300, 3000))
def test_projecting_is_undone_by_the_pinhole_equations(x, y, z):
    camera = biwi.Camera(f_x=517.0, f_y=503.0, c_x=320.0, c_y=240.5)
    column, row = camera.project(x, y, z)
    assert (column - 320.0) * z / 517.0 == pytest.approx(x, abs=1e-6)
    assert (row - 240.5) * z / 503.0 == pytest.approx(y, abs=1e-6)


@pytest.mark.trial(
    "tables", "poses with too few numbers, NaN, no depth, or missing", "their frame is set aside"
)
@pytest.mark.parametrize(
    ("centre", "file", "said"),
    [
        (None, "frame_00004_rgb.jpg", "no pose: frame_00004_pose.txt is missing"),
        ("1 2", "frame_00004_pose.txt", "expected X Y Z on its last line"),
        ("1 two 3", "frame_00004_pose.txt", "two"),
        ("nan 2 900", "frame_00004_pose.txt", "expected a finite coordinate"),
        ("1 2 inf", "frame_00004_pose.txt", "expected a finite coordinate"),
        ("1 2 0", "frame_00004_pose.txt", "expected a depth above 0 mm"),
        ("1 2 -900", "frame_00004_pose.txt", "expected a depth above 0 mm, got -900"),
    ],
)
def test_a_bad_pose_quarantines_its_frame_alone(tmp_path, centre, file, said):
    sequence(tmp_path, "01", {3: "0 0 900", 4: centre})
    reading = read(tmp_path)
    assert [row["id"] for row in reading.rows] == ["01/frame_00003"]
    (bad,) = reading.bad
    assert bad["file"] == f"biwi/01/{file}" and said in bad["reason"]


def test_an_empty_pose_is_quarantined(tmp_path):
    sequence(tmp_path, "01", {3: "0 0 900", 4: None})
    (tmp_path / "biwi/01/frame_00004_pose.txt").write_text("\n")
    assert [bad["reason"] for bad in read(tmp_path).bad] == ["expected X Y Z on its last line"]


@pytest.mark.trial(
    "tables", "a calibration that is damaged or missing", "its frames are set aside, and counted"
)
@pytest.mark.parametrize("calibration", [None, "", "1 0 0\n0 1 0", "nan 0 1\n0 1 1\n0 0 1", "é"])
def test_each_frame_of_a_sequence_without_a_calibration_is_set_aside(tmp_path, calibration):
    sequence(tmp_path, "01", {3: "0 0 900", 4: "0 0 900"}, calibration)
    sequence(tmp_path, "02", {3: "0 0 900"})
    reading = read(tmp_path)
    assert [row["id"] for row in reading.rows] == ["02/frame_00003"]
    frames = [f"biwi/01/frame_{number:05}_rgb.jpg" for number in (3, 4)]
    assert [bad["file"] for bad in reading.bad] == frames
    assert all(bad["reason"].startswith("no camera calibration: rgb") for bad in reading.bad)


@pytest.mark.trial(
    "tables", "a pose cut off, so that its rotation ends it", "its frame is set aside"
)
@pytest.mark.parametrize("kept", [1, 2, 3, 4])
def test_a_pose_that_is_cut_off_has_no_centre(tmp_path, kept):
    sequence(tmp_path, "01", {3: "0 0 900", 4: "0 0 900"})
    pose = tmp_path / "biwi/01/frame_00004_pose.txt"
    pose.write_text("\n".join(pose.read_text().split("\n")[:kept]))
    reading = read(tmp_path)
    assert [row["id"] for row in reading.rows] == ["01/frame_00003"]
    assert [bad["reason"][:12] for bad in reading.bad] == ["expected 3 x"]


@pytest.mark.trial("tables", "a pipe, folder or huge file as a pose or calibration", "set aside")
@pytest.mark.parametrize("what", ["pipe", "folder", "huge"])
@pytest.mark.parametrize("name", ["frame_00004_pose.txt", "rgb.cal"])
def test_what_is_no_small_file_is_set_aside(tmp_path, what, name):
    sequence(tmp_path, "01", {4: "0 0 900"})
    sequence(tmp_path, "02", {4: "0 0 900"})
    file = tmp_path / "biwi/01" / name
    file.unlink()
    if what == "pipe":
        os.mkfifo(file)
    elif what == "folder":
        file.mkdir()
    else:
        file.write_text(" " * (2 << 20))
    reading = read(tmp_path)
    assert [row["id"] for row in reading.rows] == ["02/frame_00004"] and len(reading.bad) == 1


@pytest.mark.trial(
    "tables", "a frame's number beyond 64 bits, one frame in two formats", "set aside"
)
def test_frames_with_odd_names_are_set_aside(tmp_path):
    sequence(tmp_path, "01", {3: "0 0 900", 10**30: "0 0 900"})
    (tmp_path / "biwi/01/frame_00003_rgb.png").write_text("picture")
    raw = tmp_path
    reading = readers.read(raw, biwi.Params(reader="biwi", path="biwi"))
    assert [row["x"] for row in reading.rows] == ["biwi/01/frame_00003_rgb.jpg"]
    assert sorted(bad["file"][-21:] for bad in reading.bad) == [
        "000000000000_pose.txt", "1/frame_00003_rgb.png"]  # fmt: skip


def test_groups_can_be_turned_off(tmp_path):
    sequence(tmp_path, "01", {3: "0 0 900"})
    assert [row["group"] for row in read(tmp_path, group=None).rows] == [None]


def test_a_folder_without_sequences_is_refused(tmp_path):
    with pytest.raises(UserError, match="expected a folder for each sequence"):
        read(tmp_path)
