"""One label of several: reliability and the most confused pairs."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onecycle.decide import confused
from onecycle.report.facts import Facts
from onecycle.report.figures import Theme, calm, legend, plot
from onecycle.report.parts import Answer, Section, Table
from onecycle.report.words import count, percent, within

trivial = "Always naming train's most frequent label"
worst = "the highest loss, which is the surprise at the right label"
PAIRS = 10  # most confused ones that the page shows
LABELS = 8  # least recalled ones that it shows
LOSSES = 100  # items of plots/losses.csv


def badness(predictions: pd.DataFrame) -> NDArray[np.float64]:
    """The loss."""
    return predictions["loss"].to_numpy(dtype=np.float64)


def answer(row: pd.Series) -> Answer:
    """The label and the likeliest label."""
    flaw = "wrong" if row["y"] != row["predicted"] else ""
    return Answer(row["y"], f"{row['predicted']}, {percent(row['probability'], 0)}", flaw)


def frames(facts: Facts) -> dict[str, pd.DataFrame]:
    """How often each label is right, which is taken for which, and the items of highest loss."""
    y, predicted = (facts.predictions[name].astype(str) for name in ("y", "predicted"))
    labels = confused.recalls(facts.sample, y, predicted)
    pairs = confused.pairs(facts.sample, y, predicted)
    order = np.argsort(-badness(facts.predictions), kind="stable")[:LOSSES]
    columns = ["id", "y", "predicted", "probability", "loss"]
    losses = facts.predictions.iloc[order][columns].rename(columns={"y": "label"})
    return {"labels.csv": labels, "confused.csv": pairs, "losses.csv": losses}


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
    """The most confused pairs, and the labels that are found least often."""
    labels, pairs = frames["labels.csv"], frames["confused.csv"]
    says = facts.never_judged(labels["label"].tolist())
    if pairs.empty:
        return [Section("Most confused", ["No item was given a wrong label.", *says])]
    wrong = int(pairs["times"].sum())
    says.insert(
        0,
        f"{count(wrong, 'item')} of {len(facts.predictions):,} wrong, in "
        f"{count(len(pairs), 'pair')} of labels. The intervals are wide where a label has few "
        "items: then the order of the rows tells little.",
    )
    return [Section("Most confused", says, tables=[_pairs_table(pairs), _labels_table(labels)])]


def _pairs_table(pairs: pd.DataFrame) -> Table:
    rows = [
        [
            each["label"],
            each["predicted"],
            f"{each['times']:,} of {each['items']:,}",
            within(each["low"], each["high"]),
        ]
        for each in pairs.head(PAIRS).to_dict("records")
    ]
    return Table(["Label", "Taken for", "Items", "95 % interval"], rows, text=2)


def _labels_table(labels: pd.DataFrame) -> Table:
    shown = labels.sort_values("high", kind="stable").head(LABELS)  # few items are no evidence
    rows = [
        [
            each["label"],
            f"{each['right']:,} of {each['items']:,}",
            within(each["low"], each["high"]),
        ]
        for each in shown.to_dict("records")
    ]
    return Table(["Labels found least", "Items", "95 % interval"], rows)
