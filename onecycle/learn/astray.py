"""A training whose loss was not finite: what led to it is kept, and the step can be done again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from onecycle.blocks.pair import Pairs
from onecycle.errors import DamagedError, NotFiniteError
from onecycle.learn import saved
from onecycle.learn.checkpoint import State
from onecycle.learn.datasets import Dataset, Datasets
from onecycle.learn.device import choose, repeatable
from onecycle.learn.learner import Learner
from onecycle.learn.seeding import drawn_so_far, go_on_drawing
from onecycle.paths import read_json, whole, write_json

TOLD, STATE = "not_finite.json", "state.safetensors"


def keep(learner: Learner, error: NotFiniteError, folder: Path) -> None:
    """Writes what led to a loss that is not finite, in place of what was kept there before.

    `not_finite.json` tells the loss, phase, epoch, step, rates, momentum and the items of the
    batch; `state.safetensors` holds model, optimiser and random state before the step, and the
    batch as the model saw it; of recommenders also what they train on. Only the averages of batch
    norm, on which that loss does not hang, have seen the batch.

    Args:
        learner: whose loss it is.
        error: with the state before the step.
        folder: is made.
    """
    before = error.before
    told = {**before.said["not_finite"], "frozen": learner.frozen, **saved.description(learner)}
    told |= {"precision": learner.compute.precision, "micro_batch": learner.stepper.micro}
    told["made_with"] = learner.made_with
    with whole(folder) as partial:
        partial.mkdir()
        tensors = {name: each.detach().contiguous() for name, each in before.tensors.items()}
        train = learner.data.train
        if isinstance(train.blocks.x, Pairs):  # some recommenders are built of what they learn from
            tensors |= {"train.x": train.x, "train.y": train.y}
        (partial / STATE).write_bytes(safetensors.torch.save(tensors))
        write_json(partial / TOLD, told)


@dataclass(frozen=True)
class Seen:
    """What a step came to when it was done again.

    Attributes:
        told: what not_finite.json tells.
        inputs_finite: whether the batch was.
        weights: names of the parameters that were not finite before the step.
        layers: names of the layers that made something that is not finite of what is, in order.
        losses: of each piece of the batch that was taken at once.
    """

    told: dict[str, Any]
    inputs_finite: bool
    weights: list[str]
    layers: list[str]
    losses: list[float]


def replay(folder: Path) -> Seen:
    """Does a step again that `keep` wrote down, and looks at every layer; it leaves no trace.

    Raises:
        UserError: a file is damaged.
        FileNotFoundError: nothing is kept there.
    """
    repeatable(torch.cuda.is_available())
    told = read_json(folder / TOLD)
    blocks, params = saved.described(folder / TOLD, None)
    try:
        state = State(safetensors.torch.load_file(folder / STATE), told)
    except SafetensorError as error:
        raise DamagedError(folder / STATE, error, "train again to have it anew") from None
    train = None
    if of := state.under("train."):
        rows = pd.DataFrame(index=range(len(of["x"])))
        train = Dataset(rows, of["x"], of["y"], blocks, None)
    model = saved.build(blocks, params, train=train)
    model.load_state_dict(state.under("model."))
    learner = Learner(model, Datasets(blocks, {}), params, choose(told["precision"]))
    learner.freeze_to(told["frozen"])
    learner.to_train()
    seen: list[str] = []

    def look(name: str) -> Any:  # noqa: ANN401 - a hook
        def hook(_: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
            tensors = [each for each in given if isinstance(each, Tensor)]
            if all(map(finite, tensors)) and not finite(made):
                seen.append(name)

        return hook

    for name, module in model.named_modules():  # within a layer its parts come first
        module.register_forward_hook(look(name or "the model"))
    x, y = (state.tensors[f"batch.{name}"] for name in ("x", "y"))
    ask = model.parted()[1] if told["features"] else model
    losses, micro, device = [], told["micro_batch"], learner.compute.device
    before = drawn_so_far(device)
    go_on_drawing(state.under("draws."), device)
    try:
        with torch.no_grad():
            for x_piece, y_piece in zip(x.split(micro), y.split(micro), strict=True):
                with learner.compute.autocast():
                    scores = ask(x_piece.to(device))
                losses.append(float(blocks.y.loss(scores, y_piece.to(device))))
    finally:
        go_on_drawing(before, device)
    broken = [name for name, each in model.named_parameters() if not finite(each)]
    return Seen(told, finite(x), broken, seen, losses)


def finite(tensor: Tensor) -> bool:
    """Whether all of it is."""
    return bool(torch.isfinite(tensor).all())
