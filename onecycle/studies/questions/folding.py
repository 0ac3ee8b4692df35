"""What studies share that judge every item once, over a series of folds."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from onecycle.decide.scores import Floats
from onecycle.errors import UserError
from onecycle.report.figures import Theme, calm
from onecycle.report.parts import Table
from onecycle.studies.arm import ASKED, Asked
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Done, Finding, Picture
from onecycle.studies.questions.folded import FOLDS, Folded, spread
from onecycle.studies.words import luck, score, signed, told
from onecycle.tables import read_frame, read_items


def items(asked: Asked) -> pd.DataFrame:
    """The items table."""
    return read_items(asked.paths.data("items.parquet"))


def share(asked: Asked, part: str) -> float:
    """The share of a part that the split asks for; the default where it asks for none."""
    found = asked.of(f"split.{part}")
    return found if isinstance(found, float) and 0 < found < 1 else 0.2


def split(asked: Asked, by: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - of params.yaml
    """The split section of folds, with the asked one's limits of leaks."""
    seed = asked.of("split.seed")
    return {
        "by": by,
        "k": asked.folds,
        "valid": share(asked, "valid"),
        "seed": 42 if seed is None else seed,
        "leaks": asked.of("split.leaks"),
        **more,
    }


def check_groups(asked: Asked, study: str, other: str) -> None:
    """Refuses what can't be folded by groups.

    Raises:
        UserError: items without groups, or fewer groups than folds; the remedy.
    """
    groups = items(asked)["group"]
    lack, n = int(groups.isna().sum()), groups.nunique()
    if lack:
        raise UserError(
            f"{study}: {lack:,} of {len(groups):,} items of {asked.problem} have no group; "
            f"set prepare.group, or take `python -m tasks study {other} {asked.problem}`"
        )
    if n < asked.folds:
        raise UserError(f"{study}: {n} groups make no {asked.folds} folds; take --folds {n}")


def read(asked: Asked, done: Done, *, whole_groups: bool) -> Finding:
    """The pooled score beside each fold's, what luck makes of folds, and the asked split's score.

    The pooled interval knows the luck of the items and of the seed. Not that of what was learnt
    from: the folds' models share most of it, and nothing tells it without bias (Bengio and
    Grandvalet 2004, No Unbiased Estimator of the Variance of K-Fold Cross-Validation). A metric of
    ranking, such as map, ranks items by the scores of several models, which need not be alike: so
    it may be lower pooled than in each fold (Forman and Scholz 2010, Apples-to-Apples in
    Cross-Validation Studies).

    Figures: `pooled`, `fold 0` and so on, `as asked`; `pooled less as asked`, with an interval as
    if they were independent, and `as asked, width over pooled`, of their intervals; `spread of
    folds`, their standard deviation, `spread by luck`, its mean and the range of 95 % where units
    (groups, or items) are dealt out by chance, `deals that spread as much`, a share; where groups
    are whole `spread by luck of items` too; `learns from` and `as asked, learns from`, in items.
    """
    folded = Folded.of(asked.kind, done[FOLDS], whole_groups=whole_groups)
    judges = {FOLDS: folded.judge}
    if not done[ASKED].failed:
        part = done[ASKED].judged
        judges[part] = Judge.of(asked.kind, {ASKED: done[ASKED]}, part)
    dealt = folded.dealt(groups=whole_groups)
    figures = _figures(asked, done, folded, dealt, judges)
    says = [_pooled(asked, folded), _spread(figures, folded), *_asked(figures, judges)]
    if asked.of("split.by") == "time":
        says.append("The asked split is by time; a fold's models saw what came after its items.")
    values = {name: each for name, each in figures.items() if name.startswith("fold ")}
    scores = {"all folds": figures["pooled"], ASKED: figures.get(ASKED), **values}
    shown = {name: each for name, each in scores.items() if isinstance(each, Estimate)}
    height = 1.1 + 0.3 * len(shown)
    unit = "groups" if whole_groups else "items"
    alone = any(each.within_groups for each in folded.folds)
    few = ", of folds with few groups over their items alone" if alone else ""
    picture = Picture(
        lambda figure, theme: _draw(figure, theme, folded, shown, dealt, height),
        f"{folded.judge.metric} of each fold, of all and of the asked split: "
        + ", ".join(f"{name} {score(each.value)}" for name, each in shown.items()),
        f"With 95 % intervals{few}. Shaded: where 95 % of folds lie if {unit} are dealt out by "
        "chance.",
        height,
    )
    return Finding(says, judges, FOLDS, [], figures, [_table(folded)], picture)


