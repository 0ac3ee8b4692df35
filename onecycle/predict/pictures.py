"""Pictures as inputs: decoded and warped in threads, ahead of the model."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from onecycle.blocks.image import Images
from onecycle.decide import histograms
from onecycle.errors import UserError
from onecycle.learn.learner import Learner
from onecycle.pixels.decode import Source, decode
from onecycle.pixels.store import InMemory
from onecycle.predict import inputs
from onecycle.predict.takes import Inputs, Scored
from onecycle.progress import track

T = TypeVar("T")
R = TypeVar("R")


class Seen(NamedTuple):
    """A picture as the model sees it, [1, C, H, W], its published size and its traits."""

    x: Tensor
    size_px: tuple[int, int]
    traits: NDArray[np.float64]


class Pictures:
    """Pictures: decoded and warped in threads, ahead of the model, and never written to disk.

    Held at once are so many pictures as the model sees in two batches, as it sees them, and one
    decoded picture a thread.
    """

    chunk = 512
    columns: tuple[str, ...] = ()

    def __init__(self, learner: Learner) -> None:
        self.learner, self.model = learner, learner.to_predict()
        images, view = learner.data.blocks.x, learner.data.blocks.view
        if not isinstance(images, Images) or view is None:
            raise UserError("model.json: expected a model of pictures")
        self.images = images

    def named(self, sources: Sequence[str], root: Path | None, taken: Container[str]) -> Inputs:
        """What sources on a command line name."""
        return self._of(inputs.pictures(sources, root, taken))

    def stamp(self, inputs: Inputs) -> str:
        """A sha256 of the sizes and times of the files."""
        digest = hashlib.sha256()
        for source in inputs.sources:
            try:
                found = source.stat()
                digest.update(f"{found.st_size} {found.st_mtime_ns}\n".encode())
            except (OSError, AttributeError):  # it is not there, or no file is named
                digest.update(b"none\n")
        return digest.hexdigest()

    def given(self, each: Any, taken: Container[str]) -> Inputs:  # noqa: ANN401 - as in Takes
        """Paths, Pillow's images and arrays uint8 [H, W, C]; or a DataFrame that names files."""
        if isinstance(each, pd.DataFrame):
            return self._of(inputs.listed(inputs.of_frame(each), "the table", Path(), taken))
        sources = [Path(one) if isinstance(one, str | Path) else one for one in each]
        named = [inputs.utf8(it.as_posix()) if isinstance(it, Path) else None for it in sources]
        return Inputs(pa.table({"path": pa.array(named, pa.string())}), sources)

    def _of(self, table: pa.Table) -> Inputs:
        return Inputs(table, [name and Path(name) for name in table["path"].to_pylist()])

    def shown(self, inputs: Inputs, n: int) -> tuple[Tensor, list[str]]:
        """Pictures as the model sees them, float32 [m, C, H, W]."""
        found = [torch.empty(0, self.images.store.channels, *self.images.size)]
        errors: list[str] = []
        for source in inputs.sources:
            if len(found) > n:
                break
            seen = self.see(source)
            if isinstance(seen, str):
                errors.append(f"{source}: {seen}")
            else:
                found.append(seen.x)
        return torch.cat(found), errors

    def scored(self, chunks: Sequence[Sequence[Source | None]]) -> Iterator[Scored]:
        """Scores chunks; the next one's pictures are decoded meanwhile."""
        flat = ((at, source) for at, chunk in enumerate(chunks) for source in chunk)
        rows = track(flat, "predicting", sum(map(len, chunks)))
        ahead = 2 * self.learner.at_once
        # Filters of warnings belong to the process, so threads must not set them.
        with warnings.catch_warnings(), ThreadPoolExecutor(os.cpu_count()) as pool:
            warnings.simplefilter("ignore")
            seen = in_order(pool, lambda row: (row[0], self.see(row[1])), rows, ahead)
            for _, chunk in groupby(seen, itemgetter(0)):
                yield self._score(found for _, found in chunk)

    def see(self, source: Source | None) -> Seen | str:
        """A picture as the model sees it, the same that evaluate shows it; or why there is none."""
        store, blocks = self.images.store, self.learner.data.blocks
        if source is None:
            return "no file is named"
        found = decode(source, store.size, store.channels)
        if isinstance(found, str):
            return found
        one = InMemory([found], store.size, store.channels)
        blocks = replace(blocks, x=Images(one, self.images.size))
        x, _ = blocks.batch(torch.tensor([0]), torch.zeros(1, blocks.y.outputs), None)
        return Seen(x, found.published, histograms.traits(found.pixels, found.published))

    def _score(self, rows: Iterable[Seen | str]) -> Scored:
        errors: list[str | None] = []
        batch: list[Tensor] = []
        outputs = self.learner.data.blocks.y.outputs
        scores: list[NDArray[np.float32]] = [np.empty((0, outputs), np.float32)]
        traits, sizes = [], []
        for row in rows:
            errors.append(row if isinstance(row, str) else None)
            if isinstance(row, Seen):
                batch.append(row.x)
                traits.append(row.traits)
                sizes.append(row.size_px)
                if len(batch) == self.learner.at_once:
                    scores.append(self.learner.ask(self.model, torch.cat(batch)))
                    batch = []
        if batch:
            scores.append(self.learner.ask(self.model, torch.cat(batch)))
        size_px = np.array(sizes, dtype=np.float64).reshape(-1, 2)
        return Scored(errors, np.concatenate(scores), size_px, {}, histograms.of_pictures(traits))


def in_order(
    pool: ThreadPoolExecutor, call: Callable[[T], R], items: Iterable[T], ahead: int
) -> Iterator[R]:
    """What `call` makes of each item, in their order, in threads, so many ahead at most."""
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(call, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for each in waiting:
            each.cancel()
