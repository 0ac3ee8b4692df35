"""A model on disk: safetensors and JSON, never pickle. The two files alone rebuild it."""

from pathlib import Path
from typing import Any

import safetensors.torch
from pydantic import TypeAdapter
from safetensors import SafetensorError

from onecycle.blocks import targets
from onecycle.blocks.image import Images
from onecycle.blocks.pair import Pairs
from onecycle.errors import COPY, DamagedError, UserError
from onecycle.learn import collab, device, recipe
from onecycle.learn.datasets import Blocks, Dataset, Datasets
from onecycle.learn.groups import Grouped
from onecycle.learn.identity import sha256
from onecycle.learn.learner import Learner
from onecycle.learn.seeding import built
from onecycle.paths import read_json, whole, write_json
from onecycle.pixels.store import InMemory


def build(
    blocks: Blocks,
    params: recipe.Learner,
    weights: Path | None = None,
    train: Dataset | None = None,
) -> Grouped:
    """Makes the model that the section `learner` describes, drawn from its seed.

    Args:
        blocks: what goes in and what shall come out.
        params: the section.
        weights: a file of pretrained weights, or null.
        train: what a recommender will train on, which some learn from; null: as it is kept.

    Raises:
        UserError: the inputs are not of the kind that the architecture takes.
    """
    if isinstance(blocks.x, Pairs) and isinstance(params, recipe.CollabLearner):
        users, items = len(blocks.x.users), len(blocks.x.items)
        pairs, ratings = (train.x, train.y) if train else (None, None)
        return built(params.seed, lambda: collab.model(users, items, params, pairs, ratings))
    if not isinstance(params, recipe.VisionLearner) or not isinstance(blocks.x, Images):
        raise UserError("learner.arch: pictures need a backbone such as resnet34")
    from onecycle.learn.vision import vision_model  # torchvision takes seconds to import

    channels = blocks.x.store.channels
    return built(params.seed, lambda: vision_model(params, blocks.y.outputs, channels, weights))


def save(learner: Learner, folder: Path, training: dict[str, Any]) -> None:
    """Writes `model.safetensors` and `model.json` into a folder.

    Args:
        learner: what was trained.
        folder: `models/<problem>/`.
        training: what model.json shall say of the training.
    """
    model = learner.model.baked()
    state = {name: value.contiguous() for name, value in model.state_dict().items()}
    size = sum(value.nbytes for value in state.values())
    with whole(folder / "model.safetensors", size) as partial:
        safetensors.torch.save_file(state, partial)
    described = {
        **description(learner),
        "precision": learner.compute.precision,
        "parameters": sum(p.numel() for p in model.parameters()),
        "training": training,
        "made_with": learner.made_with,
        "weights_sha256": sha256(folder / "model.safetensors"),
    }
    write_json(folder / "model.json", described, sealed=True)


def description(learner: Learner) -> dict[str, Any]:
    """What `described` reads: the section `learner`, and both blocks."""
    blocks = learner.data.blocks
    told = {"learner": learner.recipe.model_dump(), "y": blocks.y.state(), "x": blocks.x.state()}
    return told


def load(folder: Path, pixels: Path | None = None) -> Learner:
    """Rebuilds the learner that `save` wrote.

    Args:
        folder: `models/<problem>/`.
        pixels: the stage prepare's `pixels/`; null: it shall see other pictures than those.

    Raises:
        UserError: a file is damaged, or the weights are not of this model.
    """
    blocks, params = described(folder / "model.json", pixels)
    file = folder / "model.safetensors"
    told = read_json(folder / "model.json").get("weights_sha256")
    if told not in (None, sha256(file)):
        raise DamagedError(file, "not the weights that model.json tells of", COPY)
    model = build(blocks, params)
    try:
        model.load_state_dict(safetensors.torch.load_file(file))
    except (SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise DamagedError(file, f"or of another model; {first}", "train again") from error
    return Learner(model, Datasets(blocks, {}), params, device.choose(params.precision))


def described(file: Path, pixels: Path | None) -> tuple[Blocks, Any]:
    """The blocks and the section `learner` that model.json tells of.

    Raises:
        UserError: it is damaged.
    """
    try:
        found = read_json(file)
        params = TypeAdapter[Any](recipe.Learner).validate_python(found["learner"])
        x, target = found["x"], targets.from_state(found["y"])
        if not isinstance(params, recipe.View):
            pairs = Pairs(x["users"], x["items"], x.get("titles"))
            return Blocks.of(pairs, target, None, None), params
        store = pixels or InMemory([], x["size"], x["channels"])
        return Blocks.of(None, target, params, store), params
    except DamagedError as error:
        raise DamagedError(file, error.why, COPY) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        said = f"or of an older version; {type(error).__name__}: {error}".splitlines()[0]
        raise DamagedError(file, said, "train again") from None
