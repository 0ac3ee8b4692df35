"""A recommender's error by how much it knows of the user and of the item."""

from collections.abc import Hashable
from typing import Any

import pandas as pd

from onecycle.decide import activity
from onecycle.report.facts import Facts
from onecycle.report.parts import Section, Table
from onecycle.report.rated import RatedItems
from onecycle.report.words import between, count, percent

NAMES = {"user": "User", "item": "Item"}


def frames(facts: Facts, rated: RatedItems) -> dict[str, pd.DataFrame]:
    """Errors by ratings in train, and where user or item is unseen."""
    own = facts.predictions["predicted"].to_numpy(dtype="float64")
    given = (rated.train, rated.judged, own, facts.sample)
    return {"activity.csv": activity.by_activity(*given), "unseen.csv": activity.unseen(*given)}


def section(facts: Facts, frames: dict[str, pd.DataFrame]) -> Section:
    """What is unseen, then users and items from the least known to the best known."""
    table = frames["activity.csv"]
    columns = ["Ratings in train", "Judged", "RMSE", "95 % interval", "RMSE of train's mean"]
    tables = [
        Table([f"{name}: {columns[0].lower()}", *columns[1:]], _rows(table[table["of"] == of]))
        for of, name in NAMES.items()
    ]
    return Section("By activity", [unseen(frames["unseen.csv"])], tables=tables)


def unseen(table: pd.DataFrame) -> str:
    """How many judged ratings train knows nothing of, and how they fare."""
    _, user, item = table.to_dict("records")
    if not user["n"] and not item["n"]:
        return "Train has every user and every item that is judged."
    parts = [
        f"{count(row['n'], 'rating')} ({percent(row['share'], 2)}) of {what} that train does not "
        f"have, rated as the average one would be: RMSE {row['rmse']:.2f} ({_bounds(row)}), of "
        f"train's mean {row['rmse_mean']:.2f}."
        for what, row in (("users", user), ("items", item))
        if row["n"]
    ]
    return " ".join(parts)


def _bounds(row: dict[Hashable, Any]) -> str:
    few = row["rmse_low"] != row["rmse_low"]  # NaN
    return "too few for an interval" if few else between(row["rmse_low"], row["rmse_high"], 2)


def _rows(table: pd.DataFrame) -> list[list[str]]:
    return [
        [
            "none" if each["most"] == 0 else f"{each['least']:,} to {each['most']:,}",
            f"{each['n']:,}",
            f"{each['rmse']:.3f}",
            between(each["rmse_low"], each["rmse_high"], 3),
            f"{each['rmse_mean']:.3f}",
        ]
        for each in table.to_dict("records")
        if each["n"]
    ]
