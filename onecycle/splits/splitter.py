"""What every splitter is made of: its parameters' base, and draws that depend on a seed alone."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import Field

from onecycle.params import Section
from onecycle.splits.limits import Leaks

Parts = list[str | None]
Bools = np.ndarray[tuple[int], np.dtype[np.bool_]]
Ints = np.ndarray[tuple[int], np.dtype[np.int64]]
Floats = np.ndarray[tuple[int], np.dtype[np.float64]]


class Splitter(Section):
    """What all splitters share.

    Attributes:
        calib: share of valid, 0 to 1, that is set aside for the decision to be fitted on: neither
            training nor the choice of epochs sees it. Train and test stay as they are.
        leaks: how much may leak across the split before the stage fails.
    """

    calib: float = Field(0.0, ge=0, lt=1)
    leaks: Leaks = Leaks()

    def limit(self, kind: str) -> float | None:
        """How much of a kind of leak there may be, 0 to 1; null is only counted."""
        found: float | None = getattr(self.leaks, kind)
        return found

    def beside(self, raw: Path | None) -> "Splitter | Self":
        """These parameters with the files read that they name in the raw data; most name none."""
        return self


def parts_of(is_test: Bools, is_valid: Bools) -> Parts:
    """Names each row's part, where the two masks [n] share no row."""
    names = np.full(len(is_test), "train", dtype=object)
    names[is_test], names[is_valid] = "test", "valid"
    return names.tolist()


def clips(items: pd.DataFrame) -> Ints:
    """A number for each row's group, from 0; a row without a group is its own, int64 [n]."""
    code = pd.factorize(items["group"].to_numpy(dtype=object))[0].astype(np.int64)
    alone = code < 0
    code[alone] = code.max(initial=-1) + 1 + np.arange(alone.sum())
    return code


def evenly(n: int, count: int) -> Bools:
    """Marks `count` of n places, bool [n], spread evenly."""
    marks = np.round(np.arange(n + 1) * (count / max(n, 1)))
    return np.diff(marks) > 0


def numbered(names: Iterable[object], seed: int, use: str) -> Floats:
    """A number in [0, 1) for each name, which hangs on the name, the seed and the use alone.

    So rows drawn by it stay where they are, whatever rows come to them or go.

    Args:
        names: of rows or groups.
        seed: of the draw.
        use: what it is drawn for: draws for two uses are independent.

    Returns:
        The first 53 bits of each name's BLAKE2b, as a share of 2^53, float64 [n].
    """
    start = hashlib.blake2b(digest_size=8, key=f"{seed}".encode(), person=use.encode())
    digests = bytearray()
    for name in names:
        digest = start.copy()
        digest.update(str(name).encode("utf-8", "surrogatepass"))
        digests += digest.digest()
    shares = (np.frombuffer(bytes(digests), ">u8") >> np.uint64(11)) / float(1 << 53)
    return shares.astype(np.float64)


def strata(y: "pd.Series[Any]") -> Ints:
    """A number for each row that is equal where the label or rating is; points are all alike."""
    plain = [str(each) if isinstance(each, str | float) else "" for each in y]
    return pd.factorize(np.asarray(plain, dtype=object), sort=True)[0].astype(np.int64)
