"""The result in a sentence, what it leaves out, and the table of all metrics."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from onecycle.decide.kinds import KINDS
from onecycle.report.words import count

if TYPE_CHECKING:  # it needs torch; who reads scores only does not
    from onecycle.report.facts import Facts

NAMES = {
    "accuracy": ("Accuracy", "share of items whose likeliest label is right"),
    "error_rate": ("Error rate", "1 − accuracy"),
    "top_5_accuracy": ("Top 5 accuracy", "the right label is among the five likeliest"),
    "balanced_accuracy": ("Balanced accuracy", "accuracy of each label's items, averaged"),
    "nll": ("Negative log likelihood", "surprise at the right label, in nats"),
    "ece": ("Expected calibration error", "how far confidence is from accuracy"),
    "brier": ("Brier score", "squared error of the probabilities, 0 to 2"),
    "map": ("Mean average precision", "of each label's ranking of the items, averaged"),
    "map_11": ("The same, by eleven points", "as VOC 2007 judged, a little rougher"),
    "accuracy_multi": ("Accuracy over all labels", "share of yes-or-no decisions that are right"),
    "f1_micro": ("F1, micro", "of all labels together"),
    "f1_macro": ("F1, macro", "of each label, averaged"),
    "precision": ("Precision", "share of the labels given that are right"),
    "recall": ("Recall", "share of the labels there that are given"),
    "cost": ("Cost", "of missed and wrongly given labels, a decision"),
    "answered": ("Answered", "share of items that are given an answer"),
    "error_rate_answered": ("Error rate of the answered", "share of the answers that are wrong"),
    "coverage": ("Coverage", "share of targets that the radius holds"),
    "mse": ("Mean squared error", "the loss that training lowers"),
    "rmse": ("Root mean squared error", "in the target's unit"),
    "mae": ("Mean absolute error", "in the target's unit"),
    "error_px_mean": ("Mean distance", "in pixels of the picture as published"),
    "error_px_median": ("Median distance", "half the items are closer"),
    "error_px_p90": ("90 % distance", "nine in ten items are closer"),
}
Intervals = dict[str, dict[str, Any]]  # of each metric and its baseline, as intervals.json has them
Verdict = Literal["better", "unclear", "worse", "alone"]
VERDICTS: dict[Verdict, str] = {
    "better": "The model is better than that, beyond its interval.",
    "unclear": "That lies within the model's interval: the model is not shown to be better.",
    "worse": "The model is worse than that, beyond its interval.",
    "alone": "",
}
MARKS: dict[Verdict, str] = {"better": "✓", "unclear": "≈", "worse": "✗", "alone": ""}


@dataclass(frozen=True)
class Headline:
    """The result: a name and value to stand out, the rest of the sentence, and the verdict."""

    name: str
    value: str
    rest: str
    trivial: str
    verdict: Verdict
    says: str


@dataclass(frozen=True)
class Row:
    """A metric of the table; `strip` has low, value, high and baseline as percent of its width.

    A metric that no trivial predictor has leaves baseline, mark and the strip's baseline empty.
    """

    name: str
    about: str
    arrow: str
    value: str
    interval: str
    baseline: str
    mark: str
    verdict: Verdict
    strip: dict[str, float]


def headline(facts: Facts, trivial: str) -> Headline:
    """The headline metric, its interval, and the trivial predictor's beside it."""
    found, base = facts.intervals[facts.headline], facts.intervals[f"baseline_{facts.headline}"]
    digits = decimals(found)
    name = _name(facts.headline)[0]
    verdict = judge(facts.intervals, facts.decision["kind"], facts.headline)
    return Headline(
        name=name,
        value=f"{found['value']:,.{digits}f}",
        rest=(
            f"95 % interval {found['low']:,.{digits}f} to {found['high']:,.{digits}f}, "
            f"on {count(found['n'], facts.judged + ' item')}"
        ),
        trivial=f"{trivial} gets {base['value']:,.{digits}f}.",
        verdict=verdict,
        says=VERDICTS[verdict],
    )


