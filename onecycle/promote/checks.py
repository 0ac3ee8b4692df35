"""What keeps two models from being compared: data that are missing, other test items, overlap."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from onecycle.promote.side import JUDGED, Side
from onecycle.report.words import count
from onecycle.tables import content_sha256

TRUTH = {"y": "labels", "x": "inputs", "group": "groups"}
MOST_MET = 0.01
"""Share of test that may be left out, for another part has the same; `split.leaks`' own limit."""


def reasons(champion: Side | None, challenger: Side) -> Iterator[str]:
    """All of them, in sentences."""
    for side, who in ((challenger, "the challenger"), (champion, "the champion")):
        if side is not None:
            yield from missing(side, who)
            yield from overlap(side, who)
    if champion is not None:
        yield from different(champion, challenger)


def missing(side: Side, who: str) -> Iterator[str]:
    """What a side lacks that it should have been judged by."""
    judged, there = side.judged, set(side.ids)
    if not judged:
        yield f"{who} has no test part: it was judged by items on which its training was watched"
        return
    if judged != there or len(there) != len(side.ids):
        yield (
            f"{who} lacks predictions: {len(judged):,} items are test, {len(judged & there):,} of "
            f"them and {len(there - judged):,} others were predicted"
        )
    if not np.isfinite(side.scores).all():
        yield f"{who} has scores that are not finite"
    if side.predictions["y"].null_count:
        yield f"{who} was judged by items without a label"


def overlap(side: Side, who: str) -> Iterator[str]:
    """What of test a side has met in another part; an item in two parts, or many equal ones."""
    learnt = set(side.split.loc[side.split["split"] != JUDGED, "id"])
    both = sorted(side.judged & learnt)
    if both:
        found = count(len(both), "item")
        yield f"{who} has learnt from {found} of test, such as {both[0]}"
    if len(side.met) > MOST_MET * max(1, len(side.judged)):
        yield (
            f"{who} has met {count(len(side.met), 'item')} of {len(side.judged):,} of test in "
            "another part, by the same file or the same user and item; "
            "split.leaks.duplicates: to_train moves them"
        )


def different(champion: Side, challenger: Side) -> Iterator[str]:
    """How the two test sets differ."""
    if champion.kind != challenger.kind:
        yield f"the champion's target is of kind {champion.kind}, not {challenger.kind}"
        return
    old, new = champion.judged, challenger.judged
    if old != new:
        learnt = set(challenger.split.loc[challenger.split["split"] != JUDGED, "id"])
        yield (
            f"the test sets differ: {len(old):,} items, {len(new):,} of the challenger, "
            f"{len(old & new):,} in both; of the champion's the challenger learnt from "
            f"{len(old & learnt):,}. Keep them: split.by: files lists a test set that stays"
        )
        return
    if champion.ids != challenger.ids:
        return  # `missing` has told
    for column, what in TRUTH.items():
        one, other = (each.predictions.select([column]) for each in (champion, challenger))
        if content_sha256(one) != content_sha256(other):
            pairs = zip(one[column].to_pylist(), other[column].to_pylist(), strict=True)
            first = [at for at, (a, b) in enumerate(pairs) if a != b]
            yield (
                f"the test sets differ: {what} of {count(len(first), 'item')}, such as "
                f"{champion.ids[first[0]]}"
                if first
                else f"the test sets differ: {what} are of another type"
            )
    old_files, new_files = (each.prints.reindex(each.ids) for each in (champion, challenger))
    changed = old_files.index[(old_files != new_files) & old_files.notna() & new_files.notna()]
    if len(changed):
        yield f"the test sets differ: files of {count(len(changed), 'item')}, such as {changed[0]}"


def cautions(champion: Side | None, challenger: Side) -> list[str]:
    """What hangs on the challenger beside its numbers."""
    said = []
    code = challenger.lineage.get("code", {})
    if code.get("changed") or not code.get("commit"):
        said.append("its code was in no commit: nobody can train it again from its lineage")
    if champion is not None:
        kinds = [each.lineage.get("trained_on", {}).get("kind") for each in (champion, challenger)]
        if kinds[0] != kinds[1]:
            said.append(f"it was trained on {kinds[1]}, the champion on {kinds[0]}")
    return said


def test_sha256(side: Side) -> str:
    """Of the judged items and their truth: the same where two were judged by the same."""
    return content_sha256(side.predictions.select(["id", *TRUTH]))
