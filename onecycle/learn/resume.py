"""A learner between two steps as a checkpoint has it, and back."""

from typing import TYPE_CHECKING

import torch

from onecycle.learn.checkpoint import State
from onecycle.progress import say

if TYPE_CHECKING:
    from onecycle.learn.learner import Learner


def state(learner: "Learner") -> State:
    """What it is now, but for the cycle in which it is."""
    tensors = {f"model.{name}": each for name, each in learner.model.state_dict().items()}
    for at, scores in enumerate(learner.watched or []):
        tensors[f"watched.{at:06}"] = torch.from_numpy(scores)
    said = {
        "epoch": learner.epoch,
        "steps": learner.steps,
        "history": learner.history,
        "told": learner.told,
        "micro": [learner.recipe.micro_batch, learner.stepper.micro],
        "made_with": learner.made_with,
        "others": learner.others,
    }
    return State(tensors, said)


def go_on(learner: "Learner", begun: State) -> None:
    """Puts a learner into a state that one of the same recipe and data was in.

    If that was in the middle of a cycle, its `fit` goes on from there. Where it was made with other
    versions or on another device, `learner.others` tells of it from here.
    """
    said = begun.said
    learner.model.load_state_dict(begun.under("model."))
    learner.epoch, learner.steps = said["epoch"], said["steps"]
    learner.history, learner.told, learner.others = said["history"], said["told"], said["others"]
    if learner.watched is not None:
        learner.watched = [each.numpy() for _, each in sorted(begun.under("watched.").items())]
    asked, micro = said["micro"]
    before = said["made_with"] | {"micro_batch": asked}
    now = learner.made_with | {"micro_batch": learner.recipe.micro_batch}
    if before != now:
        other = {name: before[name] for name in now if before[name] != now[name]}
        learner.others = [*learner.others, {"up_to_epoch": learner.epoch, **other}]
        say(f"made with others so far, so no equal bytes: {other}")
    if asked == learner.recipe.micro_batch:  # what memory forced it to
        learner.stepper.micro = micro
    learner.begun = begun if "cycle" in said else None
