"""LeNet-5 (LeCun et al. 1998), with ReLU, max pooling and padded convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from geta_engine.zoo.base import ZooModel, require_multiple


class LeNet(ZooModel):
    """Two 5 x 5 convolutions with max pooling, then three linear layers; widths 6-16-120-84 as published.

    What it shows: the flatten between `conv2` and `fc1`. A channel of `conv2` becomes (image_size / 4)**2
    neighbouring columns of `fc1.weight`, so a unit here is one filter, its bias, and that whole block of columns (4 of
    them at 8 x 8). The biases matter too: without a BatchNorm after them they belong to the unit, and a filter of
    zeros with a bias that is not zero would still speak. Four groups: 6, 16, 120 and 84 units.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> None:
        super().__init__()
        require_multiple(image_size, 4, "lenet")
        self.input_shape = (in_channels, image_size, image_size)
        self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5, padding=2)
        self.fc1 = nn.Linear(16 * (image_size // 4) ** 2, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W]` -> class scores `[B, num_classes]`."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)
