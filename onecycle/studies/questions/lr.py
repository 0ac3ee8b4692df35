"""What do the range test's suggestions cost beside the best rate; which is too low or too high?

The first phase that has epochs is trained alone: at each rate of a grid, and at each suggestion of
its range test. Figures, gains in the metric on the part that tells:

- `best rate`: of the grid, by valid.
- `regret valley` (`slide`, `minimum`, `steep`): by how much the score is worse at the suggestion.
- `rate valley` …: what was suggested, the median over seeds; `factor valley` …: over the best rate.
- `range tests unread`: how many seeds' range tests tell no rate; these say nothing of suggestions.
- `too low`, `too high`: the rates up to which, and from which on, all are told worse than the best
  or give no model; not there where none is.
"""

from onecycle.errors import UserError
from onecycle.report.parts import Table
from onecycle.studies import grid
from onecycle.studies.arm import Arm, Asked, yaml
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Done, Finding, judged
from onecycle.studies.questions import lr_picture
from onecycle.studies.questions.lr_reading import SUGGESTIONS, Rates, key_of, weighed
from onecycle.studies.words import luck, signed, told

GRID = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
"""Half decades."""
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


def read(asked: Asked, done: Done) -> Finding:
    """What each suggestion costs; what valid tells to be better than the asked one is adopted."""
    judges = judged(asked, done)
    base, (part, judge) = next(iter(done)), list(judges.items())[-1]
    rates = weighed(asked, done, judges)
    choice = chosen(judges["valid"], base, rates)
    says = [
        f"The best rate of the grid, by valid, is {rates.best_rate:.2g}: {judge.metric} on {part} "
        f"is {told(judge.value(rates.best))} ({luck(judge, len(asked.seeds))}).",
        *costs(rates, part, len(asked.seeds)),
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
        figures(rates),
        [table(rates, f"{judge.metric} on {part}")] if rates.suggested else [],
        lr_picture.of(done, judge, part, rates),
    )


def chosen(valid: Judge, base: str, rates: Rates) -> str:
    """The best suggestion, if told better than the asked arm; a fixed rate, if told better yet.

    Each is the best of several, so gains are held all at once (`Judge.gains`).
    """
    kept = base
    for names in (SUGGESTIONS, list(rates.grid)):
        known = [name for name in names if name in valid]
        best = valid.best(known) if known else kept
        if kept not in valid or (known and valid.gains(known, kept)[best].low > 0):
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


def costs(rates: Rates, part: str, seeds: int) -> list[str]:
    """Which suggestions are told worse than the best rate, and which are not."""
    regret = {name: each.regret for name, each in rates.suggested.items()}
    dear = [f"'{name}' ({signed(each)})" for name, each in regret.items() if each.low > 0]
    free = [f"'{name}' ({signed(each)})" for name, each in regret.items() if each.low <= 0]
    says = []
    if rates.unread:
        says.append(
            f"The range tests of {rates.unread} of {seeds} seeds tell no rate; what follows of "
            "suggestions is of the others."
        )
    if dear:
        says.append(f"On {part}, worse than at the best rate by: {', '.join(dear)}.")
    if free:
        says.append(f"On {part}, not told worse than at the best rate: {', '.join(free)}.")
    return says


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


def figures(rates: Rates) -> dict[str, Estimate | float | str]:
    """As the module's docstring has them."""
    found: dict[str, Estimate | float | str] = {"best rate": rates.best_rate}
    for name, each in rates.suggested.items():
        found[f"regret {name}"] = each.regret
        found[f"rate {name}"] = each.rate
        found[f"factor {name}"] = each.rate / rates.best_rate
    ends = {"too low": rates.low, "too high": rates.high}
    found["range tests unread"] = float(rates.unread)
    return found | {name: rate for name, rate in ends.items() if rate is not None}


def table(rates: Rates, score: str) -> Table:
    """The suggestions beside the best rate."""
    rows = [
        [
            name,
            f"{each.rate:.2g}",
            f"{each.rate / rates.best_rate:.2g} times",
            told(each.score),
            signed(each.regret),
        ]
        for name, each in rates.suggested.items()
    ]
    return Table(["suggestion", "rate", "of the best rate", score, "worse by"], rows)
