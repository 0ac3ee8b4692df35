"""How large a model pays: from small to large, where does the gain fall within its interval?

Architectures are trained in their order, each compared with the last that was kept; the next is
trained only where the last gained beyond luck on valid. The asked one is trained in any case, and
comes first where it is none of them. All else is as asked: `lr: find` gives each its own rate.
Figures, in the metric on the part that tells:

- `gain B over A`: of each step.
- `time B`: of training, as a share of the asked one's (see `onecycle.studies.times`).
- `kept`: the last that gained beyond luck; `smallest`: the first in the order that is shown to be
  as good as the one that serves, to a hundredth (`Judge.spares`). The asked one serves, unless the
  best is told better.
"""

from collections.abc import Sequence
from typing import Any

from onecycle.errors import UserError
from onecycle.studies import grid, pictures, times
from onecycle.studies.arm import Arm, Asked, yaml
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Done, Finding, judged
from onecycle.studies.words import luck, score, signed

KEY = "learner.arch"
PICTURES = ("resnet18", "resnet34", "resnet50")
RATINGS = ("dot", "dot_bias", "implicit", "neural")


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked architecture, and the order as far as it is worth going.

    Raises:
        UserError: the asked weights fit the asked architecture only.
    """
    own, tried = asked.of(KEY), order(asked)
    if isinstance(asked.of("learner.weights"), dict) and any(
        "learner.weights" not in changes for name, changes in tried.items() if name != own
    ):
        imagenet = asked.setting("learner.weights", "imagenet")
        scratch = asked.setting("learner.weights", None), asked.setting("train.frozen.epochs", 0)
        raise UserError(
            f"study arch: learner.weights of {asked.problem} is a file, which fits {own} only: "
            "--values '[{arch: NAME, weights: {url: file:…}}, …]' names one for each; or add "
            f"--set {imagenet} (by download), or compare from scratch: "
            + " ".join(f"--set {each}" for each in scratch)
        )
    valid = Judge.of(asked.kind, done, "valid") if done else None
    names = dict.fromkeys([own, *walked(list(tried), done, valid)[0]])
    return [Arm(name, tried[name]) for name in names]


def order(asked: Asked) -> dict[str, dict[str, Any]]:
    """Each architecture's changes, from small to large; first the asked one, where it is not named.

    A value is a name, or a mapping of keys of `learner`, `arch` among them.

    Raises:
        UserError: a mapping names no architecture.
    """
    own, grid_of = asked.of(KEY), PICTURES if asked.of("prepare.x") == "image" else RATINGS
    found: dict[str, dict[str, Any]] = {}
    for value in asked.values or grid_of:
        keys = value if isinstance(value, dict) else {"arch": str(value)}
        if "arch" not in keys:
            raise UserError(f"study arch: --values: expected the key arch in {yaml(keys)}")
        found[keys["arch"]] = {f"learner.{key}": each for key, each in keys.items()}
    found = found if own in found else {own: {}, **found}
    return found | {own: {}}


def walked(
    names: Sequence[str], done: Done, valid: Judge | None
) -> tuple[Sequence[str], list[tuple[str, str]]]:
    """How far to go: two at least, then on as long as a step gains beyond luck.

    Returns:
        The architectures to train; and the steps so far, each an architecture and the last that
        was kept before it.
    """
    kept = ""
    steps: list[tuple[str, str]] = []
    for at, name in enumerate(names):
        if valid is None or name not in done:
            return names[: max(2, at + 1)], steps
        if name not in valid:  # it gave no model
            continue
        if kept:
            steps.append((name, kept))
            if valid.gain(name, kept).low <= 0:
                return names[: at + 1], steps
        kept = name
    return names, steps


def read(asked: Asked, done: Done) -> Finding:
    """The smallest that is shown, on valid, to be as good as the one that serves is adopted."""
    judges = judged(asked, done)
    valid, (part, judge) = judges["valid"], list(judges.items())[-1]
    own, names = asked.of(KEY), list(order(asked))
    _, steps = walked(names, done, valid)
    serves = serving(valid, own)
    small = next(name for name in names if name in valid and valid.spares(name, serves))
    stops = bool(steps) and valid.gain(*steps[-1]).low <= 0
    kept = steps[-1][1 if stops else 0] if steps else small
    says = [
        f"{chosen(valid, own, serves, small)} ({luck(valid, len(asked.seeds))}).",
        *(climbed(valid, *step) for step in steps),
        *([grid.worth(judge, part, small, own)] if small != own and own in judge else []),
        *caveats(asked, done),
        *grid.failures(done),
    ]
    figures: dict[str, Estimate | float | str] = {"kept": kept, "smallest": small}
    figures |= {f"gain {big} over {than}": judge.gain(big, than) for big, than in steps}
    if own in valid:
        others = [name for name in valid.parts if name != own]
        figures |= {f"time {name}": times.ratio(done, name, own) for name in others}
    base = own if own in valid else small
    picture = pictures.over_time(judge, part, done)
    known = own in valid or done[own].lost  # else nothing is told of it
    lines = grid.adopt(asked, done, small) if known else []
    return Finding(says, judges, base, lines, figures, picture=picture)


def serving(valid: Judge, own: str) -> str:
    """The asked one, unless the best of the others is told better."""
    others = [name for name in valid.parts if name != own]
    if own not in valid or not others:
        return valid.best()
    best = valid.best(others)
    return best if valid.gains(others, own)[best].low > 0 else own


def chosen(valid: Judge, own: str, serves: str, small: str) -> str:
    """The finding."""
    if small != serves:
        lost = score(valid.may_lose(small, serves))
        return f"'{small}' is as good as '{serves}', to a hundredth: it loses {lost} at most"
    if serves != own:
        how = "is told better than" if own in valid else "is best, and there is no model of"
        return f"'{serves}' {how} '{own}', as asked"
    return f"None is told better than '{own}', as asked, and no smaller one is shown to be as good"


def climbed(valid: Judge, big: str, than: str) -> str:
    """What a step gained."""
    gain = valid.gain(big, than)
    end = "beyond luck" if gain.low > 0 else "not told better: the order stops"
    return f"'{big}' gains {signed(gain)} over '{than}' on valid, {end}."


def caveats(asked: Asked, done: Done) -> list[str]:
    """What was not tried, and what may be unfair."""
    says, left = [], [name for name in order(asked) if name not in done]
    if left:
        says.append(f"Not trained, since the step before gained nothing told: {', '.join(left)}.")
    fixed = [phase for phase in asked.phases if asked.of(f"train.{phase}.lr") != "find"]
    if fixed:
        says.append(
            f"All were trained at the rates asked for ({', '.join(fixed)}), which may suit one "
            "more than another: `lr: find` gives each its own."
        )
    return says
