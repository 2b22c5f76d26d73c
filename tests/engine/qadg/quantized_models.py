"""Quantizers as people write them, and small networks that hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.ao.quantization import fx as _registers_quantized_decomposed  # noqa: F401


class Scaled(nn.Module):
    """A quantizer with a step `s`, scalar or one a channel, and a zero point `z`."""

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.s = nn.Parameter(torch.full(shape, 0.1))
        self.z = nn.Parameter(torch.zeros(shape))


class Rounded(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        return torch.round((x / self.s).clamp(-8, 7)) * self.s


class StraightThrough(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        return x + (torch.round((x / self.s).clamp(-8, 7)) * self.s - x).detach()


class DetachedFirst(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        return (torch.round((x / self.s).clamp(-8, 7)) * self.s).detach() + (x - x.detach())


class WithoutGradients(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            q = torch.round(x * (1 / self.s)) * self.s
        return x + (q - x).detach()


class FloorHalf(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        return torch.floor(x / self.s + 0.5) * self.s


class Lsq(Scaled):
    """Learned step size with its gradient scale (arXiv 1902.08153)."""

    def forward(self, x: Tensor) -> Tensor:
        scaled = self.s * (1 / (x.numel() * 7) ** 0.5)
        step = (self.s - scaled).detach() + scaled
        v = torch.clamp(x / step, -8, 7)
        return ((v.round() - v).detach() + v) * step


class Asymmetric(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        q = torch.clamp(torch.round(x / self.s) + torch.round(self.z), 0, 15)
        return (q - torch.round(self.z)) * self.s


class Offset(Scaled):
    """LSQ+ (arXiv 2004.09576): the offset is not a whole number of steps, so 0 does not stay 0."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.clamp(torch.round((x - self.z) / self.s), 0, 15) * self.s + self.z


class Where(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        q = torch.round(x / self.s) * self.s
        return torch.where(x > 7 * self.s, 7 * self.s, torch.where(x < -8 * self.s, -8 * self.s, q))


class Dorefa(nn.Module):
    """DoReFa weights (arXiv 1606.06160): 0 becomes 1 / 15."""

    def forward(self, x: Tensor) -> Tensor:
        w = torch.tanh(x)
        w = w / (2 * w.abs().max()) + 0.5
        return 2 * (w + (torch.round(w * 15) / 15 - w).detach()) - 1


class Pact(Scaled):
    """PACT's clip, written with magnitudes (arXiv 1805.06085)."""

    def forward(self, x: Tensor) -> Tensor:
        y = 0.5 * (x.abs() - (x - self.s).abs() + self.s)
        steps = 15 / self.s
        return torch.round(y * steps) / steps


class LargestMagnitude(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        scale = x.abs().max() / 127
        return torch.round(x / scale) * scale


class LargestOfRow(nn.Module):
    """A row of zeros is divided by zero."""

    def forward(self, x: Tensor) -> Tensor:
        scale = x.abs().amax(dim=1, keepdim=True) / 127
        return torch.round(x / scale) * scale


class MeanMagnitude(nn.Module):
    """The scale changes when zeros are cut out."""

    def forward(self, x: Tensor) -> Tensor:
        scale = x.abs().mean() / 4
        return torch.round(x / scale) * scale


class _Function(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor) -> Tensor:
        return (x / s).clamp(-8, 7).round() * s

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


class ByFunction(Scaled):
    def forward(self, x: Tensor) -> Tensor:
        return _Function.apply(x, self.s)


class Affine(nn.Module):
    """PyTorch's own op with buffers; `op(x, scale, zero_point)`, scale and zero point of shape [channels] or []."""

    def __init__(self, op: Callable[[Tensor, Tensor, Tensor], Tensor], channels: int = 0, whole: bool = True) -> None:
        super().__init__()
        shape = (channels,) if channels else ()
        self.op = op
        self.register_buffer("scale", torch.full(shape, 0.1))
        self.register_buffer("zero_point", torch.zeros(shape, dtype=torch.int32 if whole else torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x, self.scale, self.zero_point)


class Linear(nn.Module):
    """relu -> quantizer of the activation -> linear with a quantizer of the weight, called by hand."""

    def __init__(self, weight: nn.Module | None = None, activation: nn.Module | None = None) -> None:
        super().__init__()
        self.fc = nn.Linear(8, 4)
        self.weight = weight or nn.Identity()
        self.activation = activation or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.activation(torch.relu(x)), self.weight(self.fc.weight), self.fc.bias)


class Residual(nn.Module):
    """stem, bn, relu -> two convolutions in a residual block -> relu, mean -> linear."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.a = nn.Conv2d(8, 6, 3, padding=1)
        self.b = nn.Conv2d(6, 8, 3, padding=1)
        self.skip = nn.Conv2d(8, 8, 1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn(self.stem(x)))
        y = torch.relu(self.b(torch.relu(self.a(y))) + self.skip(y) + y)
        return self.fc(y.mean((2, 3)))
