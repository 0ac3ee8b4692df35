"""From a problem's files to a learner and its data: what lr_find and train begin with."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from onecycle import tables
from onecycle.blocks.pair import Pairs
from onecycle.errors import UserError
from onecycle.learn import device, recipe, saved
from onecycle.learn.datasets import Blocks, Datasets, split_items
from onecycle.learn.learner import Learner
from onecycle.paths import Paths
from onecycle.progress import say
from onecycle.sources.fetch.download import fetch_kept
from onecycle.tables import read_schema


def fresh(paths: Paths, params: recipe.Learner, threads: int) -> Learner:
    """A learner with a new model, drawn from the recipe's seed, and the parts of the split.

    Its first batch is looked at, and what it saw is said.

    Raises:
        UserError: the pretrained weights can't be had or are of another architecture; or the first
            batch shows that the model can't learn from it.
    """
    device.use_threads(threads)
    items = paths.data("items.parquet")
    parts = split_items(items, paths.data("split.parquet"), ["id", "x", "y"])
    return of_parts(paths, parts, target_of(items), params)


def of_parts(
    paths: Paths, parts: Mapping[str, pd.DataFrame], target: str, params: recipe.Learner
) -> Learner:
    """As `fresh`, of parts that need not be those of split.parquet.

    Args:
        paths: of the pictures, and of the titles of what is rated.
        parts: rows of the items table by the part's name.
        target: the target block's name.
        params: the section `learner`.

    Raises:
        UserError: as `fresh`.
    """
    view = params if isinstance(params, recipe.View) else None
    blocks = Blocks.from_train(parts["train"], target, view, paths.data("pixels"))
    if isinstance(blocks.x, Pairs):  # what is recommended later is told by its title
        titles = tables.titles(paths.data("items.parquet"), blocks.x.items)
        blocks = replace(blocks, x=replace(blocks.x, titles=titles))
    data = Datasets(blocks, {name: blocks.encode(each) for name, each in parts.items()})
    learner = make_learner(data, params)
    say(learner.check())
    return learner


def make_learner(data: Datasets, params: recipe.Learner) -> Learner:
    """A learner with a new model, drawn from the recipe's seed; it sees what the data show.

    Raises:
        UserError: the pretrained weights can't be had or are of another architecture.
    """
    if data.blocks.view is not None:
        shown = {name: getattr(data.blocks.view, name) for name in recipe.View.model_fields}
        params = params.model_copy(update=shown)
    model = saved.build(data.blocks, params, weights_of(params), data.train)
    return Learner(model, data, params, device.choose(params.precision))


def target_of(items: Path) -> str:
    """The target block's name, which prepare wrote into the items table."""
    metadata = read_schema(items).metadata or {}
    name = metadata.get(b"target")
    if name is None:
        raise UserError(f"{items}: does not name its target; run prepare again")
    return str(name.decode())


def weights_of(params: recipe.Learner) -> Path | None:
    """The file of pretrained weights, fetched and verified; null without any."""
    if not isinstance(params, recipe.VisionLearner) or params.weights is None:
        return None
    weights = params.weights
    if weights == "imagenet":
        from onecycle.learn.vision import imagenet_url  # torchvision takes seconds to import

        weights = recipe.Weights(url=imagenet_url(params.arch))
    return fetch_kept(weights.url, "weights", checksum=weights.checksum).path


def unbound_weights(learner: Mapping[str, Any]) -> str | None:
    """The sha256 of a file of weights that no checksum binds, for it may change where it lies.

    Args:
        learner: the section `learner`.

    Returns:
        Null where a checksum binds the file, or there is none.
    """
    found = learner.get("weights")
    if not isinstance(found, dict) or found["checksum"] or not found["url"].startswith("file:"):
        return None
    return fetch_kept(found["url"], "weights", checksum=None).sha256
