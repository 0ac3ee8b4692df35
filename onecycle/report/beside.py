"""A recommender beside the textbook's: is it better than SVD?"""

import numpy as np
import pandas as pd

from onecycle.decide import beside
from onecycle.decide.recommend import baselines
from onecycle.report.facts import Facts
from onecycle.report.parts import Section, Table
from onecycle.report.rated import RatedItems

OWN = "This model"


def frames(facts: Facts, rated: RatedItems) -> dict[str, pd.DataFrame]:
    """The model beside the baselines."""
    own = facts.predictions["predicted"].to_numpy(dtype=np.float64)
    shape = (rated.users + 1, len(rated.items) + 1)
    predicted = {OWN: own}
    for fit in baselines(rated.train, rated.valid, shape):
        predicted[fit.label] = fit.predict(rated.judged.pairs)
    given = {"draws": facts.sample.draws, "seed": facts.sample.seed}
    table = beside.compare(rated.judged.ratings, predicted, facts.sample.groups, **given)
    return {"baselines.csv": table}


def section(facts: Facts, frames: dict[str, pd.DataFrame]) -> Section:
    """The answer to 'better than SVD?', and the table behind it."""
    table = frames["baselines.csv"]
    rows = [
        [
            str(each["name"]),
            f"{each['mse']:.4f}",
            f"{each['rmse']:.4f}",
            f"{each['rmse_low']:.4f} – {each['rmse_high']:.4f}",
            "" if each["name"] == OWN else _interval(each),
        ]
        for _, each in table.iterrows()
    ]
    columns = ["On the same items", "MSE", "RMSE", "95 % interval", "RMSE more than the model's"]
    said = [verdict(table), "Damping and rank were chosen on valid."]
    return Section("Better than SVD?", said, tables=[Table(columns, rows)])


def verdict(table: pd.DataFrame) -> str:
    """A sentence on the best factorisation among the baselines, by the paired difference."""
    factored = table[table["name"].str.contains("SVD|ALS")]
    rival = factored.iloc[int(factored["rmse"].argmin())] if len(factored) else table.iloc[-1]
    low, high = rival["rmse_more_low"], rival["rmse_more_high"]
    about = f"the RMSE of {rival['name']}, the best factorisation below, is {_words(rival)}"
    if low > 0:
        return f"Yes: {about}."
    if high < 0:
        return f"No: {about}."
    return f"Not shown: {about}, and the interval holds 0."


def _words(row: pd.Series) -> str:
    more = float(row["rmse_more"])
    ends = sorted(abs(float(row[f"rmse_more_{end}"])) for end in ("low", "high"))
    if row["rmse_more_low"] <= 0 <= row["rmse_more_high"]:
        return f"{more:+.4f} away, paired 95\u00a0% interval {_bounds(row)}"
    which = "higher" if more > 0 else "lower"
    return f"{abs(more):.4f} {which}, paired 95\u00a0% interval {ends[0]:.4f} to {ends[1]:.4f}"


def _bounds(row: pd.Series) -> str:
    return f"{row['rmse_more_low']:+.4f} to {row['rmse_more_high']:+.4f}"


def _interval(row: pd.Series) -> str:
    return f"{row['rmse_more']:+.4f} [{row['rmse_more_low']:+.4f}, {row['rmse_more_high']:+.4f}]"
