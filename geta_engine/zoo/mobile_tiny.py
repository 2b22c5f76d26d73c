"""A small MobileNetV3-like network (Howard et al. 2019): inverted residuals, squeeze-excite, hardswish."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geta_engine.zoo.base import ZooModel, require_multiple

STEM, HEAD, EXPAND = 16, 128, 3
STAGES = ((16, 1), (24, 2), (24, 1), (40, 2), (40, 1))
"""(width, stride) of each inverted residual; blocks of stride 1 that keep the width add a shortcut."""


class SqueezeExcite(nn.Module):
    """`x * sigmoid(expand(relu(reduce(mean of x over the image))))`: one gate in (0, 1) for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, channels // 4, 1)
        self.expand = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, channels, H, W]` -> the same shape."""
        gate = self.expand(F.relu(self.reduce(self.pool(x))))
        return x * torch.sigmoid(gate)


class InvertedResidual(nn.Module):
    """1 x 1 expansion, 3 x 3 depthwise convolution, squeeze-excite, 1 x 1 projection; a shortcut where shapes agree."""

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        hidden = in_channels * EXPAND
        self.expand = nn.Conv2d(in_channels, hidden, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, stride=stride, padding=1, groups=hidden, bias=False)
        self.bn2 = nn.BatchNorm2d(hidden)
        self.se = SqueezeExcite(hidden)
        self.project = nn.Conv2d(hidden, width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.shortcut = stride == 1 and in_channels == width

    def forward(self, x: Tensor) -> Tensor:
        """`[B, in_channels, H, W]` -> `[B, width, H / stride, W / stride]`."""
        out = F.hardswish(self.bn1(self.expand(x)))
        out = F.hardswish(self.bn2(self.depthwise(out)))
        out = self.bn3(self.project(self.se(out)))
        return x + out if self.shortcut else out


class MobileTiny(ZooModel):
    """A stem, five inverted residuals (widths 16-24-24-40-40), a 1 x 1 head, global average pooling, `fc`.

    What it shows: a depthwise convolution has no in-channels of its own - its channel j *is* the expansion's channel
    j - so expansion, depthwise filter, both BatchNorms, the squeeze-excite's input and output and the projection's
    column form one unit. The gate shows zero-invariance at work: sigmoid(0) is 0.5, not 0, so a gate alone may never
    be removed; multiplied by a channel that is zero it may. The squeeze in the middle of each gate is a group of its
    own, and shortcuts tie blocks of equal width.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> None:
        super().__init__()
        require_multiple(image_size, 4, "mobile_tiny")
        self.input_shape = (in_channels, image_size, image_size)
        self.stem = nn.Conv2d(in_channels, STEM, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        widths = (STEM, *(width for width, _ in STAGES))
        self.blocks = nn.Sequential(
            *(InvertedResidual(before, width, stride) for before, (width, stride) in zip(widths, STAGES, strict=False))
        )
        self.head = nn.Conv2d(widths[-1], HEAD, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(HEAD)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(HEAD, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> class scores `[B, num_classes]`."""
        x = F.hardswish(self.bn1(self.stem(x)))
        x = F.hardswish(self.bn2(self.head(self.blocks(x))))
        return self.fc(torch.flatten(self.pool(x), 1))
