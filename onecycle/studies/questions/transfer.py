"""What are pretrained weights worth, and each part of the practice that builds on them?

Beside the asked recipe: only the frozen phase, and only the unfrozen one, for as many epochs
together and each in one cycle; the same architecture from scratch for as many epochs, and for three
times as many. What unfreezes at once finds its rates by a range test; what begins from scratch has
fast.ai's default, for on few pictures its range test often can't be read. Figures:

- `epochs`: of the asked recipe.
- `gain over frozen only`, `gain over unfrozen at once`, `gain over scratch`,
  `gain over scratch, 3 times as long`: of the asked recipe, in the metric on the part that tells.
"""

from dataclasses import replace

from onecycle.errors import UserError
from onecycle.studies import grid
from onecycle.studies.arm import ASKED, Arm, Asked
from onecycle.studies.finding import Done, Finding
from onecycle.studies.words import signed

LONGER = 3
FROM_SCRATCH = 1e-3
"""The highest rate from scratch: fast.ai's default."""
FROZEN, UNFROZEN, SCRATCH = "frozen only", "unfrozen at once", "scratch"


def arms(asked: Asked, done: Done) -> list[Arm]:
    """The asked recipe and what lacks a part of it.

    Raises:
        UserError: the recipe begins from scratch itself.
    """
    if asked.of("learner.weights") is None:
        pictures = asked.of("prepare.x") == "image"
        weights = asked.setting("learner.weights", "imagenet")
        raise UserError(
            f"study transfer: {asked.problem} trains from scratch, so there is nothing to compare: "
            + (f"add --set {weights}" if pictures else "take a problem with pictures")
        )
    epochs = total(asked)
    found = [Arm(ASKED)]
    if asked.phases != ["frozen"]:
        frozen = {"epochs": epochs, "lr": asked.of("train.frozen.lr")}
        found.append(Arm(FROZEN, {"train.frozen": frozen, "train.unfrozen.epochs": 0}))
    if asked.phases != ["unfrozen"]:
        found.append(Arm(UNFROZEN, at_once(epochs, "find")))
    scratch = {"learner.weights": None, "train.beside_scratch": False}
    found.append(Arm(SCRATCH, scratch | at_once(epochs, FROM_SCRATCH)))
    longer = f"{SCRATCH}, {LONGER} times as long"
    return [*found, Arm(longer, scratch | at_once(LONGER * epochs, FROM_SCRATCH))]


def total(asked: Asked) -> int:
    """Epochs of both phases."""
    return sum(int(asked.of(f"train.{phase}.epochs")) for phase in asked.phases)


def at_once(epochs: int, lr: float | str) -> dict[str, object]:
    """Everything learns from the start, in one cycle."""
    return {"train.frozen.epochs": 0, "train.unfrozen": {"epochs": epochs, "lr": lr}}


def read(asked: Asked, done: Done) -> Finding:
    """Chooses on valid; and what the asked recipe gains over each of the others."""
    found = grid.read(asked, done)
    part, judge = list(found.judges.items())[-1]
    if ASKED not in judge:
        return found
    gains = {name: judge.gain(ASKED, name) for name in done if name in judge and name != ASKED}
    figures = {f"gain over {name}": gain for name, gain in gains.items()}
    each = "; ".join(f"{signed(gain)} over '{name}'" for name, gain in gains.items())
    says = [*found.says, f"On {part}, the asked recipe gains in {judge.metric}: {each}."]
    return replace(found, says=says, figures={"epochs": float(total(asked)), **figures})
