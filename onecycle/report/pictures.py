"""The page's pictures as files: for `dvc plots`, Prefect and the index page.

Names come from sections and plots, never from the kind of target, so that dvc.yaml needs to know
none of them, and `dvc plots diff` lays those of equal names side by side.
"""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from onecycle.report.parts import Gallery, Plot, Section

PAPER = "white"  # behind plots: who shows them may be dark or light
EXAMPLES = "examples.jpg"
SIDE, SHOWN = 96, 4  # pixels of an example's sides; examples


def write(folder: Path, sections: Sequence[Section], more: Mapping[str, bytes]) -> None:
    """Writes each plot as PNG, and ordinary items in a row, where they are pictures.

    Args:
        folder: an empty one.
        sections: of the page.
        more: PNGs that are not on the page, by name.
    """
    for name, png in more.items():
        (folder / f"{name}.png").write_bytes(png)
    for section in sections:
        own = section.anchor
        for at, plot in enumerate(section.plots):
            name = plot.name or (f"{own}-{at + 1}" if at else own)
            (folder / f"{name}.png").write_bytes(on_paper(plot))
        if section.galleries and section.galleries[0].cards[0].picture:
            (folder / EXAMPLES).write_bytes(row(section.galleries[0]))


def on_paper(plot: Plot) -> bytes:
    """A plot for light pages on an opaque ground, as PNG."""
    drawn = _decoded(plot.light).convert("RGBA")
    paper = Image.new("RGBA", drawn.size, PAPER)
    paper.alpha_composite(drawn)
    buffer = BytesIO()
    paper.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def row(gallery: Gallery) -> bytes:
    """The first pictures of a gallery side by side, cut to squares, as JPEG."""
    shown = [card.picture for card in gallery.cards[:SHOWN] if card.picture]
    sheet = Image.new("RGB", (len(shown) * SIDE, SIDE), PAPER)
    for at, picture in enumerate(shown):
        small = _decoded(picture.uri).convert("RGB")
        side = min(small.size)
        left, top = ((length - side) // 2 for length in small.size)
        square = small.resize((SIDE, SIDE), box=(left, top, left + side, top + side))
        sheet.paste(square, (at * SIDE, 0))
    buffer = BytesIO()
    sheet.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _decoded(uri: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(uri.partition(",")[2])))
