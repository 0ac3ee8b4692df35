"""Is collaborative filtering better than the mean, biases, a truncated SVD and ALS?

Models are trained, at the asked model's rates, and the textbook's recommenders fitted on the same
ratings; damping and rank are chosen on valid. All are judged by the same ratings: of test, or of
valid where there is no test.
Intervals are over ratings and seeds, for a random split asks about other ratings of these users;
those over users, whose ratings may be alike, stand beside them.

Models: `asked`, and by `--values` (the default: all of them but `neural`, less what is asked)
`dot` (no bias), `dot_bias`, `implicit` and `neural` (in place of the asked learner.arch),
`no_decay` (no weight decay) and `no_range` (no sigmoid). Baselines: `mean`, `biases`, `svd`, `als`.

Figures, A a model and B another or a baseline; a gain is paired and above 0 where A is better:

- `rmse_B`, `mse_B`, also for `asked`; `valid_rmse_B` on valid, where baselines were chosen;
- `A_over_B`: by how much A's rmse is lower; `mse_asked_over_B` likewise of mse; so the bias serves
  by `dot_bias_over_dot` (`asked_over_dot` where dot_bias is asked), weight decay by
  `asked_over_no_decay`, the sigmoid by `asked_over_no_range`;
- `by_user_asked_over_B`: the same with whole users resampled;
- `best_baseline`, by valid; `fitted_B`: what was chosen for a baseline.
"""

from collections.abc import Mapping
from typing import Any

from onecycle.errors import UserError
from onecycle.params import nearest
from onecycle.report.parts import Table
from onecycle.studies import grid, pictures
from onecycle.studies.arm import ASKED, Arm, Asked
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Done, Finding, Picture, judged
from onecycle.studies.measured import estimates
from onecycle.studies.outcome import Outcome
from onecycle.studies.questions.textbook import NAMES, Figures, Textbook, key
from onecycle.studies.words import luck, signed, told

GRID = ("dot", "dot_bias", "implicit", "no_decay", "no_range")
IMPLICIT = {
    "learner.factors": 64,
    "learner.batch_size": 1024,
    "learner.wd": 2.0,
    "learner.bias_wd": 0.02,
    "learner.implicit_wd": 3.0,
}
"""Of patches/implicit.yaml, chosen on other splits of MovieLens-100k; with 20 epochs at 5e-3."""
WORDS = {
    "mean": "train's mean",
    "biases": "biases of user and item",
    "svd": "a truncated SVD",
    "als": "alternating least squares",
}


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked model, and others that lack one thing or are of another kind.

    Raises:
        UserError: the target is no rating, or `--values` names no model.
    """
    if asked.kind != "rating":
        raise UserError(
            f"baselines: {asked.problem} has no ratings (prepare.y: {asked.kind}); the study is "
            "for a problem of y: rating, such as sample_movielens"
        )
    menu = _menu(asked)
    names = [str(each) for each in asked.values] or list(GRID)
    for name in names:
        if name not in menu:
            raise UserError(f"baselines: --values: no model '{name}'; {nearest(name, menu)}")
    finds = [name for name in asked.phases if asked.of(f"train.{name}.lr") == "find"]
    if finds and (ASKED not in done or done[ASKED].failed):
        return [Arm(ASKED)]
    rates = _rates(done[ASKED], finds) if finds else {}
    new = [Arm(name, rates | menu[name]) for name in names if _changes(asked, menu[name])]
    return [Arm(ASKED), *new]


def _rates(outcome: Outcome, phases: list[str]) -> dict[str, Any]:
    """The asked model's rates, of the first seed: a model of another kind may show none."""
    told = {each["name"]: each["rates"] for each in outcome.runs[0][0].told["phases"]}
    return {f"train.{name}.lr": told[name][-1] for name in phases}  # it has one layer group


