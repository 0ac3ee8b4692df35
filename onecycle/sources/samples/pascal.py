"""Pictures of one to three kinds of things in the layout of Pascal VOC 2007."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from onecycle.sources.samples.drawing import OVERSIZE, Pen, photograph
from onecycle.sources.samples.files import save_jpeg, write_lines
from onecycle.sources.samples.scenery import OUTDOORS, pick
from onecycle.sources.samples.things import THINGS

PARTS = {"train": 300, "val": 100, "test": 160}

_SIZES = ((128, 96), (120, 96), (128, 88), (96, 120))
_LABELS_A_PICTURE = (1, 2, 3)
_LABEL_SHARES = (0.5, 0.37, 0.13)
_REACH = {
    "aeroplane": 32.0,
    "bicycle": 29.0,
    "bottle": 24.0,
    "car": 31.0,
    "cat": 26.0,
    "sheep": 29.0,
}
"""Half of each kind's usual width or height, whichever is larger, in pixels."""
_FAINT = 8.0
"""Half the width, in pixels, of the far-off things that are marked as difficult."""


@dataclass(frozen=True)
class Thing:
    """One annotated object.

    Attributes:
        name: Its kind.
        box: Left, top, right and bottom pixel, counted from 1 and inclusive, as VOC has it.
        truncated: Whether the picture's edge cuts it off.
        difficult: Whether it is too small to be asked for.
    """

    name: str
    box: tuple[int, int, int, int]
    truncated: bool
    difficult: bool


def generate(folder: Path, seed: int = 0) -> None:
    """Write the sample: ``VOCdevkit/VOC2007/{JPEGImages,Annotations,ImageSets/Main}``.

    Args:
        folder: An existing, empty folder.
        seed: Another seed gives other pictures of the same kinds of things.
    """
    root = folder / "VOCdevkit" / "VOC2007"
    images, annotations, sets = root / "JPEGImages", root / "Annotations", root / "ImageSets/Main"
    for part in (images, annotations, sets):
        part.mkdir(parents=True)
    total = sum(PARTS.values())
    for number in range(1, total + 1):
        picture, things = _scene(np.random.default_rng([seed, number]))
        save_jpeg(picture, images / f"{number:06d}.jpg")
        lines = _annotation(f"{number:06d}.jpg", picture.size, things)
        write_lines(annotations / f"{number:06d}.xml", lines)
    names = [f"{number + 1:06d}" for number in np.random.default_rng(seed).permutation(total)]
    train, val = PARTS["train"], PARTS["train"] + PARTS["val"]
    parts = {"train": names[:train], "val": names[train:val], "trainval": names[:val]}
    for part_name, members in {**parts, "test": names[val:]}.items():
        write_lines(sets / f"{part_name}.txt", sorted(members))


def _scene(rng: np.random.Generator) -> tuple[Image.Image, list[Thing]]:
    size = pick(rng, _SIZES)
    image = pick(rng, OUTDOORS)(size, rng)
    count = int(rng.choice(_LABELS_A_PICTURE, p=_LABEL_SHARES))
    names = [str(name) for name in rng.choice(list(THINGS), count, replace=False)]
    things: list[Thing] = []
    if rng.random() < 0.2:  # far off, of any kind, so some kinds appear only as difficult
        far = pick(rng, tuple(THINGS))
        x, y = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.25) if far == "aeroplane" else 0.6
        things.append(_place(image, far, (x * size[0], y * size[1]), _FAINT, rng))
    slots = rng.permutation(count)
    for name, slot in zip(names, slots, strict=True):
        crowd = (1.1, 0.9, 0.75)[count - 1]
        reach = _REACH[name] * crowd * rng.uniform(0.7, 1.2)
        x = size[0] * ((slot + 0.5) / count + rng.normal(0.0, 0.09))
        height = rng.uniform(0.18, 0.34) if name == "aeroplane" else rng.uniform(0.56, 0.72)
        things.append(_place(image, name, (x, size[1] * height), reach, rng))
        if rng.random() < 0.12:  # a second one of its kind, smaller
            x = rng.uniform(0.1, 0.9) * size[0]
            things.append(_place(image, name, (x, size[1] * height), reach * 0.6, rng))
    return photograph(image, rng), things


def _place(
    image: Image.Image,
    name: str,
    centre: tuple[float, float],
    reach: float,
    rng: np.random.Generator,
) -> Thing:
    """Draw one thing on the picture and annotate it.

    Args:
        image: The oversized picture.
        name: A key of ``THINGS``.
        centre: Where its middle comes, in saved pixels.
        reach: Half its width or height, whichever is larger, in saved pixels.
        rng: Draws its features.
    """
    # Inside by its middle, so that its box is never empty.
    width, height = image.size
    x = float(np.clip(centre[0], 6, width / OVERSIZE - 6))
    y = float(np.clip(centre[1], 6, height / OVERSIZE - 6))
    layer = Image.new("RGBA", image.size)
    pen = Pen.over(layer).at(x, y, reach, rng.normal(0.0, 0.05), mirror=rng.random() < 0.5)
    THINGS[name](pen, rng)
    left, top, right, bottom = extent = layer.getbbox() or (0, 0, width, height)
    cut = layer.crop(extent)
    image.paste(cut, (left, top), cut)
    box = (
        left // OVERSIZE + 1,
        top // OVERSIZE + 1,
        -(-right // OVERSIZE),
        -(-bottom // OVERSIZE),
    )
    truncated = left == 0 or top == 0 or right == width or bottom == height
    return Thing(name, box, truncated, difficult=reach <= _FAINT)


def _annotation(filename: str, size: tuple[int, int], things: list[Thing]) -> list[str]:
    width, height = size
    lines = [
        "<annotation>",
        "\t<folder>VOC2007</folder>",
        f"\t<filename>{filename}</filename>",
        "\t<size>",
        f"\t\t<width>{width}</width>",
        f"\t\t<height>{height}</height>",
        "\t\t<depth>3</depth>",
        "\t</size>",
        "\t<segmented>0</segmented>",
    ]
    for thing in things:
        corners = zip(("xmin", "ymin", "xmax", "ymax"), thing.box, strict=True)
        lines += [
            "\t<object>",
            f"\t\t<name>{thing.name}</name>",
            "\t\t<pose>Unspecified</pose>",
            f"\t\t<truncated>{int(thing.truncated)}</truncated>",
            f"\t\t<difficult>{int(thing.difficult)}</difficult>",
            "\t\t<bndbox>",
            *(f"\t\t\t<{corner}>{at}</{corner}>" for corner, at in corners),
            "\t\t</bndbox>",
            "\t</object>",
        ]
    return [*lines, "</annotation>"]
