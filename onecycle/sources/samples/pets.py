"""Eight invented breeds of cats and dogs in the layout of the Oxford-IIIT Pet data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from onecycle.sources.samples import faces
from onecycle.sources.samples.drawing import Colour, Pen, mix, photograph, varied
from onecycle.sources.samples.files import save_jpeg, write_lines
from onecycle.sources.samples.scenery import ANYWHERE, pick

PICTURES_A_BREED = 72

_HEADER = (
    "#Image CLASS-ID SPECIES BREED ID",
    "#ID: 1:8 Class ids",
    "#SPECIES: 1:Cat 2:Dog",
    "#BREED ID: 1-4:Cat 1:4:Dog",
    "#All images with 1st letter as captial are cat images",
    "#images with small first letter are dog images",
)


@dataclass(frozen=True)
class Breed:
    """What an animal of one breed is drawn from.

    Attributes:
        name: As in the pictures' names; a capital first letter marks a cat.
        coats: The two colours between which the breed's coats lie.
        accent: Colour of the pattern and of hanging ears.
        muzzle: Colour around the nose.
        eyes: Colour of the irises.
        pattern: A key of ``faces.PATTERNS``.
        ears: A key of ``faces.EARS``.
    """

    name: str
    coats: tuple[Colour, Colour]
    accent: Colour
    muzzle: Colour
    eyes: Colour
    pattern: str
    ears: str

    @property
    def is_cat(self) -> bool:
        """Whether the breed is one of cats."""
        return self.name[0].isupper()

    def animal(self, rng: np.random.Generator) -> faces.Look:
        """The features of one animal of the breed."""
        return faces.Look(
            coat=varied(mix(*self.coats, rng.uniform()), rng, 6),
            accent=varied(self.accent, rng, 10),
            muzzle=varied(self.muzzle, rng, 6),
            eyes=varied(self.eyes, rng, 14),
            pattern=self.pattern,
            ears=self.ears,
        )


# In the order of the class ids: by name, whatever the letters' case, as in the original.
# The biscuit hound and the honey retriever are look-alikes: about all that differs is the ears.
BREEDS = (
    Breed(
        name="biscuit_hound",
        coats=((188, 138, 80), (232, 188, 128)),
        accent=(172, 122, 72),
        muzzle=(238, 214, 176),
        eyes=(110, 70, 40),
        pattern="plain",
        ears="long drop",
    ),
    Breed(
        name="Cream_Sealpoint",
        coats=((218, 196, 164), (246, 234, 214)),
        accent=(92, 66, 56),
        muzzle=(120, 92, 78),
        eyes=(90, 160, 220),
        pattern="mask",
        ears="dark pointed",
    ),
    Breed(
        name="dotty_spaniel",
        coats=((222, 218, 212), (250, 248, 244)),
        accent=(66, 52, 48),
        muzzle=(244, 240, 234),
        eyes=(100, 64, 40),
        pattern="spots",
        ears="long drop",
    ),
    Breed(
        name="frosty_sledder",
        coats=((62, 66, 78), (128, 132, 142)),
        accent=(60, 60, 70),
        muzzle=(242, 242, 244),
        eyes=(120, 185, 230),
        pattern="hood",
        ears="pricked",
    ),
    Breed(
        name="honey_retriever",
        coats=((198, 148, 82), (240, 198, 138)),
        accent=(182, 130, 74),
        muzzle=(240, 216, 176),
        eyes=(104, 66, 38),
        pattern="plain",
        ears="short drop",
    ),
    Breed(
        name="Marmalade_Tabby",
        coats=((206, 122, 50), (238, 170, 92)),
        accent=(158, 84, 34),
        muzzle=(250, 232, 206),
        eyes=(140, 180, 80),
        pattern="stripes",
        ears="pointed",
    ),
    Breed(
        name="Midnight_Tuxedo",
        coats=((36, 34, 42), (82, 76, 80)),
        accent=(40, 38, 44),
        muzzle=(246, 244, 240),
        eyes=(214, 190, 70),
        pattern="blaze",
        ears="pointed",
    ),
    Breed(
        name="Silver_Tabby",
        coats=((142, 140, 142), (200, 196, 192)),
        accent=(78, 76, 82),
        muzzle=(238, 236, 232),
        eyes=(170, 185, 90),
        pattern="stripes",
        ears="pointed",
    ),
)


def generate(folder: Path, seed: int = 0) -> None:
    """Write the sample: ``images/<Breed>_<n>.jpg`` and ``annotations/*.txt``.

    Args:
        folder: An existing, empty folder.
        seed: Another seed gives other animals of the same breeds.
    """
    images, annotations = folder / "images", folder / "annotations"
    images.mkdir()
    annotations.mkdir()
    trainval: list[str] = []
    test: list[str] = []
    counts = {True: 0, False: 0}
    for class_id, breed in enumerate(BREEDS, start=1):
        counts[breed.is_cat] += 1
        species = 1 if breed.is_cat else 2
        for number in range(1, PICTURES_A_BREED + 1):
            name = f"{breed.name}_{number}"
            picture = _picture(breed, np.random.default_rng([seed, class_id, number]))
            save_jpeg(picture, images / f"{name}.jpg")
            part = test if number % 4 == 0 else trainval
            part.append(f"{name} {class_id} {species} {counts[breed.is_cat]}")
    write_lines(annotations / "list.txt", [*_HEADER, *sorted(trainval + test)])
    write_lines(annotations / "trainval.txt", trainval)
    write_lines(annotations / "test.txt", test)


def _picture(breed: Breed, rng: np.random.Generator) -> Image.Image:
    width, height = int(rng.integers(96, 129)), int(rng.integers(80, 101))
    image = pick(rng, ANYWHERE)((width, height), rng)
    radius = height * rng.uniform(0.24, 0.36)
    x, y = width * rng.uniform(0.36, 0.64), height * rng.uniform(0.46, 0.58)
    pen = Pen.over(image).at(x, y, radius, turn=rng.normal(0.0, 0.16))
    draw = faces.cat if breed.is_cat else faces.dog
    draw(pen, breed.animal(rng), rng)
    return photograph(image, rng)
