"""Splitters: from items to train, valid and test.

A splitter is a function from the items table and its parameters to one part for each row, or null
for a row that takes no part. Rows come sorted by id, so the order of the raw files decides nothing.
Each draws from a generator of its own: no global state is seeded.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from onecycle.errors import UserError
from onecycle.params import Section, nearest
from onecycle.splits.limits import Leaks

Parts = list[str | None]


class Splitter(Section):
    """What all splitters share.

    Attributes:
        leaks: how much may leak across the split before the stage fails.
    """

    leaks: Leaks = Leaks()


class Random(Splitter):
    """Rows at random.

    Attributes:
        valid: share of the rows, 0 to 1.
        test: share of the rows, 0 to 1.
        seed: of the draw.
    """

    by: Literal["random"]
    valid: float = Field(0.2, gt=0, lt=1)
    test: float = Field(0.2, ge=0, lt=1)
    seed: int = Field(42, ge=0)

    @model_validator(mode="after")
    def _leaves_some(self) -> "Random":
        if self.valid + self.test >= 1:
            raise ValueError("expected valid + test below 1, so that train keeps some rows")
        return self


class Stratified(Random):
    """Rows at random, every label in proportion; of several labels, each combination."""

    by: Literal["stratified"]  # type: ignore[assignment]


class Column(Splitter):
    """The data set's own split, as the items table has it.

    Attributes:
        valid: share of its train rows, 0 to 1, that becomes valid where it has no valid rows;
            every label in proportion.
        seed: of that draw.
    """

    by: Literal["column"]
    valid: float = Field(0.0, ge=0, lt=1)
    seed: int = Field(42, ge=0)


class Group(Splitter):
    """Whole groups: people, patients, places. A group is never divided.

    Attributes:
        valid: names of groups, or the share of the remaining groups, 0 to 1.
        test: names of groups, or the share of all groups, 0 to 1.
        seed: of the draw of shares.
    """

    by: Literal["group"]
    valid: list[str] | Annotated[float, Field(gt=0, lt=1)] = 0.2
    test: list[str] | Annotated[float, Field(ge=0, lt=1)] = 0.2
    seed: int = Field(42, ge=0)

    @model_validator(mode="after")
    def _apart(self) -> "Group":
        named = [each for each in (self.valid, self.test) if isinstance(each, list)]
        both = set(named[0]) & set(named[1]) if len(named) == 2 else set()
        if both or self.valid == []:
            raise ValueError(f"expected groups for valid, none of them in test too: {sorted(both)}")
        return self


Params = Annotated[Random | Stratified | Column | Group, Field(discriminator="by")]


def random(items: pd.DataFrame, params: Random) -> Parts:
    """Splits rows at random."""
    return _in_proportion([""] * len(items), params.valid, params.test, params.seed)


def stratified(items: pd.DataFrame, params: Stratified) -> Parts:
    """Splits rows at random, every label in proportion."""
    return _in_proportion(_strata(items["y"]), params.valid, params.test, params.seed)


def column(items: pd.DataFrame, params: Column) -> Parts:
    """Takes the data set's own split; rows that it does not name take no part.

    Raises:
        UserError: the items name no split, or have valid rows beside a share for valid.
    """
    parts: Parts = [part if isinstance(part, str) else None for part in items["split"]]
    if not any(parts):
        raise UserError("split.by: column, but the items have no split of their own; use random")
    if params.valid == 0:
        return parts
    if "valid" in parts:
        raise UserError("split.valid: the items have valid rows of their own; leave it at 0")
    train = [row for row, part in enumerate(parts) if part == "train"]
    drawn = _in_proportion(_strata(items["y"].iloc[train]), params.valid, 0, params.seed)
    for row, part in zip(train, drawn, strict=True):
        parts[row] = part
    return parts


def group(items: pd.DataFrame, params: Group) -> Parts:
    """Splits whole groups; rows without a group are refused.

    Raises:
        UserError: a row has no group, a name is no group or in two parts, or a part would be empty.
    """
    if items["group"].isna().any():
        first = items.loc[items["group"].isna(), "id"].iloc[0]
        raise UserError(f"split.by: group, but item '{first}' has no group; set prepare.group")
    names = sorted(items["group"].unique())
    generator = np.random.default_rng(params.seed)
    test = _choose(names, params.test, "test", generator)
    rest = [name for name in names if name not in test]
    valid = _choose(rest, params.valid, "valid", generator)
    part = dict.fromkeys(test, "test") | dict.fromkeys(valid, "valid")
    return [part.get(name, "train") for name in items["group"]]


SPLITTERS: dict[str, Callable[[pd.DataFrame, Any], Parts]] = {
    "random": random,
    "stratified": stratified,
    "column": column,
    "group": group,
}


def _in_proportion(strata: Sequence[str], valid: float, test: float, seed: int) -> Parts:
    """Shuffles rows, lays them out stratum by stratum, and takes each part at even distances.

    So the whole gets its shares rounded, every stratum its share of test to within one row, and
    of valid, which is taken from what test leaves, to within two.
    """
    shuffled = np.random.default_rng(seed).permutation(len(strata))
    order = shuffled[np.argsort(np.asarray(strata, dtype=object)[shuffled], kind="stable")]
    is_test = _evenly(len(order), round(len(order) * test))
    rest = order[~is_test]
    is_valid = _evenly(len(rest), round(len(order) * valid))
    parts: Parts = ["train"] * len(strata)
    for row in order[is_test]:
        parts[row] = "test"
    for row in rest[is_valid]:
        parts[row] = "valid"
    return parts


def _evenly(n: int, count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Marks `count` of n places, bool [n], spread evenly."""
    marks = np.round(np.arange(n + 1) * (count / max(n, 1)))
    return np.diff(marks) > 0


def _strata(y: pd.Series) -> list[str]:
    """A text for each row that is equal where the labels or ratings are; points are all alike."""
    return [_stratum(each) for each in y]


def _stratum(y: str | float | Sequence[str] | Sequence[float]) -> str:
    if isinstance(y, str | float):
        return str(y)
    return "\n".join(sorted(each for each in y if isinstance(each, str)))


def _choose(
    names: list[str], wanted: list[str] | float, part: str, generator: np.random.Generator
) -> list[str]:
    """The groups of a part: those named, or a share of `names` drawn at random, at least one."""
    if isinstance(wanted, list):
        for name in wanted:
            if name not in names:
                hint = nearest(name, names)
                raise UserError(f"split.{part}: no group '{name}' to be had; {hint}")
        return wanted
    count = max(1, round(len(names) * wanted)) if wanted else 0
    if count >= len(names):
        raise UserError(f"split.{part}: {wanted} of {len(names)} groups leaves none for train")
    return list(generator.permutation(names)[:count])
