"""What do the range test's suggestions cost beside the best rate; which is too low or too high?

The first phase that has epochs is trained alone: at each rate of a grid, and at each suggestion of
its range test. Figures, gains in the metric on the part that tells:

- `best rate`: of the grid, by valid.
- `regret valley` (`slide`, `minimum`, `steep`): by how much the score is worse at the suggestion.
- `rate valley` …: what was suggested, the median over seeds; `factor valley` …: over the best rate.
- `too low`, `too high`: the rates nearest to the best, below and above it, that are told worse or
  give no model; not there where none is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from onecycle.errors import UserError
from onecycle.report.parts import Table
from onecycle.studies import grid, lr_picture
from onecycle.studies.arm import Arm, Asked, yaml
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Done, Finding, judged
from onecycle.studies.words import luck, signed, told

GRID = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
"""Half decades."""
SUGGESTIONS = ("valley", "slide", "minimum", "steep")
SUGGESTION = "lr_find.suggestion"


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked rate or suggestion, the other suggestions, and the grid.

    Raises:
        UserError: the phase has a range test of its own, or a value is no rate.
    """
    phase, key = asked.phases[0], key_of(asked)
    if phase == "unfrozen" and asked.of("learner.weights") is not None:
        setting = asked.setting("train.frozen.epochs", 1)
        raise UserError(
            f"study lr: {asked.problem} unfreezes a pretrained body at once, and then the rates "
            "are those of a test of its own, whatever lr_find.suggestion says: add "
            f"--set {setting} to look at a frozen phase, or take the study rates"
        )
    alone = {f"train.{name}.epochs": 0 for name in asked.phases[1:]}
    own, suggestion = asked.of(key), asked.of(SUGGESTION)
    rates = grid.rates(asked) or GRID
    found = [Arm(name, alone | {SUGGESTION: name, key: "find"}) for name in SUGGESTIONS]
    found += [Arm(f"lr {yaml(rate)}", alone | {key: rate}) for rate in rates]
    first = suggestion if own == "find" else f"lr {yaml(own)}"
    return [Arm(first, alone), *(each for each in found if each.name != first)]


def key_of(asked: Asked) -> str:
    """The rate of the phase that is looked at."""
    return f"train.{asked.phases[0]}.lr"


@dataclass(frozen=True)
class Rates:
    """The trained rates, those of the grid ascending.

    Attributes:
        grid: rate by arm.
        suggested: each seed's rate by suggestion; those that gave a model.
        best: the arm of the grid that is best on valid.
        low: the highest rate below the best that is told worse; null where none is.
        high: the lowest such above it.
    """

    grid: Mapping[str, float]
    suggested: Mapping[str, list[float]]
    best: str
    low: float | None
    high: float | None

    @classmethod
    def of(cls, asked: Asked, done: Done, judges: Mapping[str, Judge]) -> "Rates":
        """Chooses on valid, and tells on the last part what is worse.

        Raises:
            UserError: no rate of the grid gave a model.
        """
        key, valid, judge = key_of(asked), judges["valid"], list(judges.values())[-1]
        lrs = {name: each.arm.changes.get(key, asked.of(key)) for name, each in done.items()}
        fixed = {name: rate for name, rate in lrs.items() if isinstance(rate, float)}
        fixed = dict(sorted(fixed.items(), key=lambda each: each[1]))
        known = [name for name in fixed if name in valid]
        if not known:
            raise UserError("study lr: no rate of the grid gave a model: give lower --values")
        best = valid.best(known)
        worse = [
            rate
            for name, rate in fixed.items()
            if name not in judge or judge.gain(best, name).low > 0
        ]
        low = max((rate for rate in worse if rate < fixed[best]), default=None)
        high = min((rate for rate in worse if rate > fixed[best]), default=None)
        suggested = {name: used(done, name) for name in SUGGESTIONS if name in valid}
        return cls(fixed, suggested, best, low, high)

    @property
    def best_rate(self) -> float:
        """Of the grid, by valid."""
        return self.grid[self.best]

    @property
    def medians(self) -> dict[str, float]:
        """What is suggested, over seeds."""
        return {name: median(of) for name, of in self.suggested.items()}


