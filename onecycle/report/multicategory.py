"""Any number of labels: the threshold sweep and each label's hits and misses."""

from collections.abc import Callable
from math import isnan

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from onecycle.decide import labels
from onecycle.report import decided
from onecycle.report.facts import Facts
from onecycle.report.figures import Theme, calm, legend, plot
from onecycle.report.parts import Answer, Section, Table
from onecycle.report.words import between, percent

asks = "Which labels does {thing} have? It may be any number of them, or none."
trivial = "Scoring every item by how frequent each label is in train"
worst = (
    "the highest loss, which is the surprise at the labels that are there and at those that are not"
)
RIVALS = {
    "0.5": ".5",
    "sweep": "Sweep",
    "exact": "Exact",
    "per class": "Per label",
}
EACH = (
    "Beside each other: .5; the best of the sweep's 29; the best of all, exactly; one for each "
    "label, the rarer the nearer to the common one."
)
LOWEST = 0.15  # share of the sweep that may run out of the picture below
OTHERS = ("recall", "accuracy_multi", "f1_micro", "f1_macro")  # of each rival, three
AIMS = {  # what the threshold was chosen for, where it is no metric to be highest
    "cost": "at which labels missed and wrongly given, at {cost:g} to 1, cost least",
    "precision": "with the most recall of those with a precision of {precision:g} or more",
}
LABELS = 40  # most frequent ones that the page shows


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
    """The threshold, the sweep it was chosen from, and what it is worth beside others."""
    chosen = facts.decision
    metric = "recall" if chosen["aim"] == "precision" else chosen["aim"]
    says, tables = [_chosen(facts, metric), facts.fitted_on], []
    # What a precision is asked of is told by whether it is met; others by whether they are better.
    by = "precision" if chosen["aim"] == "precision" else metric
    row = decided.told(facts, by)
    if row is not None:
        says += _precision(facts) or [decided.against(facts, row, "a threshold of .5")]
        says += [*decided.gap(facts, row), EACH]
        others = [each for each in OTHERS if each != by][:3]
        tables = [decided.table(facts, by, RIVALS), decided.values(facts, others, RIVALS)]
    caption = (
        f"Line and band: {decided.name(metric)} on {chosen['fitted_on']['part']} and its "
        "95\u00a0% interval at each threshold. Upright: the threshold, and where 95\u00a0% of "
        "resamples have the best of the sweep."
    )
    picture = plot(_sweep(facts, metric), f"{metric} against threshold.", caption, height=3.4)
    return Section("Decision", says, [picture], tables)


def _chosen(facts: Facts, metric: str) -> str:
    """The threshold and what it was chosen for, in a sentence."""
    chosen = facts.decision
    swept = chosen["threshold"] == chosen["sweep"]
    among = "of the sweep's 29" if swept else "of all thresholds"
    what = AIMS.get(chosen["aim"], "with the highest {name}").format(
        name=decided.name(metric), **chosen
    )
    part, reached = chosen["fitted_on"]["part"], _reached(facts, metric)
    value = "" if reached is None else f", {reached:.4g}"
    common = f"above {chosen['threshold']:.3g}: {among} the one {what} on {part}{value}."
    if chosen["threshold_low"] is not None:
        common += (
            f" 95\u00a0% of resamples put {'it' if swept else 'the best of the sweep'} between "
            f"{chosen['threshold_low']:.2f} and {chosen['threshold_high']:.2f}."
        )
    if not chosen["per_class"]:
        return f"A label is given where its probability is {common}"
    low, high = min(chosen["thresholds"]), max(chosen["thresholds"])
    return (
        f"Each label has a threshold of its own, {low:.2f} to {high:.2f}, drawn the nearer to the "
        f"common one the rarer it is. That one is {common}"
    )


def _reached(facts: Facts, metric: str) -> float | None:
    """What the one threshold reaches where it was fitted; null where it was not measured."""
    chosen, curve = facts.decision, facts.curve
    if chosen["threshold"] == chosen["sweep"]:
        return float(curve[metric].iloc[(curve["threshold"] - chosen["sweep"]).abs().argmin()])
    row = decided.told(facts, metric, "exact")
    if row is None:
        return None
    return float(row["value"] if isnan(row["fit"]) else row["fit"])


def _precision(facts: Facts) -> list[str]:
    """Whether the precision that was asked for is met on the judged items, if one was."""
    asked = facts.decision.get("precision")
    precision, recall = (decided.told(facts, each) for each in ("precision", "recall"))
    if asked is None or precision is None or recall is None:
        return []
    met = "the interval holds what was asked"
    if precision["value_low"] == precision["value_high"]:
        met = "no resample differs, so that the interval tells nothing"
    elif precision["value_high"] < asked or precision["value_low"] > asked:
        way = "less" if precision["value_high"] < asked else "more"
        met = f"{way} than asked, beyond the interval"
    return [
        f"On {facts.judged} it reaches a precision of {decided.number(precision)}: {met}. Recall "
        f"is {decided.number(recall)} there."
    ]


def _sweep(facts: Facts, metric: str) -> Callable[[Figure, Theme], None]:
    """Draws the sweep in its band, the judged items' beside it, and the threshold."""
    curve, chosen = facts.curve, facts.decision
    part, x = chosen["fitted_on"]["part"], curve["threshold"]

    across = "recall, precision" if chosen["aim"] == "precision" else decided.name(metric)

    def draw(figure: Figure, theme: Theme) -> None:
        axes = calm(figure.add_subplot(), theme, "threshold", across)
        if chosen["threshold_low"] is not None:
            spread = chosen["threshold_low"], chosen["threshold_high"]
            axes.axvspan(*spread, color=theme.faint, alpha=0.15, lw=0)
        axes.axvline(chosen["threshold"], color=theme.faint, lw=1)
        band = curve[f"{metric}_low"], curve[f"{metric}_high"]
        axes.fill_between(x, *band, color=theme.accent, alpha=0.18, lw=0)
        axes.plot(x, curve[metric], color=theme.accent, lw=1.6, label=part)
        if facts.worth is not None and facts.judged != part:
            other = facts.worth.curves
            other = other[other["part"] == facts.judged]
            axes.plot(
                other["threshold"], other[metric], "--", color=theme.second, label=facts.judged
            )
        # Low thresholds may be so bad that all others would look alike.
        axes.set_ylim(bottom=min(curve[metric].quantile(LOWEST), band[0].iloc[len(x) // 4 :].min()))
        best = np.interp(chosen["threshold"], x, curve[metric])
        axes.plot(chosen["threshold"], best, "o", color=theme.accent, ms=7)
        if chosen["aim"] == "precision":
            axes.plot(x, curve["precision"], ":", color=theme.accent, label=f"precision, {part}")
        legend(axes, theme)

    return draw


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
    said = (
        f"Read the accuracy over all labels with care: {percent(nothing['value'])} of the "
        "yes-or-no decisions are right where no item is given any label. The model's "
        f"{percent(model['value'])} is {100 * added['value']:+.1f} points more, 95\u00a0% interval "
        f"{low} to {high}"
    )
    if added["low"] > 0:  # so that not all is right where nothing is said
        mended = added["value"] / (1 - nothing["value"])
        return f"{said}: it mends {percent(mended, 0)} of what saying nothing misses."
    return (
        f"{said}: saying nothing is {'better' if added['high'] < 0 else 'not shown to be worse'}."
    )


def _number(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2f}"


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else "–"
