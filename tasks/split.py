"""split: decides, once and in a file, which items train, which choose and which judge."""

import pandas as pd

from onecycle.errors import UserError
from onecycle.foreign import write_csv
from onecycle.paths import Paths, remove, whole, write_json
from onecycle.progress import say
from onecycle.splits import checked, leaks, splitters
from onecycle.tables import joined, read_items, write

Params = splitters.Params


def run(paths: Paths, params: Params) -> None:
    """Writes `split.parquet` (id, split), `leaks.parquet`, `split.json`, labels' counts and folds.

    Raises:
        UserError: train or valid is empty, the items can't be split so, or too many leak;
            `leaks.parquet` then names them.
    """
    remove(paths.data("split.parquet"))  # without DVC an older one would outlive a failure
    items = read_items(paths.data("items.parquet"))
    prints = checked.read_prints(paths.data("pixels"))
    split, moved = checked.divide(items, params, prints, paths.data("raw"))
    if moved:
        gave = ", ".join(f"{n:,} of {part}" for part, n in moved.items())
        say(f"moved duplicates: {gave}")
    _refuse(paths, items, split, params, moved)
    found = checked.check(items, split, params, prints)
    with whole(paths.data("leaks.parquet")) as partial:
        write(found.audit.rows, partial)
    if found.over:
        raise UserError(f"{paths.data('leaks.parquet')}: " + "\n".join(found.over))
    counts = leaks.counts(split)
    shared = leaks.shared_groups(items, split)
    first = {"shared_groups": len(shared), "first": shared[:20]}
    report = {
        "by": params.by,
        "counts": counts,
        "left_out": len(items) - len(split),
        "groups": leaks.groups(items, split),
        "leaks": first | {"kinds": found.kinds, "cut": found.audit.cut, "moved": moved},
    }
    with whole(paths.report("split")) as partial:
        partial.mkdir()
        write_csv(partial / "labels.csv", label_counts(items, split))
        folds = splitters.fold_table(items, params)
        if folds is not None:
            write_csv(partial / "folds.csv", folds)
    write_json(paths.report("split.json"), report, sealed=True)
    with whole(paths.data("split.parquet")) as partial:
        write(split, partial)
    say(", ".join(f"{part} {n:,}" for part, n in counts.items()))
    for kind, tally in found.kinds.items():
        about = f"{tally['found']:,} of {tally['of']:,} items of {leaks.later(counts)}"
        say(f"leaks, {kind}: {about}")


def _refuse(
    paths: Paths,
    items: pd.DataFrame,
    split: pd.DataFrame,
    params: Params,
    moved: dict[str, int],
) -> None:
    """Refuses a split that can't be learnt from or watched, or that moving took the test from."""
    counts, file = leaks.counts(split), paths.data("split.parquet")
    needed = {"train", "valid"}
    needed |= {"calib"} if params.calib else set()
    needed |= {"test"} if params.by in splitters.FOLDS else set()
    for part in leaks.PARTS:
        if not counts.get(part) and moved.get(part):
            raise UserError(
                f"{file}: all {moved[part]:,} items of {part} are duplicates, or linked by chains "
                "of such, and would be moved; split by: group, or lower split.leaks.bits"
            )
        if not counts.get(part) and part in needed:
            raise UserError(f"{file}: {part} would be empty; see {params!r}")
    unlearnt = leaks.unlearnt_labels(items, split)
    if unlearnt:
        wrong = leaks.having(items, split, unlearnt)
        later = leaks.later(counts, "or")
        raise UserError(
            f"{paths.data('split.parquet')}: labels {unlearnt[:5]} would be in {later}, but "
            f"in no item of train: {len(wrong):,} items, such as {wrong[:3]}; split by: "
            "stratified, or leave their items out"
        )


def label_counts(items: pd.DataFrame, split: pd.DataFrame) -> pd.DataFrame:
    """How often each label or rating occurs in each part; empty for points."""
    listed = joined(items[["id", "y"]], split)[["y", "split"]]
    rows = listed if pd.api.types.is_float_dtype(listed["y"]) else listed.explode("y")
    is_number = pd.api.types.is_float_dtype(rows["y"].infer_objects())
    if is_number and (len(rows) > len(listed) or rows["y"].nunique() > 20):
        rows = rows.iloc[:0]
    table = rows.groupby(["y", "split"]).size().rename("items").reset_index()
    return table.rename(columns={"y": "label"})
