"""By how much does a random split flatter, where items of a group are alike?

The same recipe on folds of items and on folds of whole groups. Both judge every item once, so their
difference is paired over items, and resampled over groups. Leaks that a random split has, such as
frames of one person on both sides, are what is looked at, so nothing limits them there.

Figures: `by group`, `random`; `flattery`, by how much random looks better, in the metric, and where
that is an error `flattery factor`, by how many times it looks smaller; `groups`, and `groups
flattered`, those that random judges better. Where the asked split divides groups, the line that
keeps them whole is to be adopted, whatever it flatters here.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from onecycle.decide.intervals import Resampled
from onecycle.decide.kinds import KINDS
from onecycle.decide.scores import Floats
from onecycle.report.figures import Theme, calm
from onecycle.report.parts import Table
from onecycle.splits import leaks
from onecycle.splits.limits import Leaks
from onecycle.studies.arm import Arm, Asked
from onecycle.studies.compare import Estimate, Judge, over_seeds
from onecycle.studies.finding import Done, Finding, Picture
from onecycle.studies.outcome import Part
from onecycle.studies.pictures import legend_above
from onecycle.studies.questions import folding
from onecycle.studies.questions.folded import FOLDS
from onecycle.studies.words import luck, score, signed, told
from onecycle.tables import read_frame

GROUP, RANDOM = "by group", "random"
KINDS_OF_LEAK = ("group", "identical", "near", "pair", "time")
SHOWN = 24  # groups in the picture


def arms(asked: Asked, done: Done) -> list[Arm]:
    """Folds of whole groups, and of items.

    Raises:
        UserError: there are fewer groups than folds.
    """
    folding.check_groups(asked, "split_worth", "kfold")
    free = {**asked.of("split.leaks"), **dict.fromkeys(KINDS_OF_LEAK), "duplicates": "leave"}
    whole, rows = (folding.split(asked, by) for by in ("group_kfold", "kfold"))
    return [
        Arm(GROUP, {"split": whole}, folds=asked.folds),
        Arm(RANDOM, {"split": {**rows, "leaks": free}}, folds=asked.folds),
    ]


def read(asked: Asked, done: Done) -> Finding:
    """How much better the recipe looks where groups are divided."""
    judge = _judge(asked, done)
    gain, groups = judge.gain(RANDOM, GROUP), by_group(judge)
    better = (
        groups[RANDOM] < groups[GROUP]
        if judge.lower_is_better
        else (groups[RANDOM] > groups[GROUP])
    )
    figures: dict[str, Estimate | float | str] = {
        GROUP: judge.value(GROUP),
        RANDOM: judge.value(RANDOM),
        "flattery": gain,
        "groups": len(groups),
        "groups flattered": int(better.sum()),
    }
    times = factor(judge)
    if times:
        figures["flattery factor"] = times
    adopt, why = _adopt(asked)
    says = [
        _first(judge, gain, times, len(asked.seeds)),
        f"By group {judge.metric} is {told(judge.value(GROUP))}, on random folds "
        f"{told(judge.value(RANDOM))}, of the same {judge.n:,} items; random judges "
        f"{int(better.sum())} of {len(groups)} groups better.",
        why,
    ]
    height = 1.3 + 0.24 * (min(len(groups), SHOWN) + 1)
    picture = Picture(
        lambda figure, theme: _draw(figure, theme, judge, groups, height),
        f"{judge.metric} of each group by both splits; over all items {score(gain.value)} better "
        "on the random one",
        "Each group judged by models that never saw it, and by models that learnt from others of "
        "its items. Above: all items, with 95 % intervals."
        + (f" The {SHOWN} groups with most items are shown." if len(groups) > SHOWN else ""),
        height,
    )
    tables = [_table(judge, groups)]
    return Finding(says, {FOLDS: judge}, GROUP, adopt, figures, tables, picture)


def _judge(asked: Asked, done: Done) -> Judge:
    """Both arms on the items that both judge: where duplicates are moved to train not all are."""
    parts = {name: each.parts("test") for name, each in done.items()}
    known = {name: each for name, each in parts.items() if each is not None}
    if len(known) < len(parts):
        return Judge.of(asked.kind, {GROUP: done[GROUP], RANDOM: done[RANDOM]}, "test")
    ids = np.intersect1d(known[GROUP][0].ids, known[RANDOM][0].ids)
    both = {name: [_only(each, ids) for each in of] for name, of in known.items()}
    return Judge(asked.kind, both, KINDS[asked.kind].headline)


def _only(part: Part, ids: "np.ndarray[Any, Any]") -> Part:
    rows = np.isin(part.ids, ids)
    return Part(**{name: each[rows] for name, each in part.arrays().items() if name != "epochs"})


def by_group(judge: Judge) -> pd.DataFrame:
    """Each group's metric by both splits: `group n`, and a column for each arm."""
    names, code = np.unique(np.asarray(judge.parts[GROUP][0].groups), return_inverse=True)
    of = (code == np.arange(len(names))[:, None]).astype(np.float64)
    scores: dict[str, Floats] = {arm: judge.weighted(arm, of) for arm in (GROUP, RANDOM)}
    return pd.DataFrame({"group": names, "n": of.sum(axis=1).astype(int), **scores})


