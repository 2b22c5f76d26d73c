"""Names of the zoo with one line each; torch-free, so that a list of models can be shown before torch is imported."""

from __future__ import annotations

ZOO: dict[str, str] = {
    "mlp": "Three linear layers: the smallest picture of what a unit is",
    "lenet": "LeNet-5: biased convolutions, and a flatten that turns one channel into a block of columns",
    "vgg7": "VGG7-BN: a plain chain of six convolutions and a wide linear layer, one group each",
    "resnet8": "CIFAR ResNet with one block a stage: the smallest picture of a residual group",
    "resnet20": "CIFAR ResNet with three blocks a stage: residual groups across blocks, inner groups within",
    "resnet56": "CIFAR ResNet with nine blocks a stage: three residual groups stretched over a deep graph",
    "resnet18": "ResNet of basic blocks for CIFAR-10's 32 x 32 images: four stages, widths 64 to 512",
    "resnet50": "ResNet of bottlenecks for 32 x 32 images: two inner groups a block, a residual stream of 2,048",
    "vit_tiny": "Vision transformer: attention heads as units, and a residual stream through every LayerNorm",
    "mobile_tiny": "Inverted residuals: depthwise convolutions and squeeze-excite gates that go with their channels",
    "dense_tiny": "DenseNet-BC: concatenations, where one channel is read by every later layer of its block",
}

DEMO = "resnet20"
"""What a first visit shows."""
