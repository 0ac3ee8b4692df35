"""A model as its run left it: what it was judged by, what it has seen, and what it answered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from onecycle.decide.sample import Sample
from onecycle.decide.scores import Array, Floats
from onecycle.paths import Paths, read_json, sha256
from onecycle.tables import read, read_frame

JUDGED = "test"
SAME = ("identical", "pair")  # kinds of leaks: the same file, the same user and item
INDEX, PRINTS = "pixels/index.json", "pixels/prints.parquet"
ANSWERS = ("model.safetensors", "decision.json")  # what decides an answer


@dataclass(frozen=True)
class Side:
    """One of two models that are compared.

    Attributes:
        predictions: the judged items, by id: `id x y group`, `scores` and others.
        split: `id split`.
        met: ids of test whose file, or whose user and item, another part has too.
        prints: sha256 of each item's file, by id; empty where items are no files.
        size_px: width and height of pictures, float64 [N, 2], of the judged items; else null.
        target: the target block, as model.json keeps it.
        decision: what calibrate fitted.
        intervals: what intervals.json holds.
        lineage: what lineage.json holds.
        sha256: of the files that decide an answer.
    """

    predictions: pa.Table
    split: pd.DataFrame
    met: frozenset[str]
    prints: pd.Series[str]
    size_px: Floats | None
    target: dict[str, Any]
    decision: dict[str, Any]
    intervals: dict[str, Any]
    lineage: dict[str, Any]
    sha256: dict[str, str]

    @classmethod
    def read(cls, paths: Paths) -> Side:
        """Reads what the stages left.

        Raises:
            UserError: a file is damaged.
            OSError: one is missing.
        """
        predictions = read(paths.report("predictions.parquet")).sort_by("id")
        leaks = read_frame(paths.data("leaks.parquet"), ["kind", "id", "split"])
        same = leaks["kind"].isin(SAME) & (leaks["split"] == JUDGED)
        return cls(
            predictions=predictions,
            split=read_frame(paths.data("split.parquet"), ["id", "split"]),
            met=frozenset(leaks.loc[same, "id"]),
            prints=_prints(paths.data(PRINTS)),
            size_px=_sizes(paths.data(INDEX), predictions),
            target=read_json(paths.model("model.json"))["y"],
            decision=read_json(paths.model("decision.json")),
            intervals=read_json(paths.report("intervals.json")),
            lineage=read_json(paths.model("lineage.json")),
            sha256={name: sha256(paths.model(name)) for name in ANSWERS},
        )

    @property
    def kind(self) -> str:
        """Of the target."""
        return str(self.target["kind"])

    @cached_property
    def ids(self) -> list[str]:
        """The items that were judged."""
        found: list[str] = self.predictions["id"].to_pylist()
        return found

    @cached_property
    def judged(self) -> set[str]:
        """The items that should have been."""
        return set(self.split.loc[self.split["split"] == JUDGED, "id"])

    @cached_property
    def scores(self) -> Floats:
        """The raw scores, float [N, width]."""
        column = self.predictions["scores"]
        flat = pc.list_flatten(column).to_numpy()
        return np.asarray(flat).reshape(len(column), -1)

    @property
    def groups(self) -> Array | None:
        """The group of each item; null where one has none."""
        groups = self.predictions["group"]
        return None if groups.null_count else groups.to_pandas().to_numpy(dtype=np.str_)

    def sample(self, rows: Array, draws: int, seed: int) -> Sample:
        """Some of the items, bool [N], as the model judges them.

        Raises:
            UserError: the model does not know a label.
        """
        from onecycle.blocks import targets  # here: torch is slow to import

        y: Any = self.predictions["y"].to_pandas()
        y = y if pd.api.types.is_float_dtype(y) else y.tolist()
        truth = targets.from_state(self.target).encode(y, self.size_px).numpy()
        whole = Sample(self.scores, truth, self.decision, self.groups, self.size_px, draws, seed)
        return whole.part(rows)


def files(problem: str) -> list[str]:
    """What `Side.read` reads, relative to a working tree; `PRINTS` beside it, of pictures."""
    paths = Paths(problem)
    found = [
        paths.model(),
        *(paths.report(name) for name in ("predictions.parquet", "intervals.json")),
        *(paths.data(name) for name in ("split.parquet", "leaks.parquet", INDEX)),
    ]
    return [str(each) for each in found]


def are_pictures(paths: Paths) -> bool:
    """Whether a problem's inputs are pictures."""
    return bool(read_json(paths.data(INDEX))["ids"])


def _prints(file: Path) -> pd.Series[str]:
    if not file.exists():
        return pd.Series(dtype=str)
    return read_frame(file, ["id", "sha256"]).set_index("id")["sha256"]


def _sizes(index: Path, predictions: pa.Table) -> Floats | None:
    """Sizes as published, from the index of the pixel store; the pixels themselves aren't read."""
    found = read_json(index)
    if not found["ids"]:
        return None
    sizes = pd.DataFrame(
        {"width": found["published_width"], "height": found["published_height"]},
        index=found["ids"],
        dtype=np.float64,
    )
    return sizes.reindex(predictions["id"].to_pylist()).to_numpy()
