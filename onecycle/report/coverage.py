"""What points and ratings share: a radius that should hold a share of the targets."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from onecycle.decide.radius import coverage_curve
from onecycle.report.facts import Facts
from onecycle.report.figures import Theme, calm, legend, plot
from onecycle.report.parts import Section
from onecycle.report.words import count, percent

Errors = NDArray[np.float64]


def curve(errors: Errors, radius: str) -> pd.DataFrame:
    """How large a radius holds which share of the judged items; `radius` names its column."""
    return coverage_curve(errors, radius)


def section(facts: Facts, errors: Errors, judged: pd.DataFrame, radius: str, unit: str) -> Section:
    """The radius, the coverage that was wanted and the coverage that was met.

    Args:
        facts: of the problem.
        errors: of the judged items.
        judged: their `curve`.
        radius: the decision's key and the curves' column.
        unit: of errors, with a space before it, or nothing.
    """
    chosen, wanted = facts.decision[radius], facts.decision["coverage"]
    met = float((errors <= chosen).mean())

    def draw(figure: Figure, theme: Theme) -> None:
        axes = calm(figure.add_subplot(), theme, f"radius{unit}", "share of targets held")
        axes.axhline(wanted, color=theme.faint, lw=1, ls=":")
        axes.axvline(chosen, color=theme.faint, lw=1, ls=":")
        valid = facts.curve
        axes.plot(valid[radius], valid["coverage"], "--", color=theme.second, label="valid")
        if facts.judged != "valid":
            axes.plot(judged[radius], judged["coverage"], color=theme.accent, label=facts.judged)
        axes.plot(chosen, met, "o", color=theme.accent, ms=8, label=f"{percent(met)} met")
        axes.set_ylim(0, 1.04)
        axes.set_xlim(left=0)
        legend(axes, theme)

    says = [
        f"A radius of {chosen:.3g}{unit} should hold {percent(wanted)} of the targets; on "
        f"{facts.judged} it holds {percent(met)} of {count(len(errors), 'item')}. "
        f"{facts.fitted_on}"
    ]
    if facts.groups:
        says.append("The promise is for items of valid's groups: a new group may be harder.")
    return Section("Decision", says, [plot(draw, f"Coverage against radius; {percent(met)} met.")])
