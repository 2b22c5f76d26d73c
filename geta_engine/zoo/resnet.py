"""CIFAR ResNets (He et al. 2015, section 4.2) with projection shortcuts at the stage borders."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geta_engine.zoo.base import ZooModel, require_multiple

WIDTHS = (16, 32, 64)
"""Channels of the three stages; the second and third halve the image."""


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut: `relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))`.

    `conv1`'s channels are read by `conv2` alone: a free group of the block. `conv2`'s are added to the shortcut's,
    and so are tied to it.
    """

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, width, H / stride, W / stride]`."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class ResNet(ZooModel):
    """A 3 x 3 stem, three stages of `blocks` basic blocks at widths 16, 32, 64, global average pooling, `fc`.

    What it shows: two kinds of group. An addition needs equal channels on both sides, so channel j of the stem, of
    every `conv2` of the stage and of its projection must go together: one residual group a stage (16, 32 and 64
    units), whose units reach across all its blocks. The channels between `conv1` and `conv2` are private: one inner
    group a block. That is 3 + 3 * blocks groups: 12 groups and 448 units for resnet20. Projections at the stage
    borders keep the three residual groups apart.
    """

    def __init__(self, blocks: int, in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> None:
        super().__init__()
        require_multiple(image_size, 4, "resnet")
        self.input_shape = (in_channels, image_size, image_size)
        first, second, third = WIDTHS
        self.conv1 = nn.Conv2d(in_channels, first, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.layer1 = _stage(first, first, blocks, stride=1)
        self.layer2 = _stage(first, second, blocks, stride=2)
        self.layer3 = _stage(second, third, blocks, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(third, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> class scores `[B, num_classes]`."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(torch.flatten(self.pool(x), 1))


def _stage(in_channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    rest = [BasicBlock(width, width, 1) for _ in range(blocks - 1)]
    return nn.Sequential(BasicBlock(in_channels, width, stride), *rest)


def resnet8(in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> ResNet:
    """One block a stage: 6 groups, 224 units; small enough to read every tie of the residual groups by eye."""
    return ResNet(1, in_channels, num_classes, image_size)


def resnet20(in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> ResNet:
    """Three blocks a stage: 12 groups, 448 units; the network of GETA's CIFAR-10 table."""
    return ResNet(3, in_channels, num_classes, image_size)


def resnet56(in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> ResNet:
    """Nine blocks a stage: 30 groups, 1,120 units; three of them still span whole stages."""
    return ResNet(9, in_channels, num_classes, image_size)
