"""ResNets (He et al. 2015): the CIFAR ones of section 4.2 in three stages, and those of 18 and 50 layers in four.

Every stem is the CIFAR one (3 x 3, no pooling); shortcuts are projections where the shape changes, else identities.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geta_engine.zoo.base import ZooModel, require_multiple

NARROW = (16, 32, 64)
"""Widths of the three stages of resnet8, 20 and 56; every stage after the first halves the image."""

WIDE = (64, 128, 256, 512)
"""Widths of the four stages of resnet18 and resnet50."""


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions around a shortcut: `relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))`.

    `conv1`'s channels are read by `conv2` alone: a free group of the block. `conv2`'s are added to the shortcut's,
    and so are tied to it.
    """

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = _shortcut(in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, width, H / stride, W / stride]`."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class Bottleneck(nn.Module):
    """1 x 1 down to `width` channels, 3 x 3, and 1 x 1 up to four times as many, around a shortcut.

    Two free groups of `width` units a block, `conv1`'s and `conv2`'s channels; `conv3`'s are tied to the shortcut's.
    """

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        out_channels = self.expansion * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.shortcut = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, 4 * width, H / stride, W / stride]`."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + self.shortcut(x))


class ResNet(ZooModel):
    """A 3 x 3 stem, stages `layer1`, `layer2`, ... of `depths` blocks at `widths`, global average pooling, `fc`.

    What it shows: two kinds of group. An addition needs equal channels on both sides, so channel j of the last
    convolution of every block of a stage and of its projection must go together: one residual group a stage, whose
    units reach across all its blocks. Channels between the convolutions of a block are private: one inner group a
    basic block, two a bottleneck. The stem belongs to the first stage's residual group when no projection comes
    between. resnet20 has 3 + 3 * 3 groups and 3 * (16 + 32 + 64) + (16 + 32 + 64) = 448 units. Projections at the
    stage borders keep the residual groups apart.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        widths: Sequence[int],
        in_channels: int,
        num_classes: int,
        image_size: int,
    ) -> None:
        super().__init__()
        require_multiple(image_size, 2 ** (len(widths) - 1), "resnet")
        self.input_shape = (in_channels, image_size, image_size)
        self.conv1 = nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.stages = tuple(f"layer{i}" for i in range(1, len(widths) + 1))
        channels = widths[0]
        for name, depth, width in zip(self.stages, depths, widths, strict=True):
            self.add_module(name, _stage(block, channels, width, depth, stride=1 if name == "layer1" else 2))
            channels = block.expansion * width
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)

    def stem(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> `[B, widths[0], H, W]`."""
        return F.relu(self.bn1(self.conv1(x)))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> class scores `[B, num_classes]`."""
        x = self.stem(x)
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return self.fc(torch.flatten(self.pool(x), 1))


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """The identity, or a projection (1 x 1 convolution and BatchNorm) where the shape changes."""
    if stride == 1 and in_channels == out_channels:
        return nn.Sequential()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
    )


def _stage(
    block: type[BasicBlock] | type[Bottleneck], in_channels: int, width: int, depth: int, stride: int
) -> nn.Sequential:
    rest = [block(block.expansion * width, width, 1) for _ in range(depth - 1)]
    return nn.Sequential(block(in_channels, width, stride), *rest)


def resnet8(in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> ResNet:
    """One block a stage: 6 groups, 224 units; small enough to read every tie of the residual groups by eye."""
    return ResNet(BasicBlock, (1, 1, 1), NARROW, in_channels, num_classes, image_size)


def resnet20(in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> ResNet:
    """Three blocks a stage: 12 groups, 448 units; the network of GETA's CIFAR-10 table."""
    return ResNet(BasicBlock, (3, 3, 3), NARROW, in_channels, num_classes, image_size)


def resnet56(in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> ResNet:
    """Nine blocks a stage: 30 groups, 1,120 units; three of them still span whole stages."""
    return ResNet(BasicBlock, (9, 9, 9), NARROW, in_channels, num_classes, image_size)


def resnet18(in_channels: int = 3, num_classes: int = 10, image_size: int = 32) -> ResNet:
    """Two basic blocks in each of four stages: 4 + 8 = 12 groups, 960 + 1,920 = 2,880 units."""
    return ResNet(BasicBlock, (2, 2, 2, 2), WIDE, in_channels, num_classes, image_size)


def resnet50(in_channels: int = 3, num_classes: int = 10, image_size: int = 32) -> ResNet:
    """3, 4, 6 and 3 bottlenecks: 37 groups, 11,456 units.

    The stem is a group of its own (64), before four residual groups (3,840) and two inner groups a block (7,552).
    """
    return ResNet(Bottleneck, (3, 4, 6, 3), WIDE, in_channels, num_classes, image_size)
