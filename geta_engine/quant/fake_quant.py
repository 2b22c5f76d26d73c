"""The quantizer as one autograd function (METHOD, section 2).

c = min(|x|, q_m)^t        x_Q = sgn(x) * d * round(c / d)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _FakeQuantize(torch.autograd.Function):
    """t = 1: c is a clamp, so forward and backward are a few passes over memory."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, d: Tensor, q_m: Tensor) -> Tensor:
        ctx.save_for_backward(x, d, q_m)
        return torch.clamp(x, -q_m, q_m).div_(d).round_().mul_(d)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (grad,) = grads
        x, d, q_m = ctx.saved_tensors
        clipped = torch.clamp(x, -q_m, q_m)
        inside = clipped == x
        ratio = clipped.div_(d)
        residual = ratio.round().sub_(ratio)
        grad_d = torch.dot(grad.reshape(-1), residual.reshape(-1))
        grad_x = grad * inside
        grad_q_m = torch.dot((grad - grad_x).reshape(-1), x.sign().reshape(-1))
        return grad_x, grad_d, grad_q_m


class _FakeQuantizeT(torch.autograd.Function):
    """The general form, with t as a parameter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, d: Tensor, q_m: Tensor, t: Tensor) -> Tensor:
        ctx.save_for_backward(x, d, q_m, t)
        c = torch.minimum(x.abs(), q_m).pow_(t)
        return c.div_(d).round_().mul_(d).mul_(x.sign())

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        (grad,) = grads
        x, d, q_m, t = ctx.saved_tensors
        magnitude, sign = x.abs(), x.sign()
        inside = magnitude <= q_m
        clipped = torch.minimum(magnitude, q_m)
        c = clipped.pow(t)
        ratio = c / d
        grad_d = (grad * sign * (ratio.round() - ratio)).sum()
        grad_q_m = (grad * sign * ~inside).sum() * t * q_m.pow(t - 1)
        logarithm = torch.where(clipped > 0, clipped.log(), torch.zeros_like(clipped))
        grad_t = (grad * sign * c * logarithm).sum()
        return grad * inside, grad_d, grad_q_m, grad_t


def fake_quantize(x: Tensor, d: Tensor, q_m: Tensor, t: Tensor | None = None) -> Tensor:
    """Quantize and de-quantize `x` (any shape) with scalar tensors d > 0, q_m > 0 and exponent t (None: fixed at 1).

    Gradients are those of METHOD, section 2: straight-through inside the clip, 0 outside; no NaN at x = 0.
    Example: x = 0.5, d = 1/7, q_m = 1 gives 4/7 (round half to even).
    """
    return _FakeQuantize.apply(x, d, q_m) if t is None else _FakeQuantizeT.apply(x, d, q_m, t)
