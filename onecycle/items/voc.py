"""PASCAL VOC's devkit: pictures, an XML file of objects for each, and lists of names."""

from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from onecycle.errors import UserError
from onecycle.items.lines import MAX_SMALL, lines_of
from onecycle.items.table import ReaderParams, Reading

PARTS = {"train": "train", "val": "valid", "test": "test"}  # VOC's names, ours


class Params(ReaderParams):
    """How to read a devkit.

    Attributes:
        path: the year's folder, which holds JPEGImages, Annotations and ImageSets.
    """

    reader: Literal["voc"]
    path: str = "VOCdevkit/VOC2007"
    y: Literal["multicategory"] = "multicategory"


def read(raw: Path, params: Params) -> Reading:
    """Reads the pictures of the lists train, val and test that are there.

    Raises:
        UserError: there is none of the lists, or one is no UTF-8.
    """
    folder = raw / params.path
    lists = {part: folder / "ImageSets" / "Main" / f"{part}.txt" for part in PARTS}
    found = {part: file for part, file in lists.items() if file.is_file()}
    if not found:
        raise UserError(f"{folder}/ImageSets/Main: expected train.txt, val.txt or test.txt there")
    reading = Reading()
    for part, file in found.items():
        at = file.relative_to(raw).as_posix()
        for row, text, wrong in lines_of(file):
            name = text.strip()
            if wrong or "/" in name or name.startswith("."):
                reading.set_aside(at, wrong or f"expected a picture's name, got '{name}'", row)
            else:
                _add(reading, raw, folder, name, PARTS[part], (at, row))
    return reading


def labels(annotation: Path) -> list[str]:
    """The names of the objects in a picture, without those marked difficult, each once, sorted.

    Raises:
        ValueError: the file is no VOC annotation, declares entities or an encoding that is not
            known, or names an object not at all.
    """
    if annotation.stat().st_size > MAX_SMALL:
        raise ValueError(f"not a VOC annotation: larger than {MAX_SMALL:,} bytes")
    try:
        root = ElementTree.parse(annotation).getroot()
    except (ParseError, DefusedXmlException, LookupError) as error:
        raise ValueError(f"not a VOC annotation: {error}") from None
    if root is None or root.tag != "annotation":
        raise ValueError("not a VOC annotation: expected <annotation> at its root")
    plain = [o for o in root.iter("object") if (o.findtext("difficult") or "0").strip() != "1"]
    names = {(each.findtext("name") or "").strip() for each in plain}
    if "" in names:
        raise ValueError("an object has no name")
    return sorted(names)


def _add(
    reading: Reading, raw: Path, folder: Path, name: str, split: str, at: tuple[str, int]
) -> None:
    image = (folder / "JPEGImages" / f"{name}.jpg").relative_to(raw)
    annotation = folder / "Annotations" / f"{name}.xml"
    try:
        if not (raw / image).is_file():
            raise ValueError("the picture is missing")
        if not annotation.is_file():
            raise ValueError("its annotation is missing")
        reading.add(id=name, x=image.as_posix(), y=labels(annotation), split=split, at=at)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        reading.set_aside(image, str(why))
