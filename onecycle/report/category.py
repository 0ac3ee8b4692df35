"""One label of several: reliability and the most confused pairs."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onecycle.report.facts import Facts
from onecycle.report.figures import Theme, calm, legend, plot
from onecycle.report.parts import Answer, Section, Table
from onecycle.report.words import percent

asks = "Which one label does {thing} have?"
trivial = "Always naming train's most frequent label"
worst = "wrong with the highest probability"
PAIRS = 10  # most confused ones that the page shows


def badness(predictions: pd.DataFrame) -> NDArray[np.float64]:
    """The wrong label's probability, or the right one's below zero."""
    wrong = predictions["y"] != predictions["predicted"]
    p = predictions["probability"].to_numpy(dtype=np.float64)
    return np.where(wrong, p, -p)


def answer(row: pd.Series) -> Answer:
    """The label and the likeliest label."""
    flaw = "wrong" if row["y"] != row["predicted"] else ""
    return Answer(row["y"], f"{row['predicted']}, {percent(row['probability'], 0)}", flaw)


def frames(facts: Facts) -> dict[str, pd.DataFrame]:
    """How often each label is right, and which is taken for which."""
    rows = facts.predictions[["y", "predicted"]].astype(str)
    rows = rows.assign(right=rows["y"] == rows["predicted"])
    labels = rows.groupby("y")["right"].agg(["size", "sum"]).reset_index()
    labels.columns = pd.Index(["label", "items", "right"])
    pairs = rows[~rows["right"]].groupby(["y", "predicted"]).size().rename("times").reset_index()
    pairs = pairs.merge(labels.rename(columns={"label": "y"})[["y", "items"]], on="y")
    pairs = pairs.sort_values("times", ascending=False, kind="stable", ignore_index=True)
    return {"labels.csv": labels, "confused.csv": pairs.rename(columns={"y": "label"})}


def decision(facts: Facts, frames: dict[str, pd.DataFrame]) -> Section:
    """The temperature, and reliability before and after it."""
    temperature, curve = facts.decision["temperature"], facts.curve
    before, after = (curve[curve["when"] == when] for when in ("before", "after"))

    def draw(figure: Figure, theme: Theme) -> None:
        axes = calm(figure.add_subplot(), theme, "confidence", "accuracy on valid")
        axes.plot([0, 1], [0, 1], color=theme.faint, lw=1, ls=":")
        for part, name, colour, style in (
            (before, "before", theme.second, "--"),
            (after, "after", theme.accent, "-"),
        ):
            size = 10 + 150 * part["n"] / curve["n"].max()
            x, y = part["confidence"], part["accuracy"]
            axes.plot(x, y, color=colour, lw=1, ls=style, alpha=0.5)
            axes.scatter(x, y, size, color=colour, alpha=0.7, lw=0, label=name)
        legend(axes, theme)

    direction = "overconfident" if temperature > 1 else "underconfident"
    says = [
        f"Temperature {temperature:.3g}: the scores were {direction}, and are divided by it."
        if temperature != 1
        else "Temperature 1: probabilities are the model's own.",
        f"The expected calibration error on valid was {_gap(before):.2g} before, and is "
        f"{_gap(after):.2g} after. {facts.fitted_on}",
        "Dots on the dotted line mean what they say; larger ones have more items.",
    ]
    return Section("Decision", says, [plot(draw, "Accuracy against confidence.", height=3.4)])


def _gap(bins: pd.DataFrame) -> float:
    """Mean distance of confidence and accuracy, by the bins' items."""
    gap = (bins["confidence"] - bins["accuracy"]).abs()
    return float((gap * bins["n"]).sum() / bins["n"].sum())


def details(facts: Facts, frames: dict[str, pd.DataFrame]) -> list[Section]:
    """The most confused pairs."""
    pairs = frames["confused.csv"].head(PAIRS)
    says = facts.never_judged(frames["labels.csv"]["label"].tolist())
    if pairs.empty:
        return [Section("Most confused", ["No item was given a wrong label.", *says])]
    cells = pairs[["label", "predicted", "times", "items"]].values.tolist()
    rows = [[label, taken, f"{times:,} of {items:,}"] for label, taken, times, items in cells]
    table = Table(["Label", "Taken for", "Items"], rows, text=2)
    return [Section("Most confused", says, tables=[table])]
