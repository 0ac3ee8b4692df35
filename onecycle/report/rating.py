"""A number: its interval, and how far off each true value is."""

import pandas as pd

from onecycle.report import beside, by_activity, coverage, tastes
from onecycle.report.facts import Facts
from onecycle.report.parts import Answer, Section, Table
from onecycle.report.words import percent

asks = "Which number does {thing} get?"
trivial = "Always predicting train's mean"
worst = "furthest from the target"
BANDS = 10  # of the targets, where they are more than a few values
FEW = 20


def answer(row: pd.Series) -> Answer:
    """The number, the prediction and its bounds."""
    low, high = row["low"], row["high"]
    flaw = "" if low <= row["y"] <= high else "outside"
    return Answer(f"{row['y']:g}", f"{row['predicted']:.2f} [{low:.2f}, {high:.2f}]", flaw)


def frames(facts: Facts) -> dict[str, pd.DataFrame]:
    """How far off the numbers are: overall, and by the true value."""
    predictions = facts.predictions
    y, errors = predictions["y"], predictions["loss"]
    rows = pd.DataFrame({"target": y, "predicted": predictions["predicted"], "error": errors})
    rows["held"] = (predictions["low"] <= y) & (y <= predictions["high"])
    bands = y.rank(method="first") * BANDS // (len(y) + 1)
    found = rows.groupby(y if y.nunique() <= FEW else bands)
    table = found.agg({"target": "mean", "predicted": "mean", "error": "mean", "held": "mean"})
    table.insert(0, "items", found.size())
    named = {"predicted": "predicted_mean", "error": "error_mean"}
    values = table.rename(columns=named).reset_index(drop=True)
    own = {"values.csv": values}
    rated = facts.rated
    if rated is None:
        return own
    more = by_activity.frames(facts, rated) | tastes.frames(rated)
    return own | beside.frames(facts, rated) | more


def decision(facts: Facts, frames: dict[str, pd.DataFrame]) -> Section:
    """The radius and the coverage that it meets."""
    return coverage.section(facts, "radius", "")


def details(facts: Facts, frames: dict[str, pd.DataFrame]) -> list[Section]:
    """What is predicted where the target is low and where it is high; a recommender's tastes."""
    rows = [
        [f"{target:.4g}", f"{int(items):,}", f"{mean:.2f}", f"{error:.2f}", percent(held)]
        for items, target, mean, error, held in frames["values.csv"].values.tolist()
    ]
    columns = ["Target", "Items", "Mean prediction", "Mean absolute error", "Within the bounds"]
    by_target = Section("By target", tables=[Table(columns, rows)])
    if facts.rated is None:
        return [by_target]
    return [
        beside.section(facts, frames),
        by_activity.section(facts, frames),
        by_target,
        *tastes.sections(frames),
    ]
