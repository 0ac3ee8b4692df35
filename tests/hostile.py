"""Names that would do harm where they are not taken as text, and a problem that holds them."""

from pathlib import Path

import numpy as np
from PIL import Image

NAMES = {
    "tags": "<script>alert(1)</script>".replace("/", "\u2215"),
    "an attribute's end": "\" onerror='x",
    "a formula": "=HYPERLINK(x)",
    "another formula": "@SUM(1+1)|x",
    "a line of its own": "a\ndecoding: 9 of 9",
    "terminal codes": "\x1b[2J\x1b]0;x\x07",
    "turned round": "gpj.\u202etac",
    "look-alikes": "c\u0430t",  # a Cyrillic a
    "composed and not": "cafe\u0301",
    "mathematics": "$\\frac{x$",
    "templates": "{{ 7 * 7 }}${x}%(x)s{0}",
    "markup": "[bold]x[/bold]|`x`|[a](x:y)".replace("/", "\u2215"),
    "spaces": "two  spaces",
    "options": "--help",
    "emoji": "\U0001f415",
}
HOSTILE = '<script>alert("x")</script>\n\'&"'  # what a page must not take for its own
PROBLEM = """
problems:
  own: !replace
    download: {folder: photos}
    prepare: PREPARE
    split: {by: SPLIT, valid: 0.25, test: 0.25}
    learner: {arch: ARCH, BATCH}
    lr_find: {steps: 30, start: 1.0e-6, end: 1}
    train: {frozen: {epochs: 0}, unfrozen: {epochs: 1, lr: 1.0e-3}}
    calibrate: {}
    evaluate: {draws: 100}
"""
VISION = "weights: null, size: 32, batch_size: 8, precision: fp32"


def draw(path: Path, seed: int) -> None:
    """A picture of its own colours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((40, 32)).save(path, "PNG")


def by_folder(folder: Path) -> str:
    """A folder of pictures for each name, with a broken one among them; how to read them."""
    for at, name in enumerate(NAMES.values()):
        for each in range(6):
            draw(folder.joinpath(name, f"{name}{each}.png"), 100 * at + each)
        folder.joinpath(name, f"{name}.png").write_bytes(b"broken")
    return "{reader: files, label: '^([^/]+)/', size: 32, max_bad: 0.5}"
