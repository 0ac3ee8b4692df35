"""What a kind of inputs owes: how a user names them, and their scores, chunk by chunk."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from torch import Tensor

from onecycle.decide.histograms import Histograms


@dataclass(frozen=True)
class Inputs:
    """What shall be predicted.

    Attributes:
        table: what is told of each row beside its answer.
        sources: what the model is to see, a row each, to be sliced.
    """

    table: pa.Table
    sources: Sequence[Any]


@dataclass(frozen=True)
class Scored:
    """What a model made of a chunk of n rows, of which m are good.

    Attributes:
        errors: n reasons, null of good rows.
        scores: float32 [m, K].
        size_px: of good pictures as published, float64 [m, 2].
        columns: of n rows, to stand after the answers.
        inputs: histograms of good rows.
    """

    errors: list[str | None]
    scores: NDArray[np.float32]
    size_px: NDArray[np.float64] | None = None
    columns: dict[str, pa.Array] = field(default_factory=dict)
    inputs: Histograms = field(default_factory=dict)


class Takes(Protocol):
    """A kind of inputs.

    Attributes:
        chunk: rows that are scored together: of one part that a run resumes at.
        columns: the names of those that `Scored.columns` has.
    """

    chunk: int
    columns: tuple[str, ...]

    def named(self, sources: Sequence[str], root: Path | None, taken: Container[str]) -> Inputs:
        """What sources on a command line name.

        Raises:
            UserError: a source is missing or of another kind, or a column's name is taken.
        """
        ...

    def stamp(self, inputs: Inputs) -> str:
        """What changes when the files that inputs name do; empty where they name none."""
        ...

    def given(self, each: Any, taken: Container[str]) -> Inputs:  # noqa: ANN401 - what a user has
        """What a caller has: a list, or a DataFrame as `named` reads them from files."""
        ...

    def shown(self, inputs: Inputs, n: int) -> tuple[Tensor, list[str]]:
        """The first inputs that can be used, n at most, as the model is given them; and reasons.

        Returns:
            A tensor [m, …], and why those before that are left out can't be used.
        """
        ...

    def scored(self, chunks: Sequence[Sequence[Any]]) -> Iterator[Scored]:
        """Scores chunks of sources, none of them empty."""
        ...
