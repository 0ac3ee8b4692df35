"""Picture models: a backbone and a head."""

import io
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from onecycle.errors import UserError
from onecycle.learn.archs import TIMM
from onecycle.learn.backbone import Backbone
from onecycle.learn.fold import folded
from onecycle.learn.groups import NORMS, Grouped, Model
from onecycle.learn.heads import HEADS, ConcatPool
from onecycle.learn.pretrained import SIDE, imagenet_weights
from onecycle.learn.recipe import VisionLearner


class VisionModel(Grouped):
    """A backbone and a head.

    Args:
        body: the backbone.
        outputs: numbers the model gives for a picture.
        learner: head, dropout and y_range.

    Raises:
        UserError: the head needs a map of features, but the backbone gives none.
    """

    group_names = ("early", "late", "head")

    def __init__(self, body: Backbone, outputs: int, learner: VisionLearner) -> None:
        super().__init__()
        if learner.head == "heatmap" and not body.layout.mapped:
            raise UserError(
                f"learner.head: heatmap needs a map of features, which {learner.arch} does not "
                "give; use concat_pool"
            )
        self.body = body
        make_head = HEADS[learner.head]
        self.head = make_head(body.layout.channels, outputs, learner.dropout, learner.y_range)

    def forward(self, x: Tensor) -> Tensor:
        """Float [N, C, H, W] to float32 [N, outputs].

        The head computes in float32: its last layer in bfloat16 alone costs half a pixel on BIWI.
        """
        return self.answer(self.body(x))

    def answer(self, features: Tensor, first: int = 0) -> Tensor:
        """What the head's layers, from the `first` on, make of floats [N, …] of any width."""
        with torch.autocast(features.device.type, enabled=False):
            out: Tensor = self.head[first:](features.float())
        return out

    def folded(self) -> "VisionModel":
        """A copy in eval mode, its batch norms part of its convolutions."""
        return folded(self)

    def is_still(self, *, train_norm: bool) -> bool:
        """Whether the body has nothing that trains or draws on in train mode."""
        return not train_norm or not any(map(stirs, self.body.modules()))

    def parted(self) -> tuple[Model, Model]:
        """The body, folded, with the pooling that a head begins with; and the head's rest."""
        body, pools = folded(self.body), isinstance(self.head[0], ConcatPool)
        see = nn.Sequential(body, self.head[0]) if pools else body
        return see, partial(self.answer, first=int(pools))

    def layer_groups(self) -> list[nn.Module]:
        """From the first to the last: early layers, late layers, head."""
        return [*self.body.layer_groups(), self.head]


def stirs(layer: nn.Module) -> bool:
    """Whether a layer does otherwise in train mode: norms, dropout, stochastic depth."""
    name = type(layer).__name__.lower()
    return isinstance(layer, NORMS) or "drop" in name or "stochastic" in name


def vision_model(
    learner: VisionLearner, outputs: int, channels: int = 3, weights: Path | None = None
) -> VisionModel:
    """Builds a model; its new layers draw from torch's generator.

    Args:
        learner: names the backbone.
        outputs: numbers the model gives for a picture.
        channels: of the pictures.
        weights: a state dict's file, or null: from scratch.

    Raises:
        UserError: the file does not hold weights of that backbone.
    """
    model = VisionModel(Backbone(learner.arch, channels, weights), outputs, learner)
    try_on(model.body, channels, learner)
    return model


def try_on(body: Backbone, channels: int, learner: VisionLearner) -> None:
    """Shows a backbone a black picture of the size that it will see.

    Raises:
        UserError: it can't see pictures of that size.
    """
    said = io.StringIO()  # a traced model prints where it failed
    try:
        with torch.no_grad(), redirect_stderr(said):
            body.eval()(torch.zeros(1, channels, *learner.height_width))
    except (RuntimeError, AssertionError, ValueError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"learner.size: {learner.arch} can't see pictures of {learner.height_width} pixels "
            f"({first}); {SIDE} is what most backbones were made for"
        ) from error
    body.train()


def imagenet_url(arch: str) -> str:
    """Where torchvision's first ImageNet weights of an architecture are.

    Raises:
        UserError: it is none of torchvision's, or has no such weights.
    """
    if arch.startswith(TIMM):
        raise UserError(f"learner.weights: name {arch}'s file: {{url: …}}, or null: from scratch")
    return str(imagenet_weights(arch).url)