def used(done: Done, arm: str) -> list[float]:
    """The rate that each seed of an arm trained at."""
    return [run.told["phases"][0]["rates"][-1] for run, *_ in done[arm].runs]


def read(asked: Asked, done: Done) -> Finding:
    """What each suggestion costs; what valid tells to be better than the asked one is adopted."""
    judges = judged(asked, done)
    base, (part, judge) = next(iter(done)), list(judges.items())[-1]
    rates = Rates.of(asked, done, judges)
    regret = {name: judge.gain(rates.best, name) for name in rates.suggested}
    choice = chosen(judges["valid"], base, rates)
    says = [
        f"The best rate of the grid, by valid, is {rates.best_rate:.2g}: {judge.metric} on {part} "
        f"is {told(judge.value(rates.best))} ({luck(judge, len(asked.seeds))}).",
        *costs(regret, part),
        *bounds(rates, judge.metric, part),
        *([grid.worth(judge, part, choice, base)] if choice != base and base in judge else []),
        *(["The phase was trained alone, without the other."] if len(asked.phases) > 1 else []),
        *grid.failures(done),
    ]
    return Finding(
        says,
        judges,
        base if base in judge else choice,
        [] if choice == base else adopt(asked, done, choice),
        figures(rates, regret),
        [table(rates, regret, judge, part)] if regret else [],
        lr_picture.of(done, judge, part, rates),
    )


def chosen(valid: Judge, base: str, rates: Rates) -> str:
    """The best suggestion, if told better than the asked arm; a fixed rate, if told better yet."""
    kept = base
    for names in (list(rates.suggested), [rates.best]):
        best = valid.best(names) if names else kept
        if kept not in valid or valid.gain(best, kept).low > 0:
            kept = best
    return kept


def adopt(asked: Asked, done: Done, arm: str) -> list[str]:
    """The settings of an arm's rate; those that leave the other phase out are the study's own."""
    wanted = {
        key: value
        for key, value in done[arm].arm.changes.items()
        if key in (SUGGESTION, key_of(asked)) and value != asked.of(key)
    }
    return [asked.setting(key, value) for key, value in wanted.items()]


def costs(regret: Mapping[str, Estimate], part: str) -> list[str]:
    """Which suggestions are told worse than the best rate, and which are not."""
    dear = [f"'{name}' ({signed(each)})" for name, each in regret.items() if each.low > 0]
    free = [f"'{name}' ({signed(each)})" for name, each in regret.items() if each.low <= 0]
    says = [f"On {part}, told worse than that: {', '.join(dear)}."] if dear else []
    return [*says, f"Not told worse: {', '.join(free)}."] if free else says


def bounds(rates: Rates, metric: str, part: str) -> list[str]:
    """From where on rates are too low or too high."""
    ends = []
    if rates.low is not None:
        ends.append(f"{rates.low:.2g} and below is too low")
    if rates.high is not None:
        ends.append(f"{rates.high:.2g} and above is too high")
    if not ends:
        return [f"No rate of the grid is told worse than the best on {part}."]
    return [f"{', '.join(ends)}: told worse in {metric} on {part}, or without a model."]


def figures(rates: Rates, regret: Mapping[str, Estimate]) -> dict[str, Estimate | float | str]:
    """As the module's docstring has them."""
    found: dict[str, Estimate | float | str] = {"best rate": rates.best_rate}
    for name, rate in rates.medians.items():
        found[f"regret {name}"] = regret[name]
        found[f"rate {name}"] = rate
        found[f"factor {name}"] = rate / rates.best_rate
    ends = {"too low": rates.low, "too high": rates.high}
    return found | {name: rate for name, rate in ends.items() if rate is not None}


def table(rates: Rates, regret: Mapping[str, Estimate], judge: Judge, part: str) -> Table:
    """The suggestions beside the best rate."""
    columns = ["suggestion", "rate", "of the best rate", f"{judge.metric} on {part}", "worse by"]
    rows = [
        [
            name,
            f"{rate:.2g}",
            f"{rate / rates.best_rate:.2g} times",
            told(judge.value(name)),
            signed(regret[name]),
        ]
        for name, rate in rates.medians.items()
    ]
    return Table(columns, rows)
