"""One label of several: reliability and the most confused pairs."""

from collections.abc import Callable
from math import isnan

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from onecycle.decide import confused
from onecycle.decide.category import reliability
from onecycle.report import decided
from onecycle.report.facts import Facts
from onecycle.report.figures import Theme, calm, legend, plot
from onecycle.report.parts import Answer, Section, Table
from onecycle.report.words import count, percent, within

asks = "Which one label does {thing} have?"
trivial = "Always naming train's most frequent label"
worst = "the highest loss, which is the surprise at the right label"
PAIRS = 10  # most confused ones that the page shows
LABELS = 8  # least recalled ones that it shows
LOSSES = 100  # items of plots/losses.csv
SHORT = {"nll": "NLL", "brier": "Brier", "ece": "ECE"}
RELIABLE = "Dots on the dotted line mean what they say; larger ones have more items."
RISK = "Items from the most confident."
ENDS = " A dot is where answers end, the dotted line what was asked."


def answer(row: pd.Series) -> Answer:
    """The label and the likeliest label."""
    flaw = "wrong" if row["y"] != row["predicted"] else ""
    said = f"{row['predicted']}, {percent(row['probability'], 0)}"
    silent = "" if isinstance(row.get("answer", ""), str) else ", too unsure to be given"
    return Answer(row["y"], said + silent, flaw)


def frames(facts: Facts) -> dict[str, pd.DataFrame]:
    """How often each label is right, which is taken for which, and the items of highest loss."""
    y, predicted = (facts.predictions[name].astype(str) for name in ("y", "predicted"))
    labels = confused.recalls(facts.sample, y, predicted)
    pairs = confused.pairs(facts.sample, y, predicted)
    order = np.argsort(-facts.predictions["loss"].to_numpy(), kind="stable")[:LOSSES]
    columns = ["id", "y", "predicted", "probability", "loss"]
    losses = facts.predictions.iloc[order][columns].rename(columns={"y": "label"})
    return {"labels.csv": labels, "confused.csv": pairs, "losses.csv": losses}


def decision(facts: Facts, frames: dict[str, pd.DataFrame]) -> Section:
    """The temperature, reliability before and after it, and when no answer is given."""
    temperature = facts.decision["temperature"]
    direction = "overconfident" if temperature > 1 else "underconfident"
    says = [
        f"Temperature {temperature:.3g}: the scores were {direction}, and are divided by it."
        if temperature != 1
        else "Temperature 1: probabilities are the model's own.",
        facts.fitted_on,
    ]
    says += _worth(facts) + _abstains(facts)
    plots = [plot(_reliability(facts), "Accuracy against confidence.", RELIABLE, height=3.4)]
    tables = []
    if facts.worth is not None:
        caption = RISK + (ENDS if facts.decision["abstain"] else "")
        plots.append(plot(_risk(facts), "Error against the share answered.", caption, height=3.4))
        tables = [_before_and_after(facts)]
    return Section("Decision", says, plots, tables)


def _worth(facts: Facts) -> list[str]:
    """Whether the temperature helps on the judged items."""
    row = decided.told(facts, "nll", "tempered")
    if row is None or facts.decision["temperature"] == 1:
        return []
    fine = {True: "better", False: "worse"}[row["more"] < 0]
    if row["more_low"] <= 0 <= row["more_high"]:
        fine = "not shown to be better"
    return [
        f"On {facts.judged} the tempered probabilities are {fine}: a negative log likelihood of "
        f"{decided.number(row)}, {decided.number(row, 'more')} beside the model's own. "
        "The likeliest label stays the same."
    ]