def judge(intervals: Intervals, kind: str, name: str) -> Verdict:
    """Whether the trivial predictor, if any, lies outside the interval, and on which side."""
    if f"baseline_{name}" not in intervals:
        return "alone"
    found, base = intervals[name], intervals[f"baseline_{name}"]["value"]
    if found["low"] <= base <= found["high"]:
        return "unclear"
    higher = KINDS[kind].better(name) == "higher"
    return "better" if higher == (found["value"] > base) else "worse"


def caveats(facts: Facts) -> list[str]:
    """What the headline and its interval leave out."""
    found, said = facts.intervals[facts.headline], []
    if facts.judged != "test":
        fitted_too = facts.decision["fitted_on"]["part"] == facts.judged
        and_fitted = " and the decision was fitted" if fitted_too else ""
        said.append(
            f"There is no test part: this is judged on {facts.judged}, on which training was "
            f"watched{and_fitted}. New items will do worse by an amount that the interval leaves "
            "out."
        )
    if facts.within_groups:
        said.append(
            f"The items come from {count(facts.groups, 'group')} only. The interval is over items "
            "and leaves out the differences between groups: it does not say how a new group does."
        )
    if found["low"] == found["high"]:
        said.append(
            "Every resample gives the same value, so the interval has no width. That tells of few "
            f"items, not of certainty: on {found['n']:,}, an error rate of {3 / found['n']:.2g} "
            "may go unseen."
        )
    if facts.split["leaks"]["shared_groups"]:
        said.append("Groups are shared between the parts: the score flatters. See The split.")
    elif facts.accepted_leaks:
        said.append("Some items leak between the parts: the score flatters. See The split.")
    return said


def method(facts: Facts) -> str:
    """How the intervals were made."""
    whole_groups = facts.groups > 0 and not facts.within_groups
    units = f"the {facts.groups:,} groups" if whole_groups else "items"
    return (
        f"Intervals are 95 %, by the bootstrap over {units}: what others like these would give. "
        "Another seed, precision or kind of CPU moves the score too."
    )


def rows(facts: Facts) -> list[Row]:
    """The table of all metrics."""
    names = [name for name in facts.intervals if not name.startswith("baseline_")]
    return [row(facts.intervals, facts.decision["kind"], name) for name in names]


def row(intervals: Intervals, kind: str, name: str) -> Row:
    """A metric in words.

    Args:
        intervals: what intervals.json holds.
        kind: of the target.
        name: the metric's.
    """
    found, base = intervals[name], intervals.get(f"baseline_{name}", {}).get("value")
    digits = decimals(found)
    (title, about), verdict = _name(name), judge(intervals, kind, name)
    return Row(
        name=title,
        about=about,
        arrow="↑" if KINDS[kind].better(name) == "higher" else "↓",
        value=f"{found['value']:,.{digits}f}",
        interval=f"{found['low']:,.{digits}f} – {found['high']:,.{digits}f}",
        baseline="" if base is None else f"{base:,.{digits}f}",
        mark=MARKS[verdict],
        verdict=verdict,
        strip=_strip(found, base),
    )


def _strip(found: dict[str, Any], base: float | None) -> dict[str, float]:
    """Places on a line that just holds the interval and the baseline, from 4 to 96 percent."""
    places = {key: float(found[key]) for key in ("low", "value", "high")}
    places |= {} if base is None else {"baseline": base}
    least, most = min(places.values()), max(places.values())
    scale = 92 / (most - least) if most > least else 0.0
    return {key: round(4 + scale * (place - least), 2) for key, place in places.items()}


def _name(metric: str) -> tuple[str, str]:
    return NAMES.get(metric, (metric, ""))


def decimals(found: dict[str, Any]) -> int:
    """Decimals that tell two digits of the interval's width."""
    width = found["high"] - found["low"] or abs(found["value"]) / 100 or 1.0
    return min(9, max(0, 1 - math.floor(math.log10(width))))
