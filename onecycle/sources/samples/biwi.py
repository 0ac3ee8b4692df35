"""Fourteen drawn people moving their heads, in the layout of the Biwi Kinect head poses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onecycle.sources.samples import people
from onecycle.sources.samples.drawing import Pen, photograph
from onecycle.sources.samples.files import save_jpeg, write_lines
from onecycle.sources.samples.scenery import room

PEOPLE = 14
FRAMES = range(3, 33)
"""The frames' numbers; the published folders begin at 3 too."""
WIDTH, HEIGHT = 160, 120


@dataclass(frozen=True)
class Camera:
    """A pinhole camera.

    Attributes:
        focal: Focal length, in pixels.
        centre_x: Column of the optical axis, in pixels.
        centre_y: Row of the optical axis, in pixels.
    """

    focal: float
    centre_x: float
    centre_y: float

    def calibration(self) -> list[str]:
        """The lines of ``rgb.cal``, spaces at the lines' ends included, as published."""
        focal = f"{self.focal:.6f}"
        camera = [f"{focal} 0 {self.centre_x:.6f} ", f"0 {focal} {self.centre_y:.6f} ", "0 0 1 "]
        undistorted, unturned, unmoved = "0 0 0 0 ", ["1 0 0 ", "0 1 0 ", "0 0 1 "], "0 0 0 "
        size = f"{WIDTH} {HEIGHT}"
        return [*camera, "", undistorted, "", *unturned, "", unmoved, "", size]


@dataclass(frozen=True)
class Path3d:
    """Where one head goes and looks over the frames.

    Attributes:
        pixels: n × 2, the head's centre: column and row.
        depth: n, its distance from the camera in mm.
        angles: n × 3, pitch, yaw and roll in radians.
    """

    pixels: NDArray[np.float64]
    depth: NDArray[np.float64]
    angles: NDArray[np.float64]


def generate(folder: Path, seed: int = 0) -> None:
    """Write the sample: ``NN/{rgb.cal, frame_NNNNN_rgb.jpg, frame_NNNNN_pose.txt}``.

    Args:
        folder: An existing, empty folder.
        seed: Another seed gives other people in other rooms.
    """
    looks = people.cast(PEOPLE, np.random.default_rng(seed))
    for number, look in enumerate(looks, start=1):
        home = folder / f"{number:02d}"
        home.mkdir()
        _person(home, look, np.random.default_rng([seed, number]))


def _person(home: Path, look: people.Look, rng: np.random.Generator) -> None:
    """Write one person's folder: all frames share the person, the room and the camera."""
    camera = Camera(
        focal=round(rng.uniform(192, 208), 6),
        centre_x=round(WIDTH / 2 + rng.uniform(-4, 4), 6),
        centre_y=round(HEIGHT / 2 + rng.uniform(-3, 3), 6),
    )
    write_lines(home / "rgb.cal", camera.calibration())
    background = room((WIDTH, HEIGHT), rng)
    bright = rng.uniform(0.8, 1.1)
    path = _wander(len(FRAMES), rng)
    for frame, (x, y), depth, angles in zip(
        FRAMES, path.pixels, path.depth, path.angles, strict=True
    ):
        image = background.copy()
        pen = Pen.over(image).at(x, y, camera.focal / depth)  # its unit is one mm at the head
        people.draw(pen, look, angles, drop=HEIGHT * depth / camera.focal)
        picture = photograph(image, rng, (bright, bright))
        save_jpeg(picture, home / f"frame_{frame:05d}_rgb.jpg")
        place = (
            (x - camera.centre_x) * depth / camera.focal,
            (y - camera.centre_y) * depth / camera.focal,
            depth,
        )
        write_lines(home / f"frame_{frame:05d}_pose.txt", _pose(_rotation(*angles), place))


def _wander(count: int, rng: np.random.Generator) -> Path3d:
    """A smooth path: slow waves, so that frames next to each other look alike."""

    def waves(low: float, high: float) -> NDArray[np.float64]:
        time = np.linspace(0, 2 * np.pi, count)
        slow, fast = rng.uniform(0, 2 * np.pi, 2)
        wave = np.sin(time * rng.uniform(0.8, 1.4) + slow) + 0.35 * np.sin(3 * time + fast)
        middle, reach = (low + high) / 2, (high - low) / 2
        return np.asarray(middle + reach * wave / 1.35)

    pixels = np.stack([waves(0.16 * WIDTH, 0.84 * WIDTH), waves(0.24 * HEIGHT, 0.7 * HEIGHT)], 1)
    angles = np.stack([waves(-0.35, 0.35), waves(-0.7, 0.7), waves(-0.3, 0.3)], 1)
    return Path3d(pixels, waves(800, 1100), angles)


def _rotation(pitch: float, yaw: float, roll: float) -> NDArray[np.float64]:
    """The 3 × 3 rotation: first roll, then pitch, then yaw."""
    cos, sin = np.cos([pitch, yaw, roll]), np.sin([pitch, yaw, roll])
    about_x = np.array([[1, 0, 0], [0, cos[0], -sin[0]], [0, sin[0], cos[0]]])
    about_y = np.array([[cos[1], 0, sin[1]], [0, 1, 0], [-sin[1], 0, cos[1]]])
    about_z = np.array([[cos[2], -sin[2], 0], [sin[2], cos[2], 0], [0, 0, 1]])
    return np.asarray(about_y @ about_x @ about_z)


def _pose(rotation: NDArray[np.float64], place: tuple[float, float, float]) -> list[str]:
    rows = ["".join(f"{value:.6f} " for value in row) for row in (*rotation, place)]
    return [*rows[:3], "", rows[3]]
