"""split: decides, once and in a file, which items train, which choose and which judge."""

import pandas as pd

from onecycle.errors import UserError
from onecycle.paths import Paths, whole, write_json
from onecycle.progress import say
from onecycle.splits import leaks, splitters

Params = splitters.Params


def run(paths: Paths, params: Params) -> None:
    """Writes `split.parquet` (id, split), `split.json`, labels' counts and the table of folds.

    Raises:
        UserError: train or valid is empty, or the items can't be split so.
    """
    items = pd.read_parquet(paths.data("items.parquet"))
    parts = pd.Series(splitters.divide(items, params, paths.data("raw")), dtype=object)
    split = pd.DataFrame({"id": items["id"], "split": parts}).dropna(subset="split")
    counts = leaks.counts(split)
    for part in ("train", "valid"):
        if not counts[part]:
            raise UserError(f"{paths.data('split.parquet')}: {part} would be empty; see {params!r}")
    unlearnt = leaks.unlearnt_labels(items, split)
    if unlearnt:
        raise UserError(
            f"{paths.data('split.parquet')}: labels {unlearnt[:5]} would be in valid or test, but "
            "in no item of train: split by: stratified, or leave their items out"
        )
    shared = leaks.shared_groups(items, split)
    report = {
        "by": params.by,
        "counts": counts,
        "left_out": len(items) - len(split),
        "groups": leaks.groups(items, split),
        "leaks": {"shared_groups": len(shared), "first": shared[:20]},
    }
    with whole(paths.report("split")) as partial:
        partial.mkdir()
        label_counts(items, split).to_csv(partial / "labels.csv", index=False)
        folds = splitters.fold_table(items, params)
        if folds is not None:
            folds.to_csv(partial / "folds.csv", index=False)
    write_json(paths.report("split.json"), report)
    with whole(paths.data("split.parquet")) as partial:
        split.reset_index(drop=True).to_parquet(partial, index=False)
    say(", ".join(f"{part} {n:,}" for part, n in counts.items()))
    if shared:
        say(f"{len(shared)} groups are in more than one part: the score will flatter")


def label_counts(items: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """How often each label or rating occurs in each part; empty for points."""
    listed = items.drop(columns="split").merge(split, on="id")[["y", "split"]]
    rows = listed.explode("y")
    is_number = pd.api.types.is_float_dtype(rows["y"].infer_objects())
    if is_number and (len(rows) > len(listed) or rows["y"].nunique() > 20):
        rows = rows.iloc[:0]
    table = rows.groupby(["y", "split"]).size().rename("items").reset_index()
    return table.rename(columns={"y": "label"})
