"""What is measured on: photographs and ratings, found on this machine or drawn by code."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from PIL import Image
from pyarrow import csv

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
    """Writes n ratings, a fifth of them valid."""
    user, item, rating = generated(n)
    valid = np.random.default_rng([n, 1]).random(len(user)) < VALID
    _write(file, user, item, rating, valid)


def layout(folder: Path, n: int) -> None:
    """Writes n ratings as MovieLens-100k lays them out: `u.data`, and `u.item` with titles."""
    user, item, rating = generated(n)
    time = np.random.default_rng([n, 2]).integers(874_724_710, 893_286_638, len(user))
    folder.mkdir(parents=True, exist_ok=True)
    columns = [(user + 1).astype(np.int64), (item + 1).astype(np.int64), rating.astype(np.int64)]
    table = pa.table([*columns, time], names=["user", "item", "rating", "time"])
    plain = csv.WriteOptions(include_header=False, delimiter="\t")
    with whole(folder / "u.data") as partial:
        csv.write_csv(table, partial, plain)
    with whole(folder / "u.item") as partial:
        titles = (f"{name}|Film {name}\n" for name in range(1, int(item.max()) + 2))
        partial.write_text("".join(titles), encoding="latin-1")


def generated(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """User, item, both int64 from 0, and rating of n ratings, as dense as MovieLens-100k's.

    They come from known factors; no pair is there twice; items are chosen by a power law, as films
    are.
    """
    generator = np.random.default_rng(n)
    users, items = round(3 * n**0.5), round(5.3 * n**0.5)
    drawn = generator.integers(0, users, 2 * n), items * generator.random(2 * n) ** 1.8
    pairs = np.unique(drawn[0] * items + drawn[1].astype(np.int64))
    user, item = np.divmod(generator.permutation(pairs)[:n], items)
    taste, kind = generator.normal(0, 0.4, (users, 8)), generator.normal(0, 0.4, (items, 8))
    score = 3.5 + generator.normal(0, 0.4, users)[user] + generator.normal(0, 0.5, items)[item]
    for factor in range(8):
        score += taste[user, factor] * kind[item, factor]
    score += generator.normal(0, 0.9, len(user))
    return user, item, score.round().clip(1, 5)


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
