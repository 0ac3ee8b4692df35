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
            ValueError: the point is not in front of the camera, or its pixel is not finite.
        """
        if not z_mm > 0:
            raise ValueError(f"expected a depth above 0 mm, got {z_mm}")
        pixel = [x_mm * self.f_x / z_mm + self.c_x, y_mm * self.f_y / z_mm + self.c_y]
        if not all(map(math.isfinite, pixel)):
            raise ValueError(f"expected a finite pixel, got {pixel}")
        return pixel


def read(raw: Path, params: Params) -> Reading:
    """Reads every frame that has a pose; sequences without a calibration are set aside.

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
            reading.set_aside(file.relative_to(raw), f"no camera calibration: {why}")
            continue
        for image in sorted(sequence.glob("frame_*_rgb.*")):
            _add(reading, raw, image, camera, params)
    return reading


def read_camera(file: Path) -> Camera:
    """Reads the camera matrix from the first three lines of a calibration.

    Raises:
        ValueError: they are not 3 x 3 finite numbers.
    """
    rows = [_numbers(line) for line in file.read_text(encoding="ascii").splitlines()[:3]]
    if [len(row) for row in rows] != [3, 3, 3]:
        raise ValueError("expected 3 x 3 numbers at the start")
    return Camera(f_x=rows[0][0], f_y=rows[1][1], c_x=rows[0][2], c_y=rows[1][2])


def read_centre_mm(file: Path) -> list[float]:
    """Reads the head's centre (X, Y, Z), in mm, from the last line of a pose.

    Raises:
        ValueError: it is not 3 finite numbers.
    """
    lines = [line for line in file.read_text(encoding="ascii").splitlines() if line.strip()]
    centre = _numbers(lines[-1]) if lines else []
    if len(centre) != 3:
        raise ValueError("expected X Y Z on its last line")
    return centre


def _numbers(line: str) -> list[float]:
    numbers = [float(word) for word in line.split()]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"expected finite numbers, got '{line.strip()}'")
    return numbers


def _add(reading: Reading, raw: Path, image: Path, camera: Camera, params: Params) -> None:
    stem = image.stem.removesuffix("_rgb")
    pose = image.with_name(f"{stem}_pose.txt")
    frame = re.search(r"\d+", stem)
    number = int(frame.group()) if frame else None
    if number is not None and number >= 1 << 63:
        reading.set_aside(image.relative_to(raw), f"its number {number} is beyond 64 bits")
        return
    try:
        point = camera.project(*read_centre_mm(pose))
    except FileNotFoundError:
        reading.set_aside(image.relative_to(raw), f"no pose: {pose.name} is missing")
    except ValueError as error:
        reading.set_aside(pose.relative_to(raw), str(error))
    else:
        reading.add(
            id=f"{image.parent.name}/{stem}",
            x=image.relative_to(raw).as_posix(),
            y=point,
            group=image.parent.name if params.group else None,
            time=number,
        )
