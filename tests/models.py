"""Small models for tests, and weights that hide nothing: no zero biases, no unit norms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import geta_engine as ge

ZOO_SMALL = ("mlp", "lenet", "vgg7", "resnet8", "resnet20", "vit_tiny", "mobile_tiny", "dense_tiny")


def randomize(traced: ge.TracedModel, seed: int = 1) -> ge.TracedModel:
    """Give vectors (biases, norms, running statistics) random values in place: a zero bias would prove nothing."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in traced.program.state_dict.items():
            if value.is_floating_point() and value.ndim == 1:
                scale = name.endswith("weight") or "var" in name
                drawn = torch.rand(value.shape, generator=generator)
                value.copy_(drawn + 0.3 if scale else (drawn - 0.5) * 0.6)
    return traced


def traced(model: nn.Module, *args: Tensor, seed: int = 1) -> ge.TracedModel:
    return randomize(ge.trace(model, args), seed)


def images(channels: int = 3, size: int = 8, batch: int = 2) -> Tensor:
    return torch.randn(batch, channels, size, size, generator=torch.Generator().manual_seed(0))


class Made(nn.Module):
    """A network from named layers and parameters and a function of (self, *inputs)."""

    def __init__(self, function, **parts) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)
