"""Rows at random, and rows at random with every label in proportion."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from onecycle.splits import iterative
from onecycle.splits.splitter import Ints, Parts, Splitter, evenly, numbered, parts_of, strata


class Shares(Splitter):
    """What random and stratified share.

    Attributes:
        valid: share of the rows, 0 to 1.
        test: share of the rows, 0 to 1.
        seed: of the draw.
    """

    valid: float = Field(0.2, gt=0, lt=1)
    test: float = Field(0.2, ge=0, lt=1)
    seed: int = Field(42, ge=0)

    @model_validator(mode="after")
    def _leaves_some(self) -> "Shares":
        if self.valid + self.test >= 1:
            raise ValueError("expected valid + test below 1, so that train keeps some rows")
        return self


class Random(Shares):
    """Rows at random.

    Attributes:
        valid: share of the rows, 0 to 1.
        test: share of the rows, 0 to 1.
        seed: of the draw.
        hashed: a row's part hangs on its id and the seed alone: rows that are added or removed
            move no other. Shares are then met in expectation only.
    """

    by: Literal["random"]
    hashed: bool = False


class Stratified(Shares):
    """Rows at random, every label in proportion: also each of a row's many labels.

    Attributes:
        valid: share of the rows, 0 to 1.
        test: share of the rows, 0 to 1.
        seed: of the draw.
    """

    by: Literal["stratified"]


def random(items: pd.DataFrame, params: Random) -> Parts:
    """Splits rows at random."""
    if params.hashed:
        place = numbered(items["id"], params.seed, "row")
        is_test = place < params.test
        return parts_of(is_test, ~is_test & (place < params.test + params.valid))
    return in_proportion(np.zeros(len(items), int), params.valid, params.test, params.seed)


def stratified(items: pd.DataFrame, params: Stratified) -> Parts:
    """Splits rows at random, every label in proportion."""
    return by_labels(items["y"], params.valid, params.test, params.seed)


def by_labels(y: "pd.Series[Any]", valid: float, test: float, seed: int) -> Parts:
    """Splits rows so that every label, or each of many, has its share of every part.

    The parts of all rows are their shares, rounded. A single label's share of test is met to
    within one row, of valid to within two; of many labels, each as near as the others allow.
    """
    if not many(y):
        return in_proportion(strata(y), valid, test, seed)
    n = len(y)
    sizes = [round(n * valid), round(n * test)]
    part = iterative.assign(names(y), [n - sum(sizes), *sizes], seed)
    return parts_of(part == 2, part == 1)


def many(y: "pd.Series[Any]") -> bool:
    """Whether rows have any number of labels, rather than one label, a rating or a point."""
    return any(not isinstance(each, str | float) and is_named(each) for each in y)


def names(y: "pd.Series[Any]") -> list[list[str]]:
    """The labels of each row, where `many`."""
    return [list(each) for each in y]


def is_named(y: Any) -> bool:  # noqa: ANN401 - a row's labels, or a point
    """Whether a row's list holds labels."""
    return any(isinstance(each, str) for each in y)


def in_proportion(strata: Ints, valid: float, test: float, seed: int) -> Parts:
    """Shuffles rows, lays them out stratum by stratum, and takes each part at even distances.

    So the whole gets its shares rounded, every stratum its share of test to within one row, and
    of valid, which is taken from what test leaves, to within two.
    """
    n = len(strata)
    shuffled = np.random.default_rng(seed).permutation(n)
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    test_of_order = evenly(n, round(n * test))
    rest = order[~test_of_order]
    is_test, is_valid = np.zeros((2, n), dtype=bool)
    is_test[order[test_of_order]] = True
    is_valid[rest[evenly(len(rest), round(n * valid))]] = True
    return parts_of(is_test, is_valid)
