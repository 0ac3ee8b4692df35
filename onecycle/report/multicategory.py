"""Any number of labels: the threshold sweep and each label's hits and misses."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onecycle.report.facts import Facts
from onecycle.report.figures import Theme, calm, legend, plot
from onecycle.report.parts import Answer, Section, Table
from onecycle.report.results import NAMES
from onecycle.report.words import percent

asks = "Which labels does {thing} have? It may be any number of them, or none."
trivial = "Scoring every item by how frequent each label is in train"
worst = "the most labels missed or wrongly given"
STYLES = ("-", "--", ":")
LABELS = 40  # most frequent ones that the page shows


def badness(predictions: pd.DataFrame) -> NDArray[np.float64]:
    """How many labels are missed or wrongly given."""
    pairs = zip(predictions["y"], predictions["predicted"], strict=True)
    return np.array([len(set(y) ^ set(given)) for y, given in pairs], dtype=np.float64)


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
    """Per label: items that have it, items that were given it, items where both are so."""
    predictions = facts.predictions
    pairs = list(zip(predictions["y"], predictions["predicted"], strict=True))
    true = pd.Series([label for y, _ in pairs for label in y], dtype=object).value_counts()
    given = pd.Series([label for _, p in pairs for label in p], dtype=object).value_counts()
    both = [label for y, p in pairs for label in set(y) & set(p)]
    columns = {"items": true, "given": given}
    columns["right"] = pd.Series(both, dtype=object).value_counts()
    table = pd.DataFrame(columns).fillna(0).astype(int).rename_axis("label").reset_index()
    order = ["items", "label"]
    return {"labels.csv": table.sort_values(order, ascending=[False, True], ignore_index=True)}


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
    """Each label's hits and misses."""
    table = frames["labels.csv"]
    rows = [
        [
            label,
            f"{items:,}",
            f"{given:,}",
            f"{right:,}",
            _share(right, given),
            _share(right, items),
        ]
        for label, items, given, right in table.head(LABELS).values.tolist()
    ]
    columns = ["Label", "Items with it", "Given to", "Rightly", "Precision", "Recall"]
    more = len(table) - LABELS
    says = facts.never_judged(table.loc[table["items"] > 0, "label"].tolist())
    says += [f"The {LABELS} most frequent; {more} more in plots/labels.csv."] if more > 0 else []
    return [Section("By label", says, tables=[Table(columns, rows)])]


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else "–"
