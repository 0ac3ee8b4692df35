"""The batch check: what a model is about to see, and what it makes of that, before it trains."""

from torch import Tensor, nn

from onecycle.errors import UserError
from onecycle.learn.datasets import Batch, Dataset
from onecycle.learn.device import Compute

FAR = 3.0  # a loss at the start above so many times chance's tells of targets or a range gone wrong


def look(model: nn.Module, batch: Batch, train: Dataset, compute: Compute) -> str:
    """Looks at a batch: shapes, types, ranges, and the loss at the start beside chance's.

    Args:
        model: as it will train; its norm layers count the batch.
        batch: inputs and targets.
        train: whose targets tell what chance would get.
        compute: device and precision.

    Returns:
        What was seen, a line for each of inputs, targets and loss.

    Raises:
        UserError: an input, a target or the loss is not finite.
    """
    x, y = batch
    target = train.blocks.y
    said = [described("input", x), described("target", y)]
    with compute.autocast():
        scores = model(x.to(compute.device)).float()
    start = float(target.loss(scores, y.to(compute.device)))
    if not scores.isfinite().all():
        raise UserError(f"batch check: the model gives scores that are not finite; {said[0]}")
    guessed = chance(train, train)
    far = start > FAR * guessed
    remedy = "; that is far off: look at the targets, learner.y_range and the weights"
    said.append(f"loss {start:.4g} at the start, {guessed:.4g} by chance{remedy if far else ''}")
    return "\n".join(said)


def chance(train: Dataset, judged: Dataset) -> float:
    """The loss on a part of the best guess that knows train's targets and no input."""
    target = train.blocks.y
    return float(target.loss(target.chance(train.y).expand(len(judged), -1), judged.y))


def described(name: str, it: Tensor) -> str:
    """A tensor's type, shape and range, in words.

    Raises:
        UserError: a value is not finite.
    """
    kind = str(it.dtype).removeprefix("torch.")
    if not it.isfinite().all():
        bad = int((~it.isfinite()).sum())
        raise UserError(f"batch check: {name} {kind} {list(it.shape)}: {bad} values are not finite")
    return f"{name} {kind} {list(it.shape)}, from {it.min():.4g} to {it.max():.4g}"
