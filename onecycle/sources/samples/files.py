"""How samples are saved: equal contents always become equal bytes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image


def save_jpeg(image: Image.Image, path: Path) -> None:
    """Save a picture without any metadata."""
    image.save(path, format="JPEG", quality=85)


def write_lines(path: Path, lines: Iterable[str], encoding: str = "ascii") -> None:
    """Write a text file; every line, also the last, ends as on Unix on any machine."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding=encoding, newline="\n")