def factor(judge: Judge) -> Estimate | None:
    """How many times smaller an error looks on the random split; null where it is no error."""
    means, seeds = zip(
        *((judge.mean(arm), judge.by_seed(arm)) for arm in (GROUP, RANDOM)), strict=True
    )
    least = min(float(each.drawn.min()) for each in means)
    if not judge.lower_is_better or least <= 0 or min(each.min() for each in seeds) <= 0:
        return None
    whole, rows = (
        Resampled(np.log(each.value), np.log(each.drawn), each.units, each.grouped)
        for each in means
    )
    found = over_seeds(whole - rows, np.log(seeds[0]) - np.log(seeds[1]))
    value, low, high = np.exp([found.value, found.low, found.high]).tolist()
    return Estimate(value, low, high, tuple(np.exp(found.by_seed).tolist()))


def _first(judge: Judge, gain: Estimate, times: Estimate | None, seeds: int) -> str:
    of = luck(judge, seeds)
    size = f"{judge.metric} looks {signed(gain)} better"
    size += f", {told(times)} times smaller," if times else ""
    if gain.low > 0:
        return f"A random split flatters: {size} than by group ({of})."
    if gain.high < 0:
        return f"A random split does not flatter here: {size} than by group ({of})."
    return f"That a random split flatters is not told from luck: {size} than by group ({of})."


def _adopt(asked: Asked) -> tuple[list[str], str]:
    """The line that keeps groups whole, where the asked split divides them."""
    split = read_frame(asked.paths.data("split.parquet"))
    divided = leaks.shared_groups(folding.items(asked), split)
    if not divided:
        return [], "The asked split keeps groups whole: nothing is to be changed."
    if asked.of("split.whole_groups") is False:
        return [], "The asked split divides groups on purpose, by time: nothing is to be changed."
    seed = asked.of("split.seed")
    whole = {
        "by": "group",
        "valid": folding.share(asked, "valid"),
        "test": folding.share(asked, "test"),
        "seed": 42 if seed is None else seed,
    }
    if asked.of("split.calib"):
        whole["calib"] = asked.of("split.calib")
    own, usual = asked.of("split.leaks"), Leaks().model_dump()
    if limits := {key: each for key, each in own.items() if each != usual[key] and key != "group"}:
        whole["leaks"] = limits  # what it asked for else stays: a section takes the whole's place
    why = f"The asked split divides {len(divided):,} groups, so its scores are flattered likewise."
    return [asked.setting("split", whole)], why


def _table(judge: Judge, groups: pd.DataFrame) -> Table:
    """The groups, those first for which the splits differ most."""
    order = (groups[RANDOM] - groups[GROUP]).abs().sort_values(ascending=False).index
    rows = [
        [str(row["group"]), f"{row['n']:,}", score(row[GROUP]), score(row[RANDOM])]
        for _, row in groups.loc[order].iterrows()
    ]
    metric = judge.metric
    return Table(["group", "items", f"{metric}, {GROUP}", f"{metric}, {RANDOM}"], rows)


def _draw(figure: Figure, theme: Theme, judge: Judge, groups: pd.DataFrame, height: float) -> None:
    figure.subplots_adjust(left=0.2, top=1 - 0.4 / height, bottom=0.55 / height)
    axes = calm(figure.add_subplot(), theme, judge.metric)
    some = groups.nlargest(SHOWN, "n").sort_values(GROUP, ascending=not judge.lower_is_better)
    colours = {GROUP: theme.accent, RANDOM: theme.second}
    for shift, (arm, colour) in zip((-0.14, 0.14), colours.items(), strict=True):
        found = judge.value(arm)
        axes.plot([found.low, found.high], [shift, shift], color=colour, linewidth=1.6)
        axes.plot(found.value, shift, "o", color=colour, markersize=7, label=arm)
        axes.axvline(found.value, color=colour, linewidth=0.8, linestyle=":")
    places = np.arange(len(some)) + 1.3
    axes.hlines(places, some[GROUP], some[RANDOM], color=theme.faint, linewidth=1.4)
    for arm, colour in colours.items():
        axes.plot(some[arm], places, "o", color=colour, markersize=5)
    axes.set_yticks([0, *places], ["all", *some["group"]], parse_math=False)
    axes.set_ylim(places[-1] + 0.6, -0.6)
    least, most = groups[[GROUP, RANDOM]].min().min(), groups[[GROUP, RANDOM]].max().max()
    if judge.lower_is_better and 0 < least < most / 10:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
    legend_above(figure, axes, theme)
