"""The learner's parameters: the section `learner` of params.yaml, shared by lr_find and train.

Nothing here imports torch, for the command line checks all of params.yaml before any stage.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from onecycle.foreign import public
from onecycle.learn.archs import TIMM, TORCHVISION
from onecycle.learn.augment import Augment
from onecycle.params import Section, nearest

Checksum = Annotated[str, Field(pattern=r"^(sha256:[0-9a-fA-F]{64}|md5:[0-9a-fA-F]{32})$")]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
Pixels = Annotated[int, Field(ge=32)]  # below, some backbones have nothing left to pool


def _rises(value: list[float]) -> list[float]:
    if not value[0] < value[1]:
        raise ValueError("expected the lower end first")
    return value


Range = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_rises)]


def _known(arch: str) -> str:
    if arch.startswith(TIMM) or arch in TORCHVISION:
        return arch
    raise ValueError(
        f"expected a backbone of torchvision, or {TIMM}NAME; {nearest(arch, TORCHVISION)}"
    )


Arch = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema({"anyOf": [{"enum": list(TORCHVISION)}, {"pattern": f"^{TIMM}"}]}),
]


class Weights(Section):
    """A file of pretrained weights: a state dict in torchvision's naming.

    Attributes:
        url: http(s) or file; relative file urls start at the project's root.
        checksum: `sha256:…` or `md5:…`; null records the first download's and holds later ones to
            it.
    """

    url: Annotated[str, AfterValidator(public)]
    checksum: Checksum | None = None


class View(Section):
    """How pictures are shown to a model, and varied while it learns.

    Attributes:
        size: what the model sees, in pixels: one number, or height and width.
        fit: `crop` or `squish` pictures into that shape; points need squish.
        augment: variation while training; null for none.
    """

    size: Pixels | Annotated[list[Pixels], Field(min_length=2, max_length=2)] = 224
    fit: Literal["crop", "squish"] = "crop"
    augment: Augment | None = Augment()

    @property
    def height_width(self) -> tuple[int, int]:
        """What the model sees: height and width in pixels."""
        if isinstance(self.size, int):
            return self.size, self.size
        return self.size[0], self.size[1]


class Training(Section):
    """How any model learns.

    Attributes:
        batch_size: items a step.
        micro_batch: items at once, at least the two that batch norm needs, their gradients added
            up to a step's; null: a whole batch. It is halved when memory runs out.
        wd: decoupled weight decay.
        wd_norm_bias: whether norm layers and biases decay too.
        seed: of initial weights, the order of samples, augmentation and dropout.
    """

    batch_size: int = Field(64, ge=2)
    micro_batch: int | None = Field(None, ge=2)
    wd: float = Field(0.01, ge=0)
    wd_norm_bias: bool = False
    seed: int = Field(42, ge=0)
    precision: Precision = "fp32"


class VisionLearner(View, Training):
    """How a picture model learns.

    Attributes:
        arch: the backbone: any classifier of torchvision, by its name there, or `timm:NAME`.
        weights: `imagenet` (torchvision's, by download), a file, or null: from scratch.
        precision: `auto` is bf16 where the device gains from it (CPUs and GPUs that have it), fp16
            on older GPUs, else fp32.
        head: `concat_pool` is fast.ai's; `heatmap`, for points, keeps the place that pooling loses.
        y_range: a sigmoid keeps the outputs of concat_pool between the two; [-1, 1] for points.
        dropout: before the last layer; half of it before the one before.
        train_norm: whether norm layers of a frozen body train, as in fast.ai. A body whose norms
            rest takes half the time; it is asked but once for each picture that is not varied.
    """

    arch: Arch
    weights: Literal["imagenet"] | Weights | None = "imagenet"
    precision: Precision = "auto"
    head: Literal["concat_pool", "heatmap"] = "concat_pool"
    y_range: Range | None = None
    dropout: float = Field(0.5, ge=0, lt=1)
    train_norm: bool = True

    @model_validator(mode="after")
    def _weights_are_named(self) -> "VisionLearner":
        if self.arch.startswith(TIMM) and self.weights == "imagenet":
            raise ValueError("timm's weights are expected as {url: …}, or null: from scratch")
        return self


class CollabLearner(Training):
    """How a recommender learns.

    Attributes:
        arch: `dot` is the product of two embeddings; `dot_bias` adds a bias for each user and item;
            `implicit` adds to a user's embedding what the rated items tell of the user, and to an
            item's what its raters tell of it; `neural` is fast.ai's dense layers on top of both.
        factors: length of an embedding; null: 50, for `neural` fast.ai's rule of thumb.
        layers: widths of the dense layers of `neural`.
        dropout: after each of them.
        y_range: a sigmoid keeps ratings between the two; null for none.
        wd: decoupled weight decay, on biases too, as in fast.ai.
        bias_wd: of the biases of users and items; null: as wd.
        implicit_wd: of what `implicit` adds to the embeddings.
    """

    arch: Literal["dot", "dot_bias", "implicit", "neural"]
    factors: int | None = Field(None, ge=1)
    layers: list[Annotated[int, Field(ge=1)]] = [100, 50]
    dropout: float = Field(0.0, ge=0, lt=1)
    y_range: Range | None = [0.0, 5.5]
    wd: float = Field(0.1, ge=0)
    precision: Literal["fp32"] = "fp32"
    bias_wd: float | None = Field(None, ge=0)
    implicit_wd: float = Field(4.0, ge=0)

    def width(self, rows: int) -> int:
        """Length of an embedding of so many rows.

        The rule of thumb is fastai's `emb_sz_rule`.
        """
        if self.factors is not None:
            return self.factors
        return min(600, round(1.6 * rows**0.56)) if self.arch == "neural" else 50


def packages(params: Training) -> list[str]:
    """The packages that a picture model's layers are of."""
    if not isinstance(params, VisionLearner):
        return []
    return ["torchvision", "timm"] if params.arch.startswith(TIMM) else ["torchvision"]


def _kind(value: Any) -> str:  # noqa: ANN401 - what YAML holds, or a model
    arch = value.get("arch") if isinstance(value, dict) else getattr(value, "arch", None)
    recommends = arch in get_args(CollabLearner.model_fields["arch"].annotation)
    return "recommender" if recommends else "backbone"


Learner = Annotated[
    Annotated[VisionLearner, Tag("backbone")] | Annotated[CollabLearner, Tag("recommender")],
    Discriminator(_kind),
]
