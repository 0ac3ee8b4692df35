"""What a recommender learnt of the items: their biases, neighbours and a map."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from onecycle.decide.scores import Floats
from onecycle.report.figures import Theme, calm, plot
from onecycle.report.labels import place
from onecycle.report.parts import Section, Table
from onecycle.report.rated import RatedItems

ENDS = 10  # of the ranking of biases, shown from both
ASKED, NEAREST, AMONG = 50, 5, 500  # most rated items, their neighbours, who those may be
SHOWN = 12  # rows of neighbours on the page
MAPPED = 40  # most rated items on the map
NEURAL = (
    "Dense layers have no biases and no product of factors to read: the ranking of biases, the "
    "nearest items and the map are for the archs dot, dot_bias and implicit."
)


def frames(rated: RatedItems) -> dict[str, pd.DataFrame]:
    """The tables that the model has something to say for."""
    found = {}
    if rated.bias is not None:
        found["item_biases.csv"] = ranking(rated, rated.bias)
    if rated.factors is not None:
        found["nearest_items.csv"] = nearest(rated, rated.factors)
        found["item_map.csv"] = flat_map(rated, rated.factors)
    return found


def sections(frames: dict[str, pd.DataFrame]) -> list[Section]:
    """A section for each table; one sentence where there is none."""
    made = []
    if "item_biases.csv" in frames:
        made.append(_ranking_section(frames["item_biases.csv"]))
    if "nearest_items.csv" in frames:
        made.append(_nearest_section(frames["nearest_items.csv"]))
        made.append(_map_section(frames["item_map.csv"]))
    return made or [Section("Items", [NEURAL])]


def ranking(rated: RatedItems, bias: Floats) -> pd.DataFrame:
    """`item title ratings bias`, the highest bias first."""
    order = np.argsort(-bias, kind="stable")
    return rated.table.assign(bias=bias).iloc[order].reset_index(drop=True)


def nearest(rated: RatedItems, factors: Floats) -> pd.DataFrame:
    """The nearest of the well known items to each of the best known ones, by cosine.

    Returns:
        `item title ratings rank near near_title cosine`, `NEAREST` rows an item.
    """
    length = np.linalg.norm(factors, axis=1, keepdims=True)
    unit = factors / np.maximum(length, np.finfo(np.float64).tiny)
    among, table = rated.most_rated[:AMONG], rated.table
    rows = []
    for at in rated.most_rated[:ASKED]:
        others = among[among != at]
        cosines = unit[others] @ unit[at]
        for rank, each in enumerate(np.argsort(-cosines, kind="stable")[:NEAREST], start=1):
            near = table.iloc[others[each]]
            rows.append([*table.iloc[at], rank, near["item"], near["title"], cosines[each]])
    columns = ["item", "title", "ratings", "rank", "near", "near_title", "cosine"]
    return pd.DataFrame(rows, columns=columns)


def flat_map(rated: RatedItems, factors: Floats) -> pd.DataFrame:
    """The first two principal components of the best known items' factors.

    Returns:
        `item title ratings x y x_share y_share`, the shares of the variance, 0 to 1.
    """
    shown = rated.most_rated[:MAPPED]
    centred = factors[shown] - factors[shown].mean(axis=0)
    axes, weight, _ = np.linalg.svd(centred, full_matrices=False)
    axes, weight = _two(axes), _two(weight[None])[0]
    axes = axes * np.where(axes[np.abs(axes).argmax(0), [0, 1]] < 0, -1, 1)  # a sign of its own
    x, y = (axes * weight).T
    shares = weight**2 / max(float((centred**2).sum()), np.finfo(np.float64).tiny)
    return rated.table.iloc[shown].assign(x=x, y=y, x_share=shares[0], y_share=shares[1])


def _two(columns: Floats) -> Floats:
    """The first two columns; zeros for one that is not there."""
    padded: Floats = np.pad(columns, ((0, 0), (0, 2)))[:, :2]
    return padded


def _ranking_section(table: pd.DataFrame) -> Section:
    ends = min(ENDS, len(table) // 2)
    tables = [
        Table(
            [head, "Ratings", "Bias"],
            [[title, f"{n:,}", f"{bias:+.2f}"] for _, title, n, bias in part.values.tolist()],
        )
        for head, part in (
            ("Highest bias", table.head(ends)),
            ("Lowest bias", table.tail(ends)[::-1]),
        )
    ]
    says = [
        "The bias is what is left of an item once taste is taken out: at the top is what is liked "
        "even by those whose taste it does not fit, at the bottom what is disliked even by those "
        "whose taste it fits. It is in the units of the score before the range; where an item has "
        "few ratings, little is known of it."
    ]
    return Section("Items by bias", says, tables=tables)


def _nearest_section(table: pd.DataFrame) -> Section:
    rows = [
        [rows["title"].iloc[0], "; ".join(rows["near_title"]), f"{rows['cosine'].iloc[0]:.2f}"]
        for _, rows in list(table.groupby("item", sort=False))[:SHOWN]
    ]
    says = ["Near in factors: those who like one more than its bias tells also like the others."]
    columns = ["Most rated items", "Nearest, by cosine", "First cosine"]
    return Section("Nearest items", says, tables=[Table(columns, rows, text=2)])


def _map_section(table: pd.DataFrame) -> Section:
    points = table[["x", "y"]].to_numpy()
    names = [title if len(title) <= 32 else title[:31] + "…" for title in table["title"]]
    shares = [f"{share:.0%}" for share in table[["x_share", "y_share"]].iloc[0]]

    def draw(figure: Figure, theme: Theme) -> None:
        figure.subplots_adjust(left=0.04, right=0.99, bottom=0.07, top=0.98)
        axes = figure.add_subplot()
        calm(axes, theme, f"first component ({shares[0]})", f"second ({shares[1]})")
        axes.set(xticks=[], yticks=[])
        axes.margins(0.1, 0.05)
        axes.plot(*points.T, "o", color=theme.accent, ms=4)
        place(axes, points, names, theme.ink)

    caption = (
        f"The {len(table)} most rated items by the two directions in which their factors differ "
        "most, with the share of their variance. What is close is liked by the same people; the "
        "axes have no names but those that you give them."
    )
    alt = "A map of the most rated items."
    return Section("Map of items", plots=[plot(draw, alt, caption, height=6.4, width=10)])
