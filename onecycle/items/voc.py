"""PASCAL VOC's devkit: pictures, an XML file of objects for each, and lists of names."""

from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import ParseError

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from onecycle.errors import UserError
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
        try:
            names = file.read_text(encoding="utf-8").split()
        except UnicodeDecodeError as error:
            raise UserError(f"{file}: expected UTF-8 ({error}); save it so") from None
        for name in names:
            if name == Path(name).name and "\0" not in name:
                _add(reading, raw, folder, name, PARTS[part])
            else:  # might lead out of the raw data
                reading.set_aside(file.relative_to(raw), f"{name!r} is no name of a picture")
    return reading


def labels(annotation: Path) -> list[str]:
    """The names of the objects in a picture, without those marked difficult, each once, sorted.

    Raises:
        ValueError: the file is no XML, declares entities or an encoding that is not known.
    """
    try:
        root = ElementTree.parse(annotation)
    except (ParseError, DefusedXmlException, LookupError) as error:
        raise ValueError(f"not a VOC annotation: {error}") from None
    plain = [o for o in root.iter("object") if (o.findtext("difficult") or "0").strip() != "1"]
    return sorted({(each.findtext("name") or "").strip() for each in plain} - {""})


def _add(reading: Reading, raw: Path, folder: Path, name: str, split: str) -> None:
    image = (folder / "JPEGImages" / f"{name}.jpg").relative_to(raw)
    annotation = folder / "Annotations" / f"{name}.xml"
    try:
        if not (raw / image).is_file():
            raise ValueError("the picture is missing")
        if not annotation.is_file():
            raise ValueError("its annotation is missing")
        reading.add(id=name, x=image.as_posix(), y=labels(annotation), split=split)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error  # without raw's own path
        reading.set_aside(image, str(why))
