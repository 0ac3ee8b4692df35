"""split: decides, once and in a file, which items train, which choose and which judge."""

import pandas as pd

from onecycle.errors import UserError
from onecycle.foreign import write_csv
from onecycle.paths import Paths, remove, whole, write_json
from onecycle.progress import say
from onecycle.splits import leaks, limits, moving, splitters
from onecycle.splits.audit import Audit, audit

Params = splitters.Params


def run(paths: Paths, params: Params) -> None:
    """Writes `split.parquet` (id, split), `leaks.parquet`, `split.json`, labels' counts and folds.

    Raises:
        UserError: train or valid is empty, the items can't be split so, or too many leak;
            `leaks.parquet` then names them.
    """
    remove(paths.data("split.parquet"))  # without DVC an older one would outlive a failure
    items = pd.read_parquet(paths.data("items.parquet"))
    file = paths.data("pixels") / "prints.parquet"
    prints = pd.read_parquet(file) if file.exists() else None
    parts = pd.Series(splitters.divide(items, params, paths.data("raw")), dtype=object)
    split = pd.DataFrame({"id": items["id"], "split": parts}).dropna(subset="split")
    moved: dict[str, int] = {}
    if params.leaks.duplicates == "to_train":
        split, moved = moving.to_train(items, split, prints, params.leaks.bits)
        say(f"moved {moved['valid']:,} items of valid and {moved['test']:,} of test: duplicates")
    _refuse(paths, items, split, params)
    found = audit(items, split, prints, params.leaks.bits, float(getattr(params, "gap", 0)))
    with whole(paths.data("leaks.parquet")) as partial:
        found.rows.to_parquet(partial, index=False)
    counts = leaks.counts(split)
    kinds = _tallies(found, params, counts["valid"] + counts["test"])
    too_many = limits.over(found.rows, kinds)
    if too_many:
        raise UserError(f"{paths.data('leaks.parquet')}: " + "\n".join(too_many))
    shared = leaks.shared_groups(items, split)
    first = {"shared_groups": len(shared), "first": shared[:20]}
    report = {
        "by": params.by,
        "counts": counts,
        "left_out": len(items) - len(split),
        "groups": leaks.groups(items, split),
        "leaks": first | {"kinds": kinds, "cut": found.cut, "moved": moved},
    }
    with whole(paths.report("split")) as partial:
        partial.mkdir()
        write_csv(partial / "labels.csv", label_counts(items, split))
        folds = splitters.fold_table(items, params)
        if folds is not None:
            write_csv(partial / "folds.csv", folds)
    write_json(paths.report("split.json"), report)
    with whole(paths.data("split.parquet")) as partial:
        split.reset_index(drop=True).to_parquet(partial, index=False)
    say(", ".join(f"{part} {n:,}" for part, n in counts.items()))
    for kind, tally in kinds.items():
        say(f"leaks, {kind}: {tally['found']:,} of {tally['of']:,} items of valid and test")


def _refuse(paths: Paths, items: pd.DataFrame, split: pd.DataFrame, params: Params) -> None:
    """Refuses a split that can't be learnt from or watched."""
    counts = leaks.counts(split)
    for part in ("train", "valid"):
        if not counts[part]:
            raise UserError(f"{paths.data('split.parquet')}: {part} would be empty; see {params!r}")
    unlearnt = leaks.unlearnt_labels(items, split)
    if unlearnt:
        wrong = leaks.having(items, split, unlearnt)
        raise UserError(
            f"{paths.data('split.parquet')}: labels {unlearnt[:5]} would be in valid or test, but "
            f"in no item of train: {len(wrong):,} items, such as {wrong[:3]}; split by: "
            "stratified, or leave their items out"
        )


def _tallies(found: Audit, params: Params, judged: int) -> dict[str, dict[str, int | float | None]]:
    """Of each kind that could be looked for: leaks found, items looked at, the limit's share."""
    counts = found.rows["kind"].value_counts()
    return {
        kind: {
            "found": int(counts.get(kind, 0)),
            "of": judged,
            "limit": params.leaks.limit(kind, params.by),
        }
        for kind in found.kinds
    }


def label_counts(items: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """How often each label or rating occurs in each part; empty for points."""
    listed = items.drop(columns="split").merge(split, on="id")[["y", "split"]]
    rows = listed.explode("y")
    is_number = pd.api.types.is_float_dtype(rows["y"].infer_objects())
    if is_number and (len(rows) > len(listed) or rows["y"].nunique() > 20):
        rows = rows.iloc[:0]
    table = rows.groupby(["y", "split"]).size().rename("items").reset_index()
    return table.rename(columns={"y": "label"})
