"""VGG7-BN, the network on which DJPQ (arXiv 2007.10463) and GETA report joint pruning and quantization."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from geta_engine.zoo.base import ZooModel, require_multiple

STAGE_WIDTHS = (128, 256, 512)
"""Width of the two convolutions of each stage; a 2 x 2 max pool ends the stage."""
FC_WIDTH = 1024


class VGG7(ZooModel):
    """Six 3 x 3 convolutions with BatchNorm, 128-128-256-256-512-512, then a 1024-wide linear layer and the classes.

    What it shows: a plain chain, where every layer is a group of its own - 7 groups, 2,816 units. BatchNorm's weight,
    bias and running statistics go with the filter before it: a filter at zero is not enough, since BatchNorm would
    still send its bias on. The first layers are small in parameters and large in arithmetic and the last ones the
    other way round, so the same sparsity saves different things in different places; and a chain this wide is heavily
    over-sized for its task, which is why it reaches 0.41 % of its bit operations in the paper.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> None:
        super().__init__()
        require_multiple(image_size, 8, "vgg7")
        self.input_shape = (in_channels, image_size, image_size)
        first, second, third = STAGE_WIDTHS
        self.stage1 = _stage(in_channels, first)
        self.stage2 = _stage(first, second)
        self.stage3 = _stage(second, third)
        self.classifier = nn.Sequential(
            nn.Linear(third * (image_size // 8) ** 2, FC_WIDTH), nn.ReLU(), nn.Linear(FC_WIDTH, num_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> class scores `[B, num_classes]`."""
        x = self.stage3(self.stage2(self.stage1(x)))
        return self.classifier(torch.flatten(x, 1))


def _stage(in_channels: int, width: int) -> nn.Sequential:
    """conv-BN-ReLU twice, then a pool that halves height and width."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )
