"""The learner's parameters: the section `learner` of params.yaml, shared by lr_find and train.

Nothing here imports torch, for the command line checks all of params.yaml before any stage.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from onecycle.learn.augment import Augment
from onecycle.params import Section

Checksum = Annotated[str, Field(pattern=r"^(sha256:[0-9a-fA-F]{64}|md5:[0-9a-fA-F]{32})$")]
Pixels = Annotated[int, Field(ge=32)]  # below, some backbones have nothing left to pool


def _rises(value: list[float]) -> list[float]:
    if not value[0] < value[1]:
        raise ValueError("expected the lower end first")
    return value


Range = Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_rises)]


class Weights(Section):
    """A file of pretrained weights: a state dict in torchvision's naming.

    Attributes:
        url: http(s) or file; relative file urls start at the project's root.
        checksum: `sha256:…` or `md5:…`; null records the first download's and holds later ones to
            it.
    """

    url: str
    checksum: Checksum | None = None


class VisionLearner(Section):
    """How a picture model learns.

    Attributes:
        arch: the backbone, by torchvision's name.
        weights: `imagenet` (torchvision's, by download), a file, or null: from scratch.
        size: what the model sees, in pixels: one number, or height and width.
        fit: `crop` or `squish` pictures into that shape; points need squish.
        augment: variation while training; null for none.
        batch_size: pictures a step.
        precision: `auto` is bf16 where the device gains from it (CPUs and GPUs that have it), fp16
            on older GPUs, else fp32.
        head: `concat_pool` is fast.ai's; `heatmap`, for points, keeps the place that pooling loses.
        y_range: a sigmoid keeps the outputs of concat_pool between the two; [-1, 1] for points.
        dropout: before the last layer; half of it before the one before.
        wd: decoupled weight decay, none on norm layers and biases.
        train_norm: whether norm layers of a frozen body train, as in fast.ai.
        seed: of initial weights, sample order, augmentation and dropout.
    """

    arch: Literal["resnet18", "resnet34", "resnet50", "resnet101", "squeezenet1_0", "squeezenet1_1"]
    weights: Literal["imagenet"] | Weights | None = "imagenet"
    size: Pixels | Annotated[list[Pixels], Field(min_length=2, max_length=2)] = 224
    fit: Literal["crop", "squish"] = "crop"
    augment: Augment | None = Augment()
    batch_size: int = Field(64, ge=2)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    head: Literal["concat_pool", "heatmap"] = "concat_pool"
    y_range: Range | None = None
    dropout: float = Field(0.5, ge=0, lt=1)
    wd: float = Field(0.01, ge=0)
    train_norm: bool = True
    seed: int = Field(42, ge=0)

    @property
    def height_width(self) -> tuple[int, int]:
        """What the model sees: height and width in pixels."""
        if isinstance(self.size, int):
            return self.size, self.size
        return self.size[0], self.size[1]


class CollabLearner(Section):
    """How a recommender learns.

    Attributes:
        arch: `dot` is the product of two embeddings; `dot_bias` adds a bias for each user and item;
            `implicit` adds to a user's embedding what the rated items tell of the user, and to an
            item's what its raters tell of it; `neural` is fast.ai's dense layers on top of both.
        factors: length of an embedding; null: 50, for `neural` fast.ai's rule of thumb.
        layers: widths of the dense layers of `neural`.
        dropout: after each of them.
        y_range: a sigmoid keeps ratings between the two; null for none.
        batch_size: ratings a step.
        wd: decoupled weight decay, on biases too, as in fast.ai.
        bias_wd: of the biases of users and items; null: as wd.
        implicit_wd: of what `implicit` adds to the embeddings.
        seed: of initial weights and sample order.
    """

    arch: Literal["dot", "dot_bias", "implicit", "neural"]
    factors: int | None = Field(None, ge=1)
    layers: list[Annotated[int, Field(ge=1)]] = [100, 50]
    dropout: float = Field(0.0, ge=0, lt=1)
    y_range: Range | None = [0.0, 5.5]
    batch_size: int = Field(64, ge=1)
    wd: float = Field(0.1, ge=0)
    bias_wd: float | None = Field(None, ge=0)
    implicit_wd: float = Field(4.0, ge=0)
    seed: int = Field(42, ge=0)

    @model_validator(mode="after")
    def _fills_batch_norm(self) -> "CollabLearner":
        if self.arch == "neural" and self.batch_size < 2:
            raise ValueError("expected a batch_size of at least 2, which batch norm needs")
        return self

    def width(self, rows: int) -> int:
        """Length of an embedding of so many rows.

        The rule of thumb is fastai's `emb_sz_rule`.
        """
        if self.factors is not None:
            return self.factors
        return min(600, round(1.6 * rows**0.56)) if self.arch == "neural" else 50


Learner = Annotated[VisionLearner | CollabLearner, Field(discriminator="arch")]
