"""What is measured on: photographs and ratings, found on this machine or drawn by code."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import torch
from PIL import Image

from onecycle.paths import whole

WIDTH, HEIGHT = 500, 375  # pixels; VOC's usual
VALID = 0.2  # of the ratings


def photos(folder: Path, n: int, voc: Path) -> tuple[list[str], str]:
    """Absolute paths of n JPEG files, VOC's where it is, else drawn; and in words which.

    Args:
        folder: for those that are drawn; found there again.
        n: how many.
        voc: a folder of VOC's photographs, at any depth.
    """
    found = sorted(voc.rglob("*.jpg"))
    if len(found) >= n:
        return [str(each.resolve()) for each in found[:n]], "VOC 2007"
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{at:06}.jpg" for at in range(n)]
    for at, file in enumerate(files):
        if not file.exists():
            with whole(file) as partial:
                drawn(at).save(partial, format="JPEG", quality=90)
    return [str(each.resolve()) for each in files], "drawn by code"


def drawn(seed: int) -> Image.Image:
    """A picture with about the detail of a photograph: 75 KB, of VOC's usual 90."""
    generator = np.random.default_rng(seed)
    seen = np.zeros((HEIGHT, WIDTH, 3))
    for cells, weight in ((6, 0.5), (40, 0.25), (220, 0.25)):
        noise = generator.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        seen += weight * np.asarray(Image.fromarray(noise).resize((WIDTH, HEIGHT)))
    return Image.fromarray(seen.astype(np.uint8))


def movielens(file: Path, archive: Path) -> None:
    """Writes MovieLens-100k, valid the first fifth of `torch.manual_seed(42); torch.randperm`."""
    with ZipFile(archive) as zipped, zipped.open("ml-100k/u.data") as stream:
        table = pd.read_csv(stream, sep="\t", names=["user", "item", "rating", "time"])
    valid = np.zeros(len(table), bool)
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(42)).numpy()
    valid[order[: int(VALID * len(table))]] = True
    _write(file, table["user"], table["item"], table["rating"], valid)


def ratings(file: Path, n: int) -> None:
    """Writes n ratings from known factors, as dense as MovieLens-100k's, no pair twice.

    Items are chosen by a power law, as films are.
    """
    generator = np.random.default_rng(n)
    users, items = round(3 * n**0.5), round(5.3 * n**0.5)
    drawn = generator.integers(0, users, 2 * n), items * generator.random(2 * n) ** 1.8
    pairs = np.unique(drawn[0] * items + drawn[1].astype(np.int64))
    user, item = np.divmod(generator.permutation(pairs)[:n], items)
    n = len(user)
    taste, kind = generator.normal(0, 0.4, (users, 8)), generator.normal(0, 0.4, (items, 8))
    bias = 3.5 + generator.normal(0, 0.4, users)[user] + generator.normal(0, 0.5, items)[item]
    score = bias + (taste[user] * kind[item]).sum(1) + generator.normal(0, 0.9, n)
    _write(file, user, item, score.round().clip(1, 5), generator.random(n) < VALID)


def _write(
    file: Path, user: np.ndarray, item: np.ndarray, rating: np.ndarray, valid: np.ndarray
) -> None:
    with whole(file) as partial, partial.open("wb") as stream:
        np.savez(
            stream,
            user=np.asarray(user, np.int64),
            item=np.asarray(item, np.int64),
            rating=np.asarray(rating, np.float32),
            valid=valid,
        )
