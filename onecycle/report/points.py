"""A point in a picture: its distance, by group too, and the radius drawn about it."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from onecycle.decide import residuals
from onecycle.report import coverage
from onecycle.report.facts import Facts
from onecycle.report.parts import Answer, Marks, Section, Table
from onecycle.report.words import between, percent, within

asks = "Where in {thing} is the point?"
trivial = "Always pointing at train's mean point"
worst = "furthest from the target"
GROUPS = 30  # worst ones that the page shows
WORST = 6  # items that it shows
RESIDUALS = 100  # of plots/residuals.csv
ENDS = ("low", "high")


def _gap(predictions: pd.DataFrame) -> NDArray[np.float64]:
    """Predicted less true point, [N, 2] in pixels of the picture as published."""
    target = np.array([list(point) for point in predictions["y"]], dtype=np.float64).reshape(-1, 2)
    predicted = predictions[["predicted_x_px", "predicted_y_px"]].to_numpy(dtype=np.float64)
    return predicted - target


def answer(row: pd.Series) -> Answer:
    """The two points, their distance, and marks to draw."""
    target = (float(row["y"][0]), float(row["y"][1]))
    predicted = (float(row["predicted_x_px"]), float(row["predicted_y_px"]))
    away, radius = np.hypot(*np.subtract(predicted, target)), float(row["radius_px"])
    return Answer(
        truth="{:.0f}, {:.0f}; predicted {:.0f}, {:.0f}".format(*target, *predicted),
        predicted=f"{away:.1f}\u00a0px away",
        flaw="outside the radius" if away > radius else "",
        marks=Marks(target, predicted, radius),
    )


def frames(facts: Facts) -> dict[str, pd.DataFrame]:
    """How far off the points are and which way: overall, in each group, and the worst."""
    predictions, sample = facts.predictions, facts.sample
    errors, gap = predictions["loss"].to_numpy(), _gap(predictions)
    held = errors <= facts.decision["radius_px"]
    order = np.argsort(-errors, kind="stable")[:RESIDUALS]
    worst = predictions.iloc[order][["id", "group"]].assign(
        error_px=errors[order], right_px=gap[order, 0], down_px=gap[order, 1]
    )
    worst["way"] = [residuals.WAYS[way] for way in residuals.ways(gap[order])]
    return {
        "groups.csv": residuals.by_group(sample, errors, held, predictions["group"]),
        "ways.csv": residuals.by_way(sample, gap),
        "offset.csv": residuals.offset(sample, gap),
        "residuals.csv": worst,
    }


def decision(facts: Facts, frames: dict[str, pd.DataFrame]) -> Section:
    """The radius and the coverage that it meets."""
    return coverage.section(facts, "radius_px", " px")


def details(facts: Facts, frames: dict[str, pd.DataFrame]) -> list[Section]:
    """Which way the points are off; the distance in each group, the worst first."""
    sections = [_ways(frames)]
    groups = frames["groups.csv"]
    if groups.empty:
        return sections
    rows = [
        [
            str(each["group"]),
            f"{each['items']:,}",
            f"{each['error_px_mean']:.1f} px",
            between(each["error_px_mean_low"], each["error_px_mean_high"], 1),
            f"{each['error_px_median']:.1f}",
            f"{each['error_px_p90']:.1f}",
            percent(each["held"]),
        ]
        for each in groups.head(GROUPS).to_dict("records")
    ]
    columns = ["Group", "Items", "Mean distance", "95 % interval", "Median", "90 %"]
    columns += ["Within the radius"]
    says = [
        "These intervals are over a group's own items, taken as independent: where those are "
        "frames of one film they are too narrow, and none speaks of other groups."
    ]
    return [*sections, Section("By group", says, tables=[Table(columns, rows)])]


def _ways(frames: dict[str, pd.DataFrame]) -> Section:
    """The leaning of all points, and the worst residuals."""
    ways, worst = frames["ways.csv"], frames["residuals.csv"]
    x, y = (row for _, row in frames["offset.csv"].iterrows())
    says = [
        f"On average the predicted point lies {_leaning(x, 'to the right of', 'to the left of')} "
        f"and {_leaning(y, 'below', 'above')} the target."
    ]
    rows = [
        [
            each["way"],
            f"{each['items']:,}",
            within(each["share_low"], each["share_high"]),
            f"{each['error_px_mean']:.1f} px",
            between(each["error_px_mean_low"], each["error_px_mean_high"], 1),
        ]
        for each in ways.to_dict("records")
    ]
    columns = ["Off to the", "Items", "Share, 95 % interval", "Mean distance", "95 % interval"]
    far = [
        [
            each["id"],
            f"{each['error_px']:.1f} px",
            f"{each['right_px']:+.1f}",
            f"{each['down_px']:+.1f}",
        ]
        for each in worst.head(WORST).to_dict("records")
    ]
    heads = ["Furthest off", "Distance", "To the right", "Downwards"]
    return Section("Residuals", says, tables=[Table(columns, rows), Table(heads, far)])


def _leaning(row: "pd.Series[Any]", plus: str, minus: str) -> str:
    """A coordinate's mean and interval, and whether that may be chance."""
    (low, from_), (high, to) = ((abs(row[end]), plus if row[end] > 0 else minus) for end in ENDS)
    if from_ != to:
        bounds = f"from {low:.1f} {from_} to {high:.1f} {to}: it may be chance"
    else:
        bounds = between(min(low, high), max(low, high), 1)
    return f"{abs(row['px']):.1f} px ({bounds}) {plus if row['px'] > 0 else minus}"
