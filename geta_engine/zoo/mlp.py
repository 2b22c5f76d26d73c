"""A perceptron with two hidden layers."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from geta_engine.zoo.base import ZooModel


class MLP(ZooModel):
    """Linear -> ReLU -> Linear -> ReLU -> Linear on flat inputs `[B, in_channels * image_size**2]`.

    What it shows: a unit is one hidden number. Removing hidden unit j of `fc1` takes row j of `fc1.weight`, entry j
    of `fc1.bias` and column j of `fc2.weight`. ReLU maps 0 to 0, so a unit whose row and bias are zero adds nothing
    to `fc2`: setting it to zero and removing it are the same function. Two groups (128 and 64 units); the pixels and
    the class scores cannot be pruned.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, image_size: int = 8) -> None:
        super().__init__()
        features = in_channels * image_size * image_size
        self.input_shape = (features,)
        self.fc1 = nn.Linear(features, 128)
        self.fc2 = nn.Linear(128, 64)
        self.fc3 = nn.Linear(64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, features]` -> class scores `[B, num_classes]`."""
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)
