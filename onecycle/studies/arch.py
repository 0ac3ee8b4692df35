"""How large a model pays: from small to large, where does the gain fall within its interval?

Architectures are trained in their order, each compared with the last that was kept; the next is
trained only where the last gained beyond luck on valid. The asked one is trained in any case, and
comes first where it is none of them. All else is as asked: `lr: find` gives each its own rate.
Figures, in the metric on the part that tells:

- `gain B over A`: of each step.
- `time B`: of training, as a share of the asked one's (see `onecycle.studies.times`).
- `kept`: the last that gained beyond luck; `smallest`: the first in the order that valid does not
  tell from the best.
"""

from collections.abc import Sequence

from onecycle.errors import UserError
from onecycle.studies import grid, pictures, times
from onecycle.studies.arm import Arm, Asked
from onecycle.studies.compare import Estimate, Judge
from onecycle.studies.finding import Done, Finding, judged
from onecycle.studies.words import luck, signed

KEY = "learner.arch"
PICTURES = ("resnet18", "resnet34", "resnet50")
RATINGS = ("dot", "dot_bias", "implicit", "neural")


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked architecture, and the order as far as it is worth going.

    Raises:
        UserError: the asked weights fit the asked architecture only.
    """
    if isinstance(asked.of("learner.weights"), dict):
        imagenet = asked.setting("learner.weights", "imagenet")
        scratch = asked.setting("learner.weights", None), asked.setting("train.frozen.epochs", 0)
        raise UserError(
            f"study arch: learner.weights of {asked.problem} is a file, which fits "
            f"{asked.of(KEY)} only: add --set {imagenet} (by download), or compare from scratch: "
            + " ".join(f"--set {each}" for each in scratch)
        )
    own, valid = asked.of(KEY), Judge.of(asked.kind, done, "valid") if done else None
    names = dict.fromkeys([own, *walked(order(asked), done, valid)[0]])
    return [Arm(name, {} if name == own else {KEY: name}) for name in names]


def order(asked: Asked) -> list[str]:
    """From small to large; the asked one first, where it is none of them."""
    grid_of = PICTURES if asked.of("prepare.x") == "image" else RATINGS
    names = list(map(str, asked.values or grid_of))
    return names if asked.of(KEY) in names else [asked.of(KEY), *names]


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
    """The smallest that valid does not tell from the best is adopted."""
    judges = judged(asked, done)
    valid, (part, judge) = judges["valid"], list(judges.items())[-1]
    own, names = asked.of(KEY), order(asked)
    _, steps = walked(names, done, valid)
    best = valid.best()
    small = next(name for name in names if name in valid and valid.gain(best, name).low <= 0)
    stops = bool(steps) and valid.gain(*steps[-1]).low <= 0
    kept = steps[-1][1 if stops else 0] if steps else small
    first = f"'{small}' is the smallest that valid does not tell from the best"
    if small != best:
        first += f" ('{best}', ahead by {signed(valid.gain(best, small))})"
    says = [
        f"{first}; {luck(valid, len(asked.seeds))}.",
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
    return Finding(says, judges, base, grid.adopt(asked, done, small), figures, picture=picture)


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
