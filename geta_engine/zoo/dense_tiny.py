"""A small DenseNet-BC (Huang et al. 2016): dense blocks with bottlenecks, and compressing transitions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geta_engine.zoo.base import ZooModel, require_multiple

STEM, GROWTH, BOTTLENECK, LAYERS, BLOCKS = 24, 12, 48, 3, 3


class DenseLayer(nn.Module):
    """BN-ReLU-conv 1 x 1 to the bottleneck, BN-ReLU-conv 3 x 3 to `GROWTH` new channels, appended to the input."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, BOTTLENECK, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(BOTTLENECK)
        self.conv2 = nn.Conv2d(BOTTLENECK, GROWTH, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, in_channels + GROWTH, H, W]`."""
        new = self.conv1(F.relu(self.bn1(x)))
        new = self.conv2(F.relu(self.bn2(new)))
        return torch.cat((x, new), dim=1)


class Transition(nn.Module):
    """BN-ReLU-conv 1 x 1 to half the channels, then a 2 x 2 average pool."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(in_channels, in_channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, in_channels // 2, H / 2, W / 2]`."""
        return F.avg_pool2d(self.conv(F.relu(self.bn(x))), 2)


class DenseTiny(ZooModel):
    """A stem, three dense blocks of three layers (growth 12) with two transitions between, a norm, pooling, `fc`.

    What it shows: a concatenation ties nothing, it only moves channels to new places. The 12 channels that a layer
    makes are read by every later layer of its block, each time at another offset and through another BatchNorm, so
    one unit holds a filter and, for each reader, one BatchNorm entry and one input column. Each producer - stem,
    layer, transition - is a group of its own, and so is each bottleneck. Because BatchNorm comes *before* the
    convolution, the group's norms are its readers', not its producer's.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> None:
        super().__init__()
        require_multiple(image_size, 4, "dense_tiny")
        self.input_shape = (in_channels, image_size, image_size)
        self.stem = nn.Conv2d(in_channels, STEM, 3, padding=1, bias=False)
        self.features = nn.Sequential()
        channels = STEM
        for block in range(1, BLOCKS + 1):
            self.features.add_module(f"block{block}", _dense_block(channels))
            channels += LAYERS * GROWTH
            if block < BLOCKS:
                self.features.add_module(f"transition{block}", Transition(channels))
                channels //= 2
        self.bn = nn.BatchNorm2d(channels)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> class scores `[B, num_classes]`."""
        x = F.relu(self.bn(self.features(self.stem(x))))
        return self.fc(torch.flatten(self.pool(x), 1))


def _dense_block(in_channels: int) -> nn.Sequential:
    return nn.Sequential(*(DenseLayer(in_channels + i * GROWTH) for i in range(LAYERS)))
