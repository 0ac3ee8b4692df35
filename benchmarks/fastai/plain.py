"""A plain loop of PyTorch and torchvision, as in their references: what no framework adds to.

Runs in the environment of benchmarks/fastai/requirements.lock; arguments as in speed.py beside.
Decoding and transforms v2 an item, in `workers` processes; float32, default memory format, AdamW
and OneCycleLR.
"""

from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.io import ImageReadMode, decode_image
from torchvision.models import get_model
from torchvision.transforms import v2

from benchmarks.fastai.timing import Measure, Settings, timed

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RATE = 1e-3


class Photographs(Dataset):
    """Files and class numbers, transformed one by one."""

    def __init__(self, files: list[str], labels: list[str], transform: v2.Transform) -> None:
        numbers = {label: number for number, label in enumerate(sorted(set(labels)))}
        self.files, self.transform = files, transform
        self.y = [numbers[label] for label in labels]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return self.transform(decode_image(self.files[row], ImageReadMode.RGB)), self.y[row]


def training(size: int) -> v2.Transform:
    """The augmentation of onecycle's and fast.ai's defaults, in torchvision's terms."""
    turn = v2.RandomAffine(10, scale=(1.0, 1.1), interpolation=v2.InterpolationMode.BILINEAR)
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, scale=(0.75, 1.0), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.RandomApply([turn], p=0.75),
            v2.RandomPerspective(0.2, p=0.75),
            v2.RandomApply([v2.ColorJitter(0.2, 0.2)], p=0.75),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )


def judging(size: int) -> v2.Transform:
    """The middle of each photograph."""
    return v2.Compose(
        [
            v2.Resize(size, antialias=True),
            v2.CenterCrop(size),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )


def loader(
    files: list[str], labels: list[str], settings: Settings, *, train: bool = True
) -> DataLoader:
    """Batches of the photographs."""
    torch.set_num_threads(settings["threads"])
    transform = (training if train else judging)(settings["size"])
    return DataLoader(
        Photographs(files, labels, transform),
        settings["batch_size"],
        shuffle=train,
        drop_last=train,
        num_workers=settings["workers"],
    )


def data(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """An epoch of augmented training batches."""
    batches = loader(files, labels, settings)
    return timed(lambda: sum(len(x) for x, _ in batches))


def frozen(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """An epoch in which the last layer learns; norms count, as in train mode they do."""
    net = model(labels, settings)
    net.requires_grad_(False)
    net.fc.requires_grad_(True)
    return trained(net, loader(files, labels, settings))


def unfrozen(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """An epoch in which everything learns."""
    return trained(model(labels, settings), loader(files, labels, settings))


def predict(files: list[str], labels: list[str], settings: Settings) -> Measure:
    """Predicts all photographs from their files."""
    net, batches = model(labels, settings).eval(), loader(files, labels, settings, train=False)
    device = next(net.parameters()).device

    def predicted() -> int:
        with torch.inference_mode():
            return sum(len(net(x.to(device)).cpu()) for x, _ in batches)

    return timed(predicted)


def model(labels: list[str], settings: Settings) -> nn.Module:
    """torchvision's, from random weights."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return get_model(settings["arch"], num_classes=len(set(labels))).to(device)


def trained(net: Any, batches: DataLoader) -> Measure:  # noqa: ANN401 - a module
    """Trains an epoch of one cycle."""
    device = next(net.parameters()).device

    def epoch() -> int:
        parameters = [each for each in net.parameters() if each.requires_grad]
        optimiser = torch.optim.AdamW(parameters, lr=RATE)
        rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=len(batches) + 1)
        net.train()
        items = 0
        for x, y in batches:
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(x.to(device)), y.to(device)).backward()
            optimiser.step()
            rates.step()
            items += len(x)
        return items

    return timed(epoch)
