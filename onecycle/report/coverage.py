"""What points and ratings share: a radius that should hold a share of the targets."""

import math

import numpy as np
from matplotlib.figure import Figure

from onecycle.decide.kinds import KINDS
from onecycle.decide.radius import needed
from onecycle.decide.sample import Sample
from onecycle.report.facts import Facts
from onecycle.report.figures import Theme, calm, legend, plot
from onecycle.report.parts import Section
from onecycle.report.words import count, percent


def section(facts: Facts, radius: str, unit: str) -> Section:
    """The radius, the coverage that was promised and the coverage that was met.

    Args:
        facts: of the problem.
        radius: the decision's key and the curves' column.
        unit: of errors, with a space before it, or nothing.
    """
    chosen, wanted = facts.decision[radius], facts.decision["coverage"]
    part = facts.decision["fitted_on"]["part"]
    found = facts.intervals["coverage"]
    met = found["value"]

    def draw(figure: Figure, theme: Theme) -> None:
        across = f"radius,{unit}" if unit else "radius"
        axes = calm(figure.add_subplot(), theme, across, "share of targets held")
        axes.axhline(wanted, color=theme.faint, lw=1, ls=":")
        axes.axvline(chosen, color=theme.faint, lw=1, ls=":")
        axes.plot(facts.curve[radius], facts.curve["coverage"], color=theme.accent, label=part)
        if facts.worth is not None and facts.judged != part:
            other = facts.worth.curves
            other = other[other["part"] == facts.judged]
            axes.plot(
                other[radius], other["coverage"], "--", color=theme.second, label=facts.judged
            )
        axes.plot(chosen, met, "o", color=theme.second, ms=7, label=f"{percent(met)} met")
        axes.set_ylim(0, 1.04)
        axes.set_xlim(left=0)
        legend(axes, theme)

    says = [
        f"A radius of {chosen:.3g}{unit} should hold {percent(wanted)} of the targets; on "
        f"{facts.judged} it holds {percent(met)} [{percent(found['low'])}, "
        f"{percent(found['high'])}] of {count(found['n'], 'item')}{_verdict(facts, radius)}.",
        _promise(facts),
        f"{facts.fitted_on} {_claim(part)}",
    ]
    caption = "Dotted: the radius, and the share it was to hold; the dot, what it holds."
    alt = f"Coverage against radius; {percent(met)} met."
    return Section("Decision", says, [plot(draw, alt, caption)])


def _verdict(facts: Facts, radius: str) -> str:
    """Whether that keeps the promise, beyond the interval; one to new groups by groups' means."""
    found, wanted = facts.intervals["coverage"], facts.decision["coverage"]
    said = f", of {count(facts.groups, 'group')} only" if facts.within_groups else ""
    if facts.decision["over"] == "groups" and facts.sample.groups is not None:
        found = of_a_group(facts.sample, radius)
        said += f"; of a group's on average {percent(found['value'])} "
        said += f"[{percent(found['low'])}, {percent(found['high'])}]"
    kept = "as promised"
    if found["high"] < wanted:
        kept = "fewer than promised, beyond the interval"
    elif found["low"] > wanted:
        kept = "more than promised, beyond the interval"
    return f"{said}: {kept}"


def of_a_group(sample: Sample, radius: str) -> dict[str, float]:
    """The share of a group's items that the radius holds, the groups' mean: value, low, high."""
    kind = KINDS[sample.decision["kind"]]
    errors = kind.losses(sample.scores, sample.y, sample.decision, sample.size_px)
    names = np.asarray(sample.groups)
    _, code, sizes = np.unique(names, return_inverse=True, return_counts=True)
    weight = 1 / sizes[code]
    held = (errors <= sample.decision[radius]) * weight
    (row,) = sample.ratios(held[:, None], weight[:, None], shares=True).to_dict("records")
    return {end: float(row[end]) for end in ("value", "low", "high")}


def _promise(facts: Facts) -> str:
    """Whom the coverage is promised for, and how far luck alone may take it."""
    wanted, n = facts.decision["coverage"], facts.decision["fitted_on"]["n"]
    least = needed(wanted)
    groups = facts.split["groups"].get(facts.decision["fitted_on"]["part"], 0)
    if facts.decision["over"] == "groups":
        return (
            f"The promise is for an item of a new group: each of the {groups:,} groups weighs the "
            "same, and one more may be harder than all of them."
            + (" With no more than that the radius must hold all." if groups == least else "")
        )
    if groups:
        needs = f"{least:,} groups or more are" if groups < least else "a group for every item is"
        return (
            f"The promise is for items of the {count(groups, 'group')} that it was fitted on, and "
            f"a new group may be harder: to promise {percent(wanted)} of a new group's, {needs} "
            "needed."
        )
    low, high = luck(n, wanted)
    return (
        f"The promise is for a new item like the {n:,}, on average over such fits: the luck of "
        f"which {n:,} they were leaves a single one between {percent(low)} and {percent(high)} "
        "in 95 of 100."
    )


def luck(n: int, coverage: float) -> tuple[float, float]:
    """Between which coverages 95 % of the radii lie that are fitted on n independent items.

    The share held by the k-th smallest of n errors is distributed as Beta(k, n + 1 - k) (Vovk 2012,
    Conditional validity of inductive conformal predictors).
    """
    from scipy.special import betaincinv  # here: slow to import

    rank = min(n, max(1, math.ceil(round((n + 1) * coverage, 9))))
    low, high = betaincinv(rank, n + 1 - rank, [0.025, 0.975]).tolist()
    return low, high


def _claim(part: str) -> str:
    """What of the promise can be claimed."""
    if part == "calib":
        return "Nothing else looked at them: the promise holds for items that are like them."
    return (
        "Errors there may be smaller than on new items, so that the promise is near, not sure; "
        "split.calib sets items aside for it."
    )
