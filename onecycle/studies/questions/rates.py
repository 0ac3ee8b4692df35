"""Are discriminative rates, lower for the first layers, better than a single one?

The unfrozen phase is trained as asked, at rates spread up to the head's from a hundredth of it, and
at a single rate for all layers: the head's, a tenth and a hundredth of it. Where the asked phase
finds its rates itself, the head's is the median of those that it found; `--values` takes the place
of the three single rates. Figures, all but the first gains in the metric on the part that tells:

- `head rate`: the highest rate of the last layers.
- `spread over best single`: of the spread rates over the single rate that is best on valid.
- `spread over lr R`: over each single rate.
"""

from dataclasses import replace
from statistics import median
from typing import Any

from onecycle.errors import UserError
from onecycle.studies import grid
from onecycle.studies.arm import ASKED, Arm, Asked, yaml
from onecycle.studies.compare import Estimate
from onecycle.studies.finding import Done, Finding
from onecycle.studies.words import signed

KEY = "train.unfrozen.lr"
SHARES = (1.0, 0.1, 0.01)
"""Of the head's rate; the last is where the spread begins, as in fast.ai's fine_tune."""


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked rates; once those are known, the others.

    Raises:
        UserError: there are no layers that could have rates of their own.
    """
    name = asked.problem
    if asked.of("prepare.x") != "image":
        raise UserError(
            f"study rates: {name}'s model is one layer group, so all of it has one rate; take a "
            "problem with pictures, or the study lr"
        )
    if "unfrozen" not in asked.phases:
        setting = asked.setting("train.unfrozen.epochs", 3)
        raise UserError(
            f"study rates: {name} has no unfrozen phase, and only there all layers have rates: add "
            f"--set {setting}"
        )
    first = [Arm(ASKED)]
    if asked.of(KEY) == "find" and (not done or done[ASKED].failed):
        return first  # what it finds decides the others
    head, spread = highest(asked, done)
    singles = grid.rates(asked) or [rounded(share * head) for share in SHARES]
    own = asked.of(KEY)
    tried: list[Any] = [*singles] if spread else [[rounded(SHARES[-1] * head), head], *singles]
    return first + [Arm(f"lr {yaml(value)}", {KEY: value}) for value in tried if value != own]


def highest(asked: Asked, done: Done) -> tuple[float, bool]:
    """The head's rate, and whether the asked rates are spread."""
    own = asked.of(KEY)
    if isinstance(own, list):
        return own[1], own[0] < own[1]
    if own != "find":
        return own, False
    found = [run.told["phases"][-1]["rates"] for run, *_ in done[ASKED].runs]
    return rounded(median(rates[-1] for rates in found)), found[0][0] < found[0][-1]


def rounded(rate: float) -> float:
    """Three digits: what is trained is what can be written."""
    return float(f"{rate:.3g}")


def read(asked: Asked, done: Done) -> Finding:
    """Chooses on valid; and what spreading is worth."""
    found = grid.read(asked, done)
    if done[ASKED].failed:
        return found
    head, own_spreads = highest(asked, done)
    own = asked.of(KEY)
    values = {name: each.arm.changes.get(KEY, own) for name, each in done.items()}
    spreads = ASKED if own_spreads else next(n for n, v in values.items() if isinstance(v, list))
    part, judge = list(found.judges.items())[-1]
    valid = found.judges["valid"]
    singles = [name for name in values if name != spreads and name in valid]
    figures: dict[str, Estimate | float | str] = {"head rate": head}
    if spreads not in valid or not singles:
        return replace(found, figures=figures)
    best = valid.best(singles)
    gains = {name: judge.gain(spreads, name) for name in singles}
    figures["spread over best single"] = gains[best]
    figures |= {f"spread over {name}": gain for name, gain in gains.items()}
    apart = "" if gains[best].excludes_zero else ", within luck"
    worth = (
        f"On {part}, spread rates ('{spreads}') gain {signed(gains[best])} in {judge.metric} over "
        f"the single rate that is best on valid ('{best}'){apart}."
    )
    return replace(found, says=[*found.says, worth], figures=figures)
