"""Heads: what turns a backbone's map of features into a model's outputs."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

HIDDEN = 512  # width of fast.ai's hidden layer
HEATMAP_CHANNELS = 128
Range = Sequence[float] | None


class RangedSigmoid(nn.Module):
    """Squeezes outputs between two numbers."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x: Tensor) -> Tensor:
        """Any shape; in float32, so that the ends can be told apart."""
        return torch.sigmoid(x.float()) * (self.high - self.low) + self.low


class ConcatPool(nn.Module):
    """Maximum and mean over the picture, side by side: [N, C, H, W] to [N, 2C]."""

    def forward(self, x: Tensor) -> Tensor:
        """Pools."""
        return torch.cat([x.amax((2, 3)), x.mean((2, 3))], dim=1)


class SoftArgmax(nn.Module):
    """Where each heat map is hot, on average: [N, K, H, W] to x and y of K points, [N, 2K].

    Coordinates are in [-1, 1], from outer edge to outer edge, x before y. Source: Nibali et al.,
    *Numerical coordinate regression with convolutional neural networks*, 2018.
    """

    def forward(self, heat: Tensor) -> Tensor:
        """In float32, for a softmax over the whole map."""
        share = heat.float().flatten(2).softmax(2).view(heat.shape)
        height, width = heat.shape[2:]
        y = (torch.arange(height, device=heat.device) + 0.5) * 2 / height - 1
        x = (torch.arange(width, device=heat.device) + 0.5) * 2 / width - 1
        points = [(share.sum(2) * x).sum(2), (share.sum(3) * y).sum(2)]
        return torch.stack(points, dim=2).flatten(1)


def concat_pool(channels: int, outputs: int, dropout: float, y_range: Range) -> nn.Sequential:
    """fast.ai's head: concat pool, two dense layers with batch norm and dropout."""
    norms = [nn.BatchNorm1d(2 * channels), nn.BatchNorm1d(HIDDEN)]
    dense = [nn.Linear(2 * channels, HIDDEN, bias=False), nn.Linear(HIDDEN, outputs, bias=False)]
    for layer in dense:
        nn.init.kaiming_normal_(layer.weight)
    for norm in norms:
        nn.init.constant_(norm.bias, 1e-3)
    layers = [
        ConcatPool(),
        norms[0],
        nn.Dropout(dropout / 2),
        dense[0],
        nn.ReLU(inplace=True),
        norms[1],
        nn.Dropout(dropout),
        dense[1],
    ]
    return nn.Sequential(*layers, *([RangedSigmoid(*y_range)] if y_range else []))


def heatmap(channels: int, outputs: int, dropout: float, _: Range) -> nn.Sequential:
    """A heat map for each point and the place where it is hot; pooling would forget the place.

    `outputs` is twice the number of points; a range is not needed.
    """
    return nn.Sequential(
        nn.Conv2d(channels, HEATMAP_CHANNELS, 3, padding=1, bias=False),
        nn.BatchNorm2d(HEATMAP_CHANNELS),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Conv2d(HEATMAP_CHANNELS, outputs // 2, 1),
        SoftArgmax(),
    )


HEADS: dict[str, Callable[[int, int, float, Range], nn.Sequential]] = {
    "concat_pool": concat_pool,
    "heatmap": heatmap,
}
