"""Any number of labels: the threshold sweep and each label's hits and misses."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onecycle.decide import labels
from onecycle.report.facts import Facts
from onecycle.report.figures import Theme, calm, legend, plot
from onecycle.report.parts import Answer, Section, Table
from onecycle.report.results import NAMES
from onecycle.report.words import between, percent

trivial = "Scoring every item by how frequent each label is in train"
worst = (
    "the highest loss, which is the surprise at the labels that are there and at those that are not"
)
STYLES = ("-", "--", ":")
LABELS = 40  # most frequent ones that the page shows


def badness(predictions: pd.DataFrame) -> NDArray[np.float64]:
    """The loss."""
    return predictions["loss"].to_numpy(dtype=np.float64)


def answer(row: pd.Series) -> Answer:
    """The labels and those that were given."""
    true, given = set(row["y"]), set(row["predicted"])
    missed, extra = true - given, given - true
    flaws = [f"missed {_names(missed)}"] if missed else []
    flaws += [f"not there: {_names(extra)}"] if extra else []
    return Answer(_names(true), _names(given), "; ".join(flaws))


def _names(labels: set[str]) -> str:
    return ", ".join(sorted(labels)) or "no label"


def frames(facts: Facts) -> dict[str, pd.DataFrame]:
    """Each label's counts and scores; the model's accuracy over labels beside that of no label."""
    vocab = getattr(facts.blocks.y, "vocab", [])
    given = labels.one_hot(facts.predictions["predicted"].tolist(), vocab)
    return {
        "labels.csv": labels.scores(facts.sample, given, vocab),
        "accuracy_multi.csv": labels.beside_nothing(facts.sample, given),
    }


def decision(facts: Facts, frames: dict[str, pd.DataFrame]) -> Section:
    """The threshold, and the sweep it was chosen from."""
    threshold, aim, curve = facts.decision["threshold"], facts.decision["aim"], facts.curve
    others = [name for name in curve.columns if name not in ("threshold", aim)]

    def draw(figure: Figure, theme: Theme) -> None:
        axes = calm(figure.add_subplot(), theme, "threshold", "on valid")
        axes.axvline(threshold, color=theme.accent, lw=1, alpha=0.6)
        for name, style in zip([aim, *others], STYLES, strict=False):
            colour = theme.accent if name == aim else theme.faint
            axes.plot(curve["threshold"], curve[name], style, color=colour, lw=1.5, label=name)
        best = np.interp(threshold, curve["threshold"], curve[aim])
        axes.plot(threshold, best, "o", color=theme.accent, ms=8)
        legend(axes, theme)

    best = curve.loc[(curve["threshold"] - threshold).abs().idxmin(), aim]
    says = [
        f"A label is given where its probability is above {threshold:.3g}: there "
        f"{aim} ({NAMES[aim][1]}) is highest, {best:.4g}. {facts.fitted_on}"
    ]
    return Section("Decision", says, [plot(draw, f"Metrics against threshold; {threshold:.3g}.")])


def details(facts: Facts, frames: dict[str, pd.DataFrame]) -> list[Section]:
    """Each label's scores, and how little of the accuracy over labels is the model's."""
    table = frames["labels.csv"]
    rows = [
        [
            each["label"],
            f"{each['items']:,}",
            _number(each["ap"]),
            between(each["ap_low"], each["ap_high"], 2),
            f"{each['given']:,}",
            _share(each["right"], each["given"]),
            _share(each["right"], each["items"]),
        ]
        for each in table.head(LABELS).to_dict("records")
    ]
    columns = ["Label", "Items with it", "Average precision", "95 % interval"]
    columns += ["Given to", "Precision", "Recall"]
    more = len(table) - LABELS
    says = [silence(frames["accuracy_multi.csv"])]
    says += facts.never_judged(table.loc[table["items"] > 0, "label"].tolist())
    says += [f"The {LABELS} most frequent; {more} more in plots/labels.csv."] if more > 0 else []
    return [Section("By label", says, tables=[Table(columns, rows)])]


def silence(table: pd.DataFrame) -> str:
    """How much of accuracy_multi an answer without any label has too."""
    model, nothing, added = (row for _, row in table.iterrows())
    low, high = (f"{100 * float(added[end]):+.1f}" for end in ("low", "high"))
    left = 1 - nothing["value"]
    said = (
        f"Read the accuracy over all labels with care: {percent(nothing['value'])} of the "
        "yes-or-no decisions are right where no item is given any label. The model's "
        f"{percent(model['value'])} is {100 * added['value']:+.1f} points more, 95\u00a0% interval "
        f"{low} to {high}"
    )
    if left > 0 and added["value"] > 0:
        return (
            f"{said}: it mends {percent(added['value'] / left, 0)} of what saying nothing misses."
        )
    return f"{said}: saying nothing is as good."


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}"


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else "–"
