"""The quantizer one number at a time, in Python's floats."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Four = tuple[float, float, float, float]


def slow_forward(x: float, d: float, q_m: float, t: float) -> float:
    """docs/method.md, section 2; Python's round() takes half to even."""
    c = min(abs(x), q_m) ** t
    return math.copysign(1, x) * d * round(c / d) if x else 0.0


def slow_gradients(x: float, d: float, q_m: float, t: float) -> Four:
    """Of x, d, q_m and t."""
    sign = (x > 0) - (x < 0)
    c = min(abs(x), q_m) ** t
    r = c / d
    return (
        1.0 if abs(x) <= q_m else 0.0,
        sign * (round(r) - r),
        sign * t * q_m ** (t - 1) if abs(x) > q_m else 0.0,
        sign * c * math.log(min(abs(x), q_m)) if x else 0.0,
    )


def leaves(*values: float, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    return [torch.tensor(v, dtype=dtype, requires_grad=True) for v in values]


def normal(count: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=dtype)
