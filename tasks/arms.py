"""One training of a study, kept in a folder whose name hangs on all that decides what it gives.

So a study that was killed goes on where it was, and studies that train the same share it. The
folders lie in `.onecycle/studies/`, which no stage reads and which may be deleted at any time.
"""

import os
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import ValidationError

from onecycle import tables
from onecycle.errors import UserError
from onecycle.learn import assemble, checkpoint, device, identity, lr_finder
from onecycle.learn.checkpoint import Checkpoints
from onecycle.learn.datasets import Dataset
from onecycle.learn.learner import Learner
from onecycle.params import explain
from onecycle.paths import Paths, home, read_json, sha256, whole, write_json
from onecycle.splits import checked
from onecycle.studies import outcome
from onecycle.studies.arm import Arm
from onecycle.studies.outcome import Part
from onecycle.tables import joined, read_frame, read_items
from tasks import lr_find, train
from tasks.problems import Problem

CODE = ("blocks", "items", "learn", "pixels", "splits")  # of onecycle: what decides a training
PACKAGES = ("torchvision", "pandas", "scikit-learn", *(["timm"] if find_spec("timm") else []))
COLUMNS = ["id", "x", "y", "group"]
UNKNOWN = "unknown"  # the part of labels that were held out


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        problem: its name.
        root: the working tree.
        arm: whose it is.
        sections: of the problem, with the arm's changes, a seed and a fold.
        threads: of torch.
        own_split: whether the split is made anew, in place of split.parquet.
        store: the folder that keeps trainings.
        key: of this one's own folder there.
        range_key: of the range test that it may share with others.
    """

    problem: str
    root: Path
    arm: Arm
    sections: dict[str, Any]
    threads: int
    own_split: bool
    store: Path
    key: str
    range_key: str

    @property
    def folder(self) -> Path:
        """Where it lies once it is done."""
        return self.store / self.key

    @property
    def done(self) -> bool:
        """Whether it has been trained before."""
        return (self.folder / outcome.TOLD).exists()


def jobs(paths: Paths, arm: Arm, asked: Mapping[str, Any], seed: int, threads: int) -> list[Job]:
    """The trainings of an arm for one seed: one, or one for each fold."""
    store = home() / "studies" / paths.problem
    base = {"data": identity.data(paths), "code": _code(), "made": _made(), "threads": threads}
    base |= {"held_out": arm.held_out, "many": arm.many}
    found = []
    for fold in range(arm.folds) if arm.folds else [None]:
        sections = arm.sections(asked, seed, fold)
        _check(arm, sections)
        own = sections["split"] != asked["split"]
        split = sections["split"] if own else sha256(paths.data("split.parquet"))
        tested = base | {"split": split, "learner": sections["learner"]}
        tested["weights"] = assemble.unbound_weights(sections["learner"])
        test = sections["lr_find"]  # of the same curve any suggestion can be taken
        range_key = identity.key(tested | {"lr_find": {**test, "suggestion": None}})
        key = identity.key(tested | {"lr_find": test, "train": sections["train"]})
        found.append(
            Job(paths.problem, paths.root, arm, sections, threads, own, store, key, range_key)
        )
    return found


def _check(arm: Arm, sections: dict[str, Any]) -> None:
    try:
        Problem.model_validate(sections)
    except ValidationError as error:
        raise UserError("\n".join([f"arm '{arm.name}':", *explain(error, sections)])) from None


def run(job: Job) -> Path:
    """Trains, unless that was done before; gives the folder.

    A training that was killed goes on from its checkpoint. One that gives no model, such as one
    whose loss is not finite, is kept as that.

    Raises:
        UserError: the split can't be made, the weights can't be had, or a file is missing.
    """
    if job.done:
        return job.folder
    at_once = max(checkpoint.OTHERS, os.cpu_count() or 1)  # so many a kill may have broken off
    with checkpoint.opened(job.folder.with_suffix(".checkpoints"), at_once) as kept:
        if job.done:  # by another study meanwhile
            return job.folder
        with whole(job.folder, of="training") as partial:
            partial.mkdir()
            with (partial / "log.txt").open("w", encoding="utf-8") as log, redirect_stdout(log):
                _train(job, partial, kept)
        kept.clear()
    return job.folder


def _train(job: Job, folder: Path, kept: Checkpoints) -> None:
    problem, paths = Problem.model_validate(job.sections), Paths(job.problem, job.root)
    parts, unknown, target = _parts(job, problem, paths)
    device.use_threads(job.threads)

    def fresh() -> Learner:
        made = assemble.of_parts(paths, parts, target, problem.learner)
        made.watched = []
        return made

    learner = fresh()
    found = _range_test(job, problem, learner)
    told: dict[str, Any] = {"found": found, "history": [], "phases": [], "failed": None}
    made = iter([learner])  # a range test leaves no trace
    try:
        learner, told["phases"] = train.train(
            lambda: next(made, None) or fresh(), problem.train, found, kept
        )
        told["history"] = learner.history
    except UserError as error:
        told["failed"] = str(error)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    told["seconds"], told["cpu_s"] = kept.spent()
    told["precision"] = learner.compute.precision
    judged: dict[str, Part] = {}
    if not told["failed"]:
        for name in [name for name in learner.data.parts if name != "train"]:
            judged[name] = _judged(learner, learner.data.parts[name])
        order = np.argsort(parts["valid"]["id"].to_numpy(dtype=np.str_), kind="stable")
        valid = judged["valid"]
        seen = np.stack(learner.watched or [])[:, order]
        judged["valid"] = Part(**(valid.arrays() | {"epochs": seen}))
        if len(unknown):
            judged[UNKNOWN] = _judged(learner, _without_y(learner, unknown))
    outcome.write(folder, judged, told)


def _parts(
    job: Job, problem: Problem, paths: Paths
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, str]:
    """The parts' items, those of labels held out, and the target's name."""
    table = read_items(paths.data("items.parquet"))
    split = _split(job, problem, paths, table)
    rows = joined(table[COLUMNS], split)
    target = assemble.target_of(paths.data("items.parquet"))
    strange = rows["y"].isin(job.arm.held_out) if job.arm.held_out else rows["y"].isna() & False
    judged = "test" if (rows["split"] == "test").any() else "valid"
    unknown = rows[strange & (rows["split"] == judged)].reset_index(drop=True)
    rows = rows[~strange]
    if job.arm.many:
        rows, target = rows.assign(y=rows["y"].map(lambda label: [label])), "multicategory"
    parts = {str(part): each.reset_index(drop=True) for part, each in rows.groupby("split")}
    return parts, unknown, target


def _split(job: Job, problem: Problem, paths: Paths, items: pd.DataFrame) -> pd.DataFrame:
    """`id split`: of split.parquet, or made for the arm and audited as the stage does it.

    Raises:
        UserError: more leaks than the section's limits allow.
    """
    if not job.own_split:
        return read_frame(paths.data("split.parquet"))
    prints = checked.read_prints(paths.data("pixels"))
    split, _ = checked.divide(items, problem.split, prints, paths.data("raw"))
    over = checked.check(items, split, problem.split, prints).over
    if over:
        raise UserError(f"arm '{job.arm.name}': " + "\n".join(over))
    return split


def _range_test(job: Job, problem: Problem, learner: Learner) -> dict[str, Any]:
    """What lr.json would say, and the curve; null suggestions where no phase asks for a rate."""
    phases = problem.train.frozen, problem.train.unfrozen
    if not any(phase.epochs and phase.lr == "find" for phase in phases):
        return {"used": None, "reason": "no phase asks for a rate"}
    file = job.store / f"range-{job.range_key}.json"
    try:
        points = read_json(file)
    except (FileNotFoundError, ValueError):  # none yet, or a damaged one
        curve = vars(lr_find.test(learner, problem.lr_find))
        points = {name: _known(values) for name, values in curve.items()}
        write_json(file, points, sealed=True)
    found = {name: np.array(each, dtype=np.float64) for name, each in points.items()}
    chosen = lr_finder.choose(problem.lr_find, lr_finder.Curve(**found))
    return chosen | {"curve": {name: _known(found[name]) for name in ("rates", "smooth")}}


def _known(values: lr_finder.Floats) -> list[float | None]:
    """As JSON has them: null in the place of what is not finite."""
    return [each if np.isfinite(each) else None for each in values.tolist()]


def _judged(learner: Learner, part: Dataset) -> Part:
    """A part as the model judges it, by id."""
    ids = part.items["id"].to_numpy(dtype=np.str_)
    order, groups = np.argsort(ids, kind="stable"), part.groups
    return Part(
        ids[order],
        part.y.numpy()[order],
        learner.predict(part)[order],
        None if groups is None else groups[order],
        None if part.size_px is None else part.size_px[order],
    )


def _without_y(learner: Learner, items: pd.DataFrame) -> Dataset:
    """Examples whose targets the vocabulary lacks: only their inputs mean anything."""
    blocks = learner.data.blocks
    x = blocks.x.encode(items["id"].tolist(), items["x"])
    return Dataset(items, x, torch.zeros(len(items), dtype=torch.int64), blocks, None)


# ---- what decides a training ----


@cache
def _code() -> str:
    """Of the sources that decide a training."""
    modules = (tables, outcome, train, lr_find)
    return identity.code(CODE, (*(str(each.__file__) for each in modules), __file__))


def _made() -> dict[str, Any]:
    """Versions and device, but for the precision, which the recipe asks for."""
    made = device.made_with(device.choose("auto"), PACKAGES)
    return {**made, "threads": None}
