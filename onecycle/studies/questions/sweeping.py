"""One aim's sweep on valid and on test: figures and picture of the study `threshold`."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.figure import Figure

from onecycle.decide.intervals import Resampled
from onecycle.decide.scores import Floats
from onecycle.decide.thresholds import THRESHOLDS, best_place
from onecycle.report.figures import Theme, calm
from onecycle.studies.compare import SEED, Estimate, averaged, over_seeds
from onecycle.studies.finding import Picture
from onecycle.studies.measured import Measured
from onecycle.studies.outcome import Part
from onecycle.studies.pictures import legend_above
from onecycle.studies.questions import curves
from onecycle.studies.questions.choosing import CHOICES, SWEEP, Chooser, middle, pooled
from onecycle.studies.questions.curves import PLACES

PANEL = 2.3  # inches


@dataclass(frozen=True)
class Sweep:
    """What an aim comes to at each threshold, as each seed's model has it.

    Attributes:
        chooser: the aim, and how thresholds are chosen for it.
        valid: the items to choose on, by seed.
        test: those that tell.
    """

    chooser: Chooser
    valid: list[Part]
    test: list[Part]

    @property
    def aim(self) -> str:
        """Its name."""
        return self.chooser.goal.aim

    @cached_property
    def on_valid(self) -> Measured:
        """The curve there, by place."""
        return curves.swept(self.valid, self.chooser.goal, SEED)

    @cached_property
    def on_test(self) -> Measured:
        """Likewise; its own seed, for the two parts are independent."""
        return curves.swept(self.test, self.chooser.goal, SEED + 1)

    @cached_property
    def crossed(self) -> Measured:
        """What each choice reaches on valid, a fifth judged by what the others fitted."""
        given = [self.chooser.crossed(part) for part in self.valid]
        return self.chooser.measured(self.valid, given)

    @cached_property
    def chosen(self) -> list[str]:
        """The place of the threshold that each seed's valid chooses."""
        return [PLACES[best_place(curve)] for curve in _by_seed(self.on_valid)]

    @property
    def thresholds(self) -> list[float]:
        """Those."""
        return [float(THRESHOLDS[int(place)]) for place in self.chosen]

    @cached_property
    def bumpy(self) -> int:
        """With how many seeds the curve on valid has a dip that is told from luck."""
        seeds = _by_seed(self.on_valid)
        drawn = self.on_valid.resampled.drawn.reshape(-1, len(PLACES), len(seeds))
        return sum(curves.is_bumpy(curve, drawn[:, :, at]) for at, curve in enumerate(seeds))

    def figures(self) -> dict[str, Estimate | float]:
        """All that the study tells of the aim, without the aim's name in theirs."""
        return self._smooth() | self._flat() | self._overfit() | self._parted() | self._finer()

    def _smooth(self) -> dict[str, Estimate | float]:
        found, seeds = self.on_valid, _by_seed(self.on_valid)
        dips = [curves.dip(curve) for curve in seeds]
        ends = [(int(curve.argmax()), int(curve.argmin())) for curve in seeds]
        return {
            "bumps": float(np.mean([curves.bumps(curve) for curve in seeds])),
            "bumpy": float(self.bumpy),
            "dip": _over(_between(found, dips)),
            "range": _over(_between(found, ends)),
        }

    def _flat(self) -> dict[str, Estimate | float]:
        best = best_place(np.mean(_by_seed(self.on_valid), axis=0))
        same = [self.on_valid.more(PLACES[best], place).low <= 0 for place in PLACES]
        low, high = best, best
        while low > 0 and same[low - 1]:
            low -= 1
        while high < len(same) - 1 and same[high + 1]:
            high += 1
        return {"flat_from": float(THRESHOLDS[low]), "flat_to": float(THRESHOLDS[high])}

    def _overfit(self) -> dict[str, Estimate | float]:
        fit, test = self.on_valid.each(self.chosen), self.on_test.each(self.chosen)
        plain = [curves.HALF] * len(self.valid)
        gap = fit - test
        best = [PLACES[best_place(curve)] for curve in _by_seed(self.on_test)]
        return {
            "chosen": float(np.mean(self.thresholds)),
            "fit": _over(fit, self.on_valid.metric),
            "test": _over(test, self.on_test.metric),
            "gap": _over(gap),
            "choosing": _over(gap - (self.on_valid.each(plain) - self.on_test.each(plain))),
            "regret": _over(self.on_test.each(best) - test),
        }

    def _parted(self) -> dict[str, Estimate | float]:
        both = [pooled(*parts) for parts in zip(self.valid, self.test, strict=True)]
        seeds = [self.chooser.parted(each) for each in both]
        found = {name: middle([of[name] for of in seeds]) for name in seeds[0]}
        parted = {f"optimism_{name}": found[f"optimism {name}"] for name in CHOICES[1:]}
        parted |= {f"parted_gain_{name}": found[f"gain {name}"] for name in CHOICES[1:]}
        return {**parted, "parted_regret": found["regret"]}

    def _finer(self) -> dict[str, Estimate | float]:
        pairs = zip(self.valid, self.test, strict=True)
        given = [self.chooser.labels(fit, on) for fit, on in pairs]
        told: dict[str, Estimate | float] = {}
        measured = {"valid": self.crossed, "test": self.chooser.measured(self.test, given)}
        for part, each in measured.items():
            told |= {f"{part}_{name}": each[name] for name in CHOICES}
            gains = [name for name in CHOICES if name != SWEEP]
            told |= {f"{part}_gain_{name}": each.more(name, SWEEP) for name in gains}
        return told


