"""From a problem's files to a learner and its data: what lr_find and train begin with."""

from pathlib import Path

import pyarrow.parquet as pq

from onecycle.errors import UserError
from onecycle.learn import device, recipe, saved
from onecycle.learn.datablock import DataBlock, Part, split_items
from onecycle.learn.learner import Learner
from onecycle.paths import Paths
from onecycle.sources.fetch.download import fetch_kept


def fresh(paths: Paths, learner: recipe.Learner, threads: int) -> tuple[Learner, dict[str, Part]]:
    """A new model, drawn from the learner's seed, and the encoded parts of the split.

    Raises:
        UserError: the pretrained weights can't be had or are of another architecture.
    """
    device.use_threads(threads)
    items = paths.data("items.parquet")
    parts = split_items(items, paths.data("split.parquet"))
    block = DataBlock.from_train(parts["train"], target_of(items), learner, paths.data("pixels"))
    encoded = {name: block.part(each) for name, each in parts.items()}
    model = saved.build(block, weights_of(learner), encoded["train"].x, encoded["train"].y)
    compute = device.choose(getattr(learner, "precision", "fp32"))
    return Learner(model, block, compute), encoded


def target_of(items: Path) -> str:
    """The target block's name, which prepare wrote into the items table."""
    metadata = pq.read_schema(items).metadata or {}
    name = metadata.get(b"target")
    if name is None:
        raise UserError(f"{items}: does not name its target; run prepare again")
    return str(name.decode())


def is_pretrained(learner: recipe.Learner) -> bool:
    """Whether the body starts from weights that another data set gave."""
    return isinstance(learner, recipe.VisionLearner) and learner.weights is not None


def weights_of(learner: recipe.Learner) -> Path | None:
    """The file of pretrained weights, fetched and verified; null without any."""
    if not isinstance(learner, recipe.VisionLearner) or learner.weights is None:
        return None
    weights = learner.weights
    if weights == "imagenet":
        from onecycle.learn.vision import imagenet_url  # torchvision takes seconds to import

        weights = recipe.Weights(url=imagenet_url(learner.arch))
    return fetch_kept(weights.url, "weights", checksum=weights.checksum).path
