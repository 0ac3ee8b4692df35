"""Which studies are made for the page, with which settings."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Planned:
    """A study to be made: as the command line has it."""

    study: str
    problem: str
    seeds: int = 5
    values: str = ""
    folds: int = 0


@dataclass(frozen=True)
class Plan:
    """What is to be made.

    Attributes:
        intro: what the page begins with.
        settings: of all studies, as `--set` takes them.
        studies: in their order.
        real: whether it is of the real data that `reading.md` speaks of.
    """

    intro: str
    settings: tuple[str, ...]
    studies: Sequence[Planned]
    real: bool = False


_REAL = ("@patches/mirror.yaml", "@patches/lesson.yaml")
_LITE = "{arch: 'timm:tf_efficientnet_lite0', weights: {url: 'file:.onecycle/lite0.pth'}}"
PLANS = {
    "mirror": Plan(
        intro=(
            "What fast.ai's lesson 6 claims, and what studies with intervals say of it on real "
            "data: 1,163 photos of Oxford-IIIT Pets, 1,100 of PASCAL VOC 2007, 1,209 frames of 13 "
            "people in BIWI's layout (Pointing'04), MovieLens-100k complete; with SqueezeNet 1.1 "
            "pretrained on ImageNet, pictures of 128 pixels (96 of people): small sets and a small "
            "model, for a CPU."
        ),
        settings=_REAL,
        studies=[
            Planned("lr", "pets", seeds=3),
            Planned("lr", "movielens", seeds=3),
            Planned("transfer", "pets", seeds=3),
            Planned("rates", "pets"),
            Planned("epochs", "pets"),
            Planned("epochs", "pascal", seeds=3, values="[24]"),
            Planned("schedule", "pets"),
            Planned("schedule", "movielens"),
            Planned("weight_decay", "pets"),
            Planned("weight_decay", "movielens"),
            Planned("arch", "pets", seeds=3, values=f"[squeezenet1_1, {_LITE}]"),
            Planned("arch", "movielens"),
            Planned("precision", "pets", seeds=3),
            Planned("kfold", "pets", seeds=2, folds=5),
            Planned("threshold", "pascal"),
            Planned("none", "pets"),
            Planned("group_kfold", "biwi", seeds=2, folds=5),
            Planned("split_worth", "biwi", seeds=2, folds=5),
            Planned(
                "baselines",
                "movielens",
                values="[dot, implicit, neural, no_decay, no_range]",
            ),
        ],
        real=True,
    ),
    "samples": Plan(
        intro=(
            "The short form, on the built-in samples: it shows that every study works, and says "
            "nothing of the lesson."
        ),
        settings=tuple(
            f"problems.sample_{name}.train.unfrozen={{epochs: 1, lr: 3e-3}}"
            for name in ("pets", "pascal", "biwi")
        ),
        studies=[
            Planned("lr", "sample_movielens", seeds=2, values="[1e-3, 0.1]"),
            Planned("epochs", "sample_movielens", seeds=2),
            Planned("schedule", "sample_movielens", seeds=2),
            Planned("weight_decay", "sample_movielens", seeds=2),
            Planned("arch", "sample_movielens", seeds=2, values="[dot, dot_bias]"),
            Planned("kfold", "sample_movielens", seeds=1, folds=3),
            Planned("baselines", "sample_movielens", seeds=2, values="[dot]"),
            Planned("threshold", "sample_pascal", seeds=1),
            Planned("none", "sample_pets", seeds=1),
            Planned("precision", "sample_pets", seeds=1, values="[fp32, bf16]"),
            Planned("rates", "sample_pets", seeds=1, values="[3e-4]"),
            Planned("transfer", "sample_pets", seeds=1),  # from scratch: it refuses
            Planned("split_worth", "sample_biwi", seeds=1, folds=2),
            Planned("group_kfold", "sample_biwi", seeds=1, folds=2),
        ],
    ),
}