def _menu(asked: Asked) -> dict[str, dict[str, Any]]:
    """Changes by the name of a model."""
    last = asked.phases[-1]
    course = {f"train.{last}.epochs": 20, f"train.{last}.lr": 5e-3}
    return {
        "dot": {"learner.arch": "dot"},
        "dot_bias": {"learner.arch": "dot_bias"},
        "implicit": {"learner.arch": "implicit", **IMPLICIT, **course},
        "neural": {"learner.arch": "neural", "learner.factors": None, "learner.wd": 0.01},
        "no_decay": {"learner.wd": 0.0},
        "no_range": {"learner.y_range": None},
    }


def _changes(asked: Asked, changes: Mapping[str, Any]) -> bool:
    """Whether a model is not what is asked: by its first change, which names it."""
    key, value = next(iter(changes.items()))
    return bool(asked.of(key) != value)


def read(asked: Asked, done: Done) -> Finding:
    """Chooses model and baseline on valid, and tells on test what they are worth.

    Raises:
        UserError: the asked model could not be trained.
    """
    if why := done[ASKED].failed:
        raise UserError(f"baselines: the model as asked gave none: {why}")
    textbook = Textbook.of(asked.paths)
    judges = {part: textbook.joined(judge, part) for part, judge in judged(asked, done).items()}
    part = done[ASKED].judged
    best = judges["valid"].best(list(NAMES))
    figures = textbook.figures(judges, part) | {"best_baseline": best}
    models = [name for name in judges["valid"].parts if name not in NAMES]
    chosen = judges["valid"].best(models)
    others = [name for name in models if name != ASKED]
    better = chosen != ASKED and judges["valid"].gains(others, ASKED)[chosen].low > 0
    says = _says(figures, models, best, luck(judges[part], len(asked.seeds)))
    says += grid.failures(done)
    return Finding(
        says,
        judges,
        ASKED,
        grid.adopt(asked, done, chosen) if better else [],
        figures,
        [_table(figures, [*NAMES, *models])],
        _picture(judges, part, len(asked.seeds)),
    )


def _says(found: Figures, models: list[str], best: str, over: str) -> list[str]:
    """The finding in words."""
    of = estimates(found)
    gain = of[f"asked_over_{best}"]
    how = "better than" if gain.low > 0 else "worse than" if gain.high < 0 else "not told from"
    says = [
        f"The model as asked is {how} {WORDS[best]}, the best of the textbook's on valid: rmse "
        f"{told(of['rmse_asked'])} against {told(of[f'rmse_{best}'])}, a gain of {signed(gain)} "
        f"({over}); {signed(of[f'by_user_asked_over_{best}'])} with users resampled.",
        "Its gain over "
        + ", ".join(
            f"{WORDS[name]} is {signed(of[f'asked_over_{name}'])}" for name in NAMES if name != best
        )
        + ".",
    ]
    for name in models:
        if name == ASKED:
            continue
        gain = of[f"{name}_over_asked"]
        how = "better" if gain.low > 0 else "worse" if gain.high < 0 else "not told apart"
        says.append(
            f"'{name}' beside it: {signed(gain)}, {how}; its gain over {WORDS[best]} is "
            f"{signed(of[f'{name}_over_{best}'])}."
        )
    return says


def _table(found: Figures, names: list[str]) -> Table:
    """A row for each model and baseline."""
    rows = []
    for name in names:
        its = key(name)
        each = [found.get(f"{of}_{its}") for of in ("rmse", "mse", "asked_over")]
        cells = [told(of) if isinstance(of, Estimate) else "" for of in each[:2]]
        gain = signed(each[2]) if isinstance(each[2], Estimate) else ""
        rows.append([str(found.get(f"fitted_{name}", name)), *cells, gain])
    return Table(["model", "rmse", "mse", "gain of the asked"], rows)


def _picture(judges: Mapping[str, Judge], part: str, seeds: int) -> Picture:
    """All of them, as studies show their arms."""
    judge = judges[part]
    arms = [
        {
            "name": name,
            "score": {of: each.value(name).json() for of, each in judges.items()},
        }
        for name in judge.parts
    ]
    found = {
        "n": dict.fromkeys(judges),
        "arms": arms,
        "metric": judge.metric,
        "base": ASKED,
        "seeds": range(seeds),
    }
    return pictures.arms(found)
