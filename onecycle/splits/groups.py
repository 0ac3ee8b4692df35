"""Whole groups: people, patients, places."""

from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from onecycle.errors import UserError
from onecycle.params import nearest
from onecycle.splits.splitter import Bools, Ints, Parts, Splitter, numbered, parts_of

Wanted = list[str] | Annotated[float, Field(gt=0, lt=1)]


class Group(Splitter):
    """Whole groups: people, patients, places. A group is never divided.

    Attributes:
        valid: names of groups, or the share of the remaining groups, 0 to 1.
        test: names of groups, or the share of all groups, 0 to 1.
        seed: of the draw of shares.
        hashed: a group's part hangs on its name and the seed alone: groups that are added or
            removed move no other. Shares are then met in expectation only.
    """

    by: Literal["group"]
    valid: Wanted = 0.2
    test: list[str] | Annotated[float, Field(ge=0, lt=1)] = 0.2
    seed: int = Field(42, ge=0)
    hashed: bool = False

    @model_validator(mode="after")
    def _apart(self) -> "Group":
        named = [each for each in (self.valid, self.test) if isinstance(each, list)]
        both = set(named[0]) & set(named[1]) if len(named) == 2 else set()
        if both or self.valid == []:
            raise ValueError(f"expected groups for valid, none of them in test too: {sorted(both)}")
        return self


def group(items: pd.DataFrame, params: Group) -> Parts:
    """Splits whole groups; rows without a group are refused.

    Raises:
        UserError: a row has no group, a name is no group or in two parts, or a part would be empty.
    """
    code, names = coded(items, params.by)
    generator = np.random.default_rng(params.seed)
    is_test = choose(names, params.test, "test", params.seed, generator, params.hashed)
    rest = [name for name, taken in zip(names, is_test, strict=True) if not taken]
    is_valid = np.zeros(len(names), dtype=bool)
    is_valid[~is_test] = choose(rest, params.valid, "valid", params.seed, generator, params.hashed)
    return parts_of(is_test[code], is_valid[code])


def coded(items: pd.DataFrame, by: str) -> tuple[Ints, list[str]]:
    """The groups, sorted, and for each row the place of its own among them, int64 [n].

    Raises:
        UserError: a row has no group.
    """
    if items["group"].isna().any():
        first = items.loc[items["group"].isna(), "id"].iloc[0]
        raise UserError(f"split.by: {by}, but item '{first}' has no group; set prepare.group")
    code, names = pd.factorize(items["group"].to_numpy(dtype=object), sort=True)
    return code.astype(np.int64), [str(name) for name in names]


def choose(
    names: list[str],
    wanted: list[str] | float,
    part: str,
    seed: int,
    generator: np.random.Generator,
    hashed: bool,
) -> Bools:
    """Marks the groups of a part: those named, or a share of `names` drawn at random, at least one.

    Raises:
        UserError: a name is none of them, or none would be left.
    """
    if isinstance(wanted, list):
        known = set(names)
        for name in wanted:
            if name not in known:
                raise UserError(
                    f"split.{part}: no group '{name}' to be had; {nearest(name, names)}"
                )
        return np.isin(np.array(names, dtype=object), wanted)
    if hashed:
        return numbered(names, seed, part) < wanted
    count = max(1, round(len(names) * wanted)) if wanted else 0
    if count >= len(names):
        raise UserError(f"split.{part}: {wanted} of {len(names)} groups leaves none for train")
    chosen = np.zeros(len(names), dtype=bool)
    chosen[generator.permutation(len(names))[:count]] = True
    return chosen