def _figures(
    asked: Asked, done: Done, folded: Folded, dealt: Floats, judges: dict[str, Judge]
) -> dict[str, Estimate | float | str]:
    pooled, own = folded.judge.value(FOLDS), float(spread(folded.values))
    by_luck = spread(dealt)
    found: dict[str, Estimate | float | str] = {"pooled": pooled}
    found |= {f"fold {at}": each.value(FOLDS) for at, each in enumerate(folded.folds)}
    found |= {"spread of folds": own, "spread by luck": _range(by_luck)}
    found["deals that spread as much"] = float((by_luck >= own - 1e-12).mean())
    if folded.whole_groups:
        found["spread by luck of items"] = _range(spread(folded.dealt(groups=False)))
    sizes = [len(run.parts["valid"]) + len(run.parts["test"]) for run in done[FOLDS].runs[0]]
    found["learns from"] = float(len(items(asked)) - np.mean(sizes))
    split = read_frame(asked.paths.data("split.parquet"))
    found["as asked, learns from"] = int((split["split"] == "train").sum())
    for judge in judges.values():
        if ASKED in judge:
            value = judge.value(ASKED)
            found[ASKED] = value
            found["pooled less as asked"] = apart(pooled, value)
            if pooled.high > pooled.low:
                widths = (value.high - value.low) / (pooled.high - pooled.low)
                found["as asked, width over pooled"] = widths
    return found


def _range(values: Floats) -> Estimate:
    """Their mean, and between what 95 % of them lie."""
    low, high = np.quantile(values, [0.025, 0.975]).tolist()
    return Estimate(float(values.mean()), low, high)


def apart(one: Estimate, other: Estimate) -> Estimate:
    """What one is more than another that was judged by other items; by MOVER."""
    gap = one.value - other.value
    low = gap - np.hypot(one.value - one.low, other.high - other.value)
    high = gap + np.hypot(one.high - one.value, other.value - other.low)
    return Estimate(gap, float(low), float(high))


def _pooled(asked: Asked, folded: Folded) -> str:
    judge = folded.judge
    return (
        f"Over {len(folded.folds)} folds, each item judged by a model that did not learn from it, "
        f"{judge.metric} is {told(judge.value(FOLDS))} ({luck(judge, len(asked.seeds))})."
    )


def _spread(figures: dict[str, Any], folded: Folded) -> str:
    by_luck, deals = figures["spread by luck"], figures["deals that spread as much"]
    unit = "groups" if folded.whole_groups else "items"
    ends = f"from {score(folded.values.min())} to {score(folded.values.max())}"
    verdict = "no more than luck" if deals > 0.05 else "more than luck: the folds' models differ"
    said = (
        f"The folds' own scores go {ends}, a standard deviation of "
        f"{score(figures['spread of folds'])}; {unit} dealt out by chance give {told(by_luck)}: "
        f"{verdict} ({100 * deals:.3g} % of deals spread as much)."
    )
    if folded.whole_groups:
        alone = figures["spread by luck of items"]
        verdict = "groups differ" if by_luck.value > alone.high else "groups hardly differ"
        said += f" Items dealt out one by one would give {told(alone)}: {verdict}."
    return said


def _asked(figures: dict[str, Any], judges: dict[str, Judge]) -> list[str]:
    """The asked split's score beside the pooled one."""
    said = []
    for part, judge in judges.items():
        if ASKED not in judge:
            continue
        gap = figures["pooled less as asked"]
        verdict = "are told apart" if gap.excludes_zero else "are not told apart"
        if judge.within_groups:
            verdict += ", but the latter's interval knows its few groups alone"
        said.append(
            f"The asked split's {part} says {told(figures[ASKED])}, of {judge.n:,} items; all "
            f"folds and it {verdict} (pooled less asked: {signed(gap)}). A fold's models learn "
            f"from {figures['learns from']:,.0f} items, the asked one's from "
            f"{figures['as asked, learns from']:,}."
        )
    return said


def _table(folded: Folded) -> Table:
    """Each fold by itself."""
    rows = []
    for at, judge in enumerate(folded.folds):
        groups = judge.parts[FOLDS][0].groups
        there = "–" if groups is None else str(len(np.unique(groups)))
        rows.append([str(at), f"{judge.n:,}", there, told(judge.value(FOLDS))])
    return Table(["fold", "items", "groups", folded.judge.metric], rows)


def _draw(
    figure: Figure,
    theme: Theme,
    folded: Folded,
    shown: dict[str, Estimate],
    dealt: Floats,
    height: float,
) -> None:
    figure.subplots_adjust(left=0.2, top=1 - 0.15 / height, bottom=0.55 / height)
    axes = calm(figure.add_subplot(), theme, folded.judge.metric)
    axes.axvspan(*np.quantile(dealt, [0.025, 0.975]), color=theme.area, linewidth=0, zorder=0)
    axes.axvline(shown["all folds"].value, color=theme.faint, linewidth=0.8, linestyle=":")
    colours = {"all folds": theme.accent, ASKED: theme.second}
    for at, (name, each) in enumerate(shown.items()):
        colour = colours.get(name, theme.faint)
        axes.plot([each.low, each.high], [at, at], color=colour, linewidth=1.6)
        axes.plot(each.value, at, "o", color=colour, markersize=6)
        if len(each.by_seed) > 1:
            axes.plot(each.by_seed, [at] * len(each.by_seed), "|", color=colour, markersize=7)
    axes.set_yticks(range(len(shown)), list(shown), parse_math=False)
    axes.set_ylim(len(shown) - 0.5, -0.6)