def _by_seed(found: Measured) -> list[Floats]:
    """Each seed's curve, [29]."""
    return list(found.resampled.value.reshape(len(PLACES), -1).T)


def _between(found: Measured, places: Sequence[tuple[int, int]]) -> Resampled:
    """Of each seed the difference of two places."""
    one, other = zip(*places, strict=True)
    return found.each([PLACES[at] for at in one]) - found.each([PLACES[at] for at in other])


def _over(columns: Resampled, metric: str | None = None) -> Estimate:
    return over_seeds(averaged(columns), columns.value, metric)


def picture(sweeps: Sequence[Sweep]) -> Picture:
    """Each aim's curve on valid and test in its band, and the thresholds chosen."""
    height = PANEL * len(sweeps) + 0.6

    def draw(figure: Figure, theme: Theme) -> None:
        figure.subplots_adjust(top=1 - 0.3 / height, bottom=0.5 / height, hspace=0.18)
        panels = figure.subplots(len(sweeps), sharex=True, squeeze=False)[:, 0]
        for axes, sweep in zip(panels, sweeps, strict=True):
            calm(axes, theme, "threshold" if axes is panels[-1] else "", sweep.aim)
            parts = {"test": sweep.on_test, "valid": sweep.on_valid}
            for (name, found), colour in zip(
                parts.items(), (theme.accent, theme.second), strict=True
            ):
                band = found.curve()
                axes.fill_between(
                    THRESHOLDS, band["low"], band["high"], color=colour, alpha=0.15, linewidth=0
                )
                for curve in _by_seed(found) if len(sweep.valid) > 1 else []:
                    axes.plot(THRESHOLDS, curve, color=colour, linewidth=0.6, alpha=0.6)
                axes.plot(THRESHOLDS, band["value"], color=colour, linewidth=1.6, label=name)
            for threshold in sorted(set(sweep.thresholds)):
                axes.axvline(threshold, color=theme.faint, linewidth=0.9, linestyle=":")
        panels[0].plot([], [], ":", color=theme.faint, linewidth=0.9, label="chosen on valid")
        legend_above(figure, panels[0], theme)

    words = "; ".join(
        f"{each.aim}, chosen at " + ", ".join(f"{t:.2f}" for t in each.thresholds)
        for each in sweeps
    )
    return Picture(
        draw,
        f"What each threshold of the sweep reaches on valid and on test: {words}",
        "The sweep on valid and on test, the mean over seeds in its 95 % band over items, and each "
        "seed's own (thin); dotted, the threshold that each seed's model gets from valid.",
        height,
    )
