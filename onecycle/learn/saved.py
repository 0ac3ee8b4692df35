"""A model on disk: safetensors and JSON, never pickle. The two files alone rebuild it."""

from pathlib import Path
from typing import Any

import safetensors.torch
from pydantic import TypeAdapter
from safetensors import SafetensorError
from torch import Tensor

from onecycle.blocks import targets
from onecycle.blocks.pair import Pairs
from onecycle.errors import UserError
from onecycle.learn import collab, device, recipe
from onecycle.learn.datablock import DataBlock
from onecycle.learn.groups import Grouped
from onecycle.learn.learner import Learner, built
from onecycle.paths import read_json, whole, write_json


def build(
    block: DataBlock,
    weights: Path | None = None,
    pairs: Tensor | None = None,
    ratings: Tensor | None = None,
) -> Grouped:
    """Makes the model that a block's learner describes, drawn from its seed.

    Args:
        block: encodes its input and target.
        weights: a backbone's.
        pairs: train's encoded pairs, for a recommender that will train; null: as it is kept.
        ratings: train's encoded targets, likewise.
    """
    learner = block.learner
    if isinstance(block.x, Pairs) and isinstance(learner, recipe.CollabLearner):
        users, items = len(block.x.users), len(block.x.items)
        return built(learner.seed, lambda: collab.model(users, items, learner, pairs, ratings))
    if not isinstance(learner, recipe.VisionLearner):
        raise UserError("learner.arch: pictures need a backbone such as resnet34")
    from onecycle.learn.vision import vision_model  # torchvision takes seconds to import

    return built(learner.seed, lambda: vision_model(learner, block.y.outputs, weights))


def save(learner: Learner, folder: Path, training: dict[str, Any]) -> None:
    """Writes `model.safetensors` and `model.json` into a folder.

    Args:
        learner: what was trained.
        folder: `models/<problem>/`.
        training: what model.json shall say of the training.
    """
    model = learner.model
    if isinstance(model, collab.Recommender):
        model = model.baked()
    with whole(folder / "model.safetensors") as partial:
        state = {name: value.contiguous() for name, value in model.state_dict().items()}
        safetensors.torch.save_file(state, partial)
    block = learner.block
    pairs = block.x if isinstance(block.x, Pairs) else None
    described = {
        "learner": block.learner.model_dump(),
        "y": block.y.state(),
        "x": {"kind": block.x.kind}
        | ({"users": pairs.users, "items": pairs.items} if pairs else {}),
        "precision": learner.compute.precision,
        "parameters": sum(p.numel() for p in model.parameters()),
        "training": training,
    }
    write_json(folder / "model.json", described)


def load(folder: Path, pixels: Path) -> Learner:
    """Rebuilds the learner that `save` wrote.

    Args:
        folder: `models/<problem>/`.
        pixels: the stage prepare's `pixels/`.

    Raises:
        UserError: the weights are damaged or not of this model.
    """
    described = read_json(folder / "model.json")
    learner = TypeAdapter[Any](recipe.Learner).validate_python(described["learner"])
    x = described["x"]
    pairs = Pairs(x["users"], x["items"]) if x["kind"] == "pair" else None
    target = targets.from_state(described["y"])
    block = DataBlock.from_blocks(pairs, target, learner, pixels)
    model = build(block)
    file = folder / "model.safetensors"
    try:
        model.load_state_dict(safetensors.torch.load_file(file))
    except (SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise UserError(f"{file}: is damaged or of another model ({first}); train again") from error
    return Learner(model, block, device.choose(getattr(learner, "precision", "fp32")))
