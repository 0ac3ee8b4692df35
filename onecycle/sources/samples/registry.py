"""Which samples there are. Importing this imports no library that draws them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from onecycle.errors import UserError

Generator = Callable[[Path, int], None]


def _pets(folder: Path, seed: int) -> None:
    from onecycle.sources.samples import pets

    pets.generate(folder, seed)


def _pascal(folder: Path, seed: int) -> None:
    from onecycle.sources.samples import pascal

    pascal.generate(folder, seed)


def _biwi(folder: Path, seed: int) -> None:
    from onecycle.sources.samples import biwi

    biwi.generate(folder, seed)


def _movielens(folder: Path, seed: int) -> None:
    from onecycle.sources.samples import movielens

    movielens.generate(folder, seed)


SAMPLES: dict[str, Generator] = {
    "pets": _pets,
    "pascal": _pascal,
    "biwi": _biwi,
    "movielens": _movielens,
}


def generate(name: str, folder: Path, seed: int = 0) -> None:
    """Write the sample data set of this name, in the layout of the published data.

    Args:
        name: A key of ``SAMPLES``.
        folder: An existing, empty folder.
        seed: Another seed gives another sample of the same kind.

    Raises:
        UserError: There is no sample of this name.
    """
    if name not in SAMPLES:
        raise UserError(f"There is no sample {name!r}; there are: {', '.join(SAMPLES)}.")
    SAMPLES[name](folder, seed)
