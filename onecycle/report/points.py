"""A point in a picture: its distance, by group too, and the radius drawn about it."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from onecycle.report import coverage
from onecycle.report.facts import Facts
from onecycle.report.parts import Answer, Marks, Section, Table
from onecycle.report.words import percent

asks = "Where in {thing} is the point?"
trivial = "Always pointing at train's mean point"
worst = "furthest from the target"
GROUPS = 30  # worst ones that the page shows


def badness(predictions: pd.DataFrame) -> NDArray[np.float64]:
    """The distance in pixels of the picture as published."""
    target = np.array([list(point) for point in predictions["y"]], dtype=np.float64).reshape(-1, 2)
    predicted = predictions[["predicted_x_px", "predicted_y_px"]].to_numpy(dtype=np.float64)
    return np.asarray(np.linalg.norm(predicted - target, axis=1))


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
    """How far off the points are: overall, and in each group."""
    predictions = facts.predictions
    errors = badness(predictions)
    rows = pd.DataFrame({"group": predictions["group"], "px": errors})
    rows["held"] = errors <= facts.decision["radius_px"]
    found = rows.dropna(subset="group").groupby("group")
    groups = pd.DataFrame(
        {
            "items": found.size(),
            "error_px_mean": found["px"].mean(),
            "error_px_median": found["px"].median(),
            "held": found["held"].mean(),
        }
    ).reset_index()
    groups = groups.sort_values("error_px_mean", ascending=False, kind="stable", ignore_index=True)
    return {"coverage.csv": coverage.curve(errors, "radius_px"), "groups.csv": groups}


def decision(facts: Facts, frames: dict[str, pd.DataFrame]) -> Section:
    """The radius and the coverage that it meets."""
    errors = badness(facts.predictions)
    return coverage.section(facts, errors, frames["coverage.csv"], "radius_px", " px")


def details(facts: Facts, frames: dict[str, pd.DataFrame]) -> list[Section]:
    """The distance in each group, the worst first; nothing where there are no groups."""
    groups = frames["groups.csv"]
    if groups.empty:
        return []
    rows = [
        [str(name), f"{items:,}", f"{mean:.1f} px", f"{median:.1f} px", percent(held)]
        for name, items, mean, median, held in groups.head(GROUPS).values.tolist()
    ]
    columns = ["Group", "Items", "Mean distance", "Median", "Within the radius"]
    return [Section("By group", tables=[Table(columns, rows)])]
