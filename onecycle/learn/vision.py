"""Picture models: a torchvision backbone without its classifier, and a head."""

from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

from onecycle.errors import UserError
from onecycle.learn.groups import Grouped
from onecycle.learn.heads import HEADS
from onecycle.learn.recipe import VisionLearner

# Where fast.ai cuts a backbone's children into layer groups: stem to layer2, then the rest.
SPLIT = {"resnet": 6, "squeezenet": 5}


class VisionModel(Grouped):
    """A backbone and a head.

    Args:
        early: the first layer group of the backbone.
        late: the rest of it.
        channels: of the backbone's output.
        outputs: numbers the model gives for a picture.
        learner: head, dropout and y_range.
    """

    group_names = ("early", "late", "head")

    def __init__(
        self,
        early: nn.Sequential,
        late: nn.Sequential,
        channels: int,
        outputs: int,
        learner: VisionLearner,
    ) -> None:
        super().__init__()
        self.early, self.late = early, late
        make_head = HEADS[learner.head]
        self.head = make_head(channels, outputs, learner.dropout, learner.y_range)

    def forward(self, x: Tensor) -> Tensor:
        """Float [N, 3, H, W] to float32 [N, outputs].

        The head computes in float32: its last layer in bfloat16 alone costs half a pixel on BIWI.
        """
        features = self.late(self.early(x)).float()
        with torch.autocast(x.device.type, enabled=False):
            out: Tensor = self.head(features)
        return out

    def layer_groups(self) -> list[nn.Module]:
        """From the first to the last: early layers, late layers, head."""
        return [self.early, self.late, self.head]


def vision_model(learner: VisionLearner, outputs: int, weights: Path | None = None) -> VisionModel:
    """Builds a model; its new layers draw from torch's generator.

    Args:
        learner: names the backbone.
        outputs: numbers the model gives for a picture.
        weights: a state dict's file, or null: from scratch.

    Raises:
        UserError: the file does not hold weights of that backbone.
    """
    backbone = torchvision.models.get_model(learner.arch, weights=None)
    if weights:
        load_backbone(backbone, weights, learner.arch)
    layers = _trunk(backbone)
    cut = next(at for family, at in SPLIT.items() if learner.arch.startswith(family))
    early, late = nn.Sequential(*layers[:cut]), nn.Sequential(*layers[cut:])
    return VisionModel(early, late, _channels(early, late), outputs, learner)


def imagenet_url(arch: str) -> str:
    """Where torchvision's first ImageNet weights of an architecture are."""
    return str(torchvision.models.get_model_weights(arch)["IMAGENET1K_V1"].url)


def load_backbone(backbone: nn.Module, file: Path, arch: str) -> None:
    """Loads a state dict (never other pickled objects) into a torchvision model.

    Raises:
        UserError: it is none, or of another architecture.
    """
    try:
        backbone.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises what the file's damage led it to
        first = str(error).splitlines()[0]
        raise UserError(
            f"{file}: learner.weights holds no weights of {arch} ({first}); "
            "check learner.arch and the file's checksum"
        ) from error


def _trunk(backbone: nn.Module) -> list[nn.Module]:
    features = getattr(backbone, "features", None)
    if isinstance(features, nn.Sequential):
        return list(features.children())
    return list(backbone.children())[:-2]  # all but pool and classifier


def _channels(early: nn.Module, late: nn.Module) -> int:
    """Channels of the backbone's output, found by a picture of zeros."""
    modes = early.training, late.training
    early.eval(), late.eval()
    with torch.no_grad():
        channels = late(early(torch.zeros(1, 3, 64, 64))).shape[1]
    early.train(modes[0]), late.train(modes[1])
    return int(channels)
