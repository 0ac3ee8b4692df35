"""BIWI's head poses: a folder for each sequence, a camera calibration in it, a pose for each frame.

Source: the data set's README. The pose file's last line is the head's centre (X, Y, Z) in mm;
`rgb.cal` begins with the 3x3 camera matrix; the pixel is (X·f_x/Z + c_x, Y·f_y/Z + c_y).
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from onecycle.errors import UserError
from onecycle.items.lines import number, small_text, whole_number
from onecycle.items.table import ReaderParams, Reading


class Params(ReaderParams):
    """How to read head poses.

    Attributes:
        path: the folder of the sequences.
        group: the frames of a folder belong together, or null.
    """

    reader: Literal["biwi"]
    path: str = "biwi_head_pose"
    y: Literal["points"] = "points"
    group: Literal["folder"] | None = "folder"


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: focal lengths and principal point, in pixels."""

    f_x: float
    f_y: float
    c_x: float
    c_y: float

    def project(self, x_mm: float, y_mm: float, z_mm: float) -> list[float]:
        """The pixel (x, y), from the top left corner, at which a point appears.

        Raises:
            ValueError: the point is not in front of the camera, or endlessly far from its axis.
        """
        if not z_mm > 0:
            raise ValueError(f"expected a depth above 0 mm, got {z_mm}")
        point = [x_mm * self.f_x / z_mm + self.c_x, y_mm * self.f_y / z_mm + self.c_y]
        if not all(map(math.isfinite, point)):
            raise ValueError(f"it is projected to {point}, which is no place in a picture")
        return point


def read(raw: Path, params: Params) -> Reading:
    """Reads every frame that has a pose; each of a sequence without a calibration is set aside.

    Raises:
        UserError: there is no sequence.
    """
    folder = raw / params.path
    sequences = sorted(each for each in folder.glob("*") if each.is_dir())
    if not sequences:
        raise UserError(f"{folder}: expected a folder for each sequence there (01, 02, …)")
    reading = Reading()
    for sequence in sequences:
        file = sequence / "rgb.cal"
        try:
            camera = read_camera(file)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else error  # without raw's own path
            for frame in sorted(sequence.glob("frame_*_rgb.*")) or [file]:
                reading.set_aside(frame.relative_to(raw), f"no camera calibration: rgb.cal: {why}")
            continue
        for image in sorted(sequence.glob("frame_*_rgb.*")):
            _add(reading, raw, image, camera, params)
    return reading


def read_camera(file: Path) -> Camera:
    """Reads the camera matrix from the first three lines of a calibration.

    Raises:
        OSError: it is missing, or can't be read.
        ValueError: they are not 3 x 3 finite numbers, or a focal length is not above 0.
    """
    rows = [_numbers(line) for line in small_text(file).split("\n")[:3]]
    if [len(row) for row in rows] != [3, 3, 3]:
        raise ValueError("expected 3 x 3 numbers at the start")
    if not min(rows[0][0], rows[1][1]) > 0:
        raise ValueError("expected focal lengths above 0")
    return Camera(f_x=rows[0][0], f_y=rows[1][1], c_x=rows[0][2], c_y=rows[1][2])


def read_centre_mm(file: Path) -> list[float]:
    """Reads the head's centre (X, Y, Z), in mm, from the last line of a pose.

    Raises:
        OSError: it is missing, or can't be read.
        ValueError: it does not hold a rotation, 3 x 3 finite numbers, and 3 of a centre.
    """
    rows = [_numbers(line) for line in small_text(file).split("\n") if line.strip()]
    if not rows or len(rows[-1]) != 3:
        raise ValueError("expected X Y Z on its last line")
    if [len(row) for row in rows] != [3] * 4:
        raise ValueError("expected 3 x 3 numbers of a rotation before X Y Z")
    return rows[-1]


def _numbers(line: str) -> list[float]:
    return [number(word, "coordinate") for word in line.split()]


def _add(reading: Reading, raw: Path, image: Path, camera: Camera, params: Params) -> None:
    stem = image.stem.removesuffix("_rgb")
    pose = image.with_name(f"{stem}_pose.txt")
    frame = re.search(r"\d+", stem)
    if not image.is_file():
        reading.set_aside(image.relative_to(raw), "is no regular file")
        return
    try:
        point = camera.project(*read_centre_mm(pose))
        time = whole_number(frame.group(), "frame number") if frame else None
    except FileNotFoundError:
        reading.set_aside(image.relative_to(raw), f"no pose: {pose.name} is missing")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        reading.set_aside(pose.relative_to(raw), str(why))
    else:
        reading.add(
            id=f"{image.parent.name}/{stem}",
            x=image.relative_to(raw).as_posix(),
            y=point,
            group=image.parent.name if params.group else None,
            time=time,
        )