def _abstains(facts: Facts) -> list[str]:
    """Who gets no answer, what it was to bring, and what it brings."""
    abstain = facts.decision["abstain"]
    if not abstain:
        return []
    asked = percent(abstain["max_error"])
    says = [
        f"No answer is given below a probability of {abstain['below']:.3g}, so that at most "
        f"{asked} of the answers are wrong: the lowest limit with (1 + wrong) / answered at most "
        "that."
        if abstain["below"]
        else f"Every item gets an answer: even so at most {asked} should be wrong."
    ]
    answered = decided.told(facts, "answered", "abstaining")
    error = decided.told(facts, "error_rate_answered", "abstaining")
    if answered is None:
        return says
    share = f"{percent(answered['value'])} [{percent(answered['value_low'])}, "
    share += f"{percent(answered['value_high'])}]"
    if error is None:
        return [*says, f"On {facts.judged} none is so sure: nothing is answered."]
    over = abstain["max_error"]
    kept = "more than asked, beyond the interval" if error["value_low"] > over else "as asked"
    if error["value_low"] <= over < error["value_high"]:
        kept = "the interval holds what was asked"
    fit = error["fit"], answered["fit"]
    then = "" if isnan(fit[0]) else f" ({percent(fit[0])} of {percent(fit[1])} where fitted)"
    return [
        *says,
        f"On {facts.judged} {share} are answered; of these {percent(error['value'])} "
        f"[{percent(error['value_low'])}, {percent(error['value_high'])}] are wrong{then}: {kept}.",
    ]


def _reliability(facts: Facts) -> Callable[[Figure, Theme], None]:
    """Draws accuracy against confidence, on the fitted items and on the judged ones."""
    curve, part = facts.curve, facts.decision["fitted_on"]["part"]
    parts = [(curve[curve["when"] == when], f"{part}, {when}") for when in ("before", "after")]
    if facts.judged != part:
        rows = facts.predictions
        right = (rows["y"] == rows["predicted"]).to_numpy()
        confidence = rows["probability"].to_numpy(dtype=np.float64)
        parts.append((reliability(confidence, right), f"{facts.judged}, after"))

    def draw(figure: Figure, theme: Theme) -> None:
        axes = calm(figure.add_subplot(), theme, "confidence", "accuracy")
        axes.plot([0, 1], [0, 1], color=theme.faint, lw=1, ls=":")
        looks = ({"facecolors": "none", "edgecolors": theme.faint}, theme.accent, theme.second)
        for (table, name), look in zip(parts, looks, strict=False):
            size = 10 + 150 * table["n"] / table["n"].max()
            hue = look if isinstance(look, dict) else {"color": look, "alpha": 0.7, "lw": 0}
            axes.scatter(table["confidence"], table["accuracy"], size, label=name, **hue)
        legend(axes, theme)

    return draw


def _risk(facts: Facts) -> Callable[[Figure, Theme], None]:
    """Draws the error among the answered against their share; the limit as dots."""
    if facts.worth is None:
        raise ValueError("there are no curves to draw")
    curves, abstain = facts.worth.curves, facts.decision["abstain"]
    part = facts.decision["fitted_on"]["part"]
    looks = {part: ("-", "accent"), facts.judged: ("--", "second")}

    def draw(figure: Figure, theme: Theme) -> None:
        axes = calm(figure.add_subplot(), theme, "share answered", "share wrong among them")
        for name, (style, colour) in looks.items():
            rows = curves[curves["part"] == name]
            hue = getattr(theme, colour)
            axes.plot(rows["answered"], rows["error"], style, color=hue, lw=1.6, label=name)
            some = rows[rows["confidence"] >= abstain["below"]] if abstain else rows.iloc[:0]
            axes.plot(some["answered"].tail(1), some["error"].tail(1), "o", color=hue, ms=7)
        if abstain:
            axes.axhline(abstain["max_error"], color=theme.faint, lw=1, ls=":")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(bottom=0)
        legend(axes, theme)

    return draw


def _before_and_after(facts: Facts) -> Table:
    """What the temperature does to the probabilities, on the judged items and the fitted ones."""
    part, rows = facts.decision["fitted_on"]["part"], []
    for metric in SHORT:
        own, tempered = (decided.told(facts, metric, each) for each in ("own", "tempered"))
        if own is None or tempered is None:
            continue
        for name, key in ((facts.judged, "value"), (part, "fit")):
            if isnan(own[key]):
                continue
            difference = decided.number(tempered, "more") if key == "value" else ""
            cells = [f"{own[key]:.3f}", f"{tempered[key]:.3f}", difference]
            rows.append([f"{SHORT[metric]}, {name}", *cells])
    return Table(["Temperature", "Before", "After", "Difference"], rows)


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
