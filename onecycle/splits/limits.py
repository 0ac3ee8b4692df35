"""How much of each kind of leak a split may have, and what is said where it has more."""

from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from onecycle.foreign import one_line
from onecycle.params import Section

Share = Annotated[float, Field(ge=0, le=1)]
REMEDY = {
    "group": "split by: group keeps groups whole",
    "identical": "split.leaks.duplicates: to_train moves them to one side",
    "near": "split.leaks.duplicates: to_train moves them to one side",
    "pair": "split.leaks.duplicates: to_train moves them to one side",
    "time": "split by: time puts later items into later parts",
}
SAYS = {
    "group": "share their group with",
    "identical": "are the same file as",
    "near": "look like",
    "pair": "are the same user and film as",
    "time": "overlap in time with",
}


class Leaks(Section):
    """Limits of the leak audit: shares of the items of valid and test, 0 to 1; null only counts.

    A leak is an item of valid, calib or test with a counterpart in a part before its own, the
    order being train, valid, calib, test. Calib's items count among those of valid and test.

    Attributes:
        group: with one of the same group. Null, if not given, where `whole_groups: false` says so.
        identical: with a file of the same bytes.
        near: with a picture that looks the same, or like its mirror image, by other bytes.
        pair: with a rating of the same user and item: names that differ in case, width, spaces or
            as 7 and 007 and 7.0 do, or items of the same title. MovieLens-100k has 18 films twice.
        time: earlier than the latest counterpart, or sooner after it than split.gap. Of all items,
            and 0 if not given, where split.by is time; else within a group (a clip, a person).
        bits: of 256, in which two pictures' hashes may differ to look the same.
        duplicates: to_train moves items of later parts that are identical, near or a pair to
            where their counterpart is, and along chains of such; so test never grows. Groups that
            are on one side go along; a fold's test then lacks what folds.csv still counts to it.
    """

    group: Share | None = 0.0
    identical: Share | None = 0.01
    near: Share | None = 0.01
    pair: Share | None = 0.01
    time: Share | None = None
    bits: int = Field(40, ge=0, le=64)
    duplicates: Literal["leave", "to_train"] = "leave"


def over(
    rows: pd.DataFrame, kinds: dict[str, dict[str, Any]], parts: str = "valid and test"
) -> list[str]:
    """What is over its limit, in sentences.

    Args:
        rows: of the audit: `kind id split other other_split`.
        kinds: `found`, `of`, `limit` of each.
        parts: those after train, in words.
    """
    said = []
    for kind, tally in kinds.items():
        if tally["limit"] is None or not tally["found"]:
            continue
        if tally["found"] / tally["of"] <= tally["limit"]:
            continue
        first = rows[rows["kind"] == kind].head(3)
        pairs = "; ".join(
            one_line(f"'{row.id}' ({row.split}) and '{row.other}' ({row.other_split})")
            for row in first.itertuples(index=False)
        )
        said.append(
            f"{tally['found']:,} of {tally['of']:,} items of {parts} {SAYS[kind]} an item "
            f"across the split, more than split.leaks.{kind} {100 * tally['limit']:g} %: {pairs}. "
            f"{REMEDY[kind]}; or raise split.leaks.{kind} knowingly"
        )
    return said
