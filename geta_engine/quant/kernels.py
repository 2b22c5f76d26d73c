"""Forward and backward of the quantizer on flat arrays (docs/method.md, section 2), and the way they are run.

Every formula is written once. Compiled (`quant.compiled`) it is one pass over memory; eagerly it is run over pieces
that stay in the processor's cache. Both give the same numbers to 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

PIECE = 131_072
"""Numbers in one piece: half a megabyte, so that what a formula keeps meanwhile fits in the cache."""


def forward(x: Tensor, d: Tensor, q_m: Tensor) -> Tensor:
    """t = 1: d * round(clamp(x, -q_m, q_m) / d), computed in float32 at least."""
    return _like(_clip(_wide(x), q_m).div_(d).round_().mul_(d), x)


def backward(g: Tensor, x: Tensor, d: Tensor, q_m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, d and q_m for upstream g; the last two summed. Outside the clip sgn(x) is c / q_m."""
    wide, upstream = _wide(x), _wide(g)
    clipped = _clip(wide, q_m)
    passed = (clipped == wide) * upstream
    ratio = clipped / d
    residual = ratio.round().sub_(ratio)
    return _like(passed, x), (upstream * residual).sum(), ((upstream - passed) * clipped).sum() / q_m


def forward_t(x: Tensor, d: Tensor, q_m: Tensor, t: Tensor) -> Tensor:
    """sgn(x) * d * round(min(|x|, q_m)^t / d)."""
    wide = _wide(x)
    c = torch.minimum(wide.abs(), q_m).pow_(t)
    return _like(c.div_(d).round_().mul_(d).mul_(wide.sign()), x)


def backward_t(g: Tensor, x: Tensor, d: Tensor, q_m: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x, d, q_m and t for upstream g; the last three summed."""
    wide = _wide(x)
    upstream = _wide(g)
    signed = upstream * wide.sign()
    magnitude = wide.abs()
    inside = magnitude <= q_m
    clipped = torch.minimum(magnitude, q_m)
    c = clipped.pow(t)
    ratio = c / d
    logarithm = torch.where(clipped > 0, clipped, 1.0).log_()
    outer = (signed * ~inside).sum() * t * q_m.pow(t - 1)
    inner = (signed * (ratio.round() - ratio)).sum()
    return _like(upstream * inside, x), inner, outer, (signed * c * logarithm).sum()


def _clip(x: Tensor, q_m: Tensor) -> Tensor:
    """min(max(x, -q_m), q_m): one op where it is traced, else the two of which a CPU makes vector code."""
    if torch.compiler.is_exporting():
        return torch.clamp(x, -q_m, q_m)
    return torch.clamp_min(x, -q_m).clamp_max_(q_m)


def _wide(x: Tensor) -> Tensor:
    """Half precision is computed in float32: a level of 16 bits has no place in it."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def _like(result: Tensor, x: Tensor) -> Tensor:
    """In the dtype of x; no op where it has it, so that a traced quantizer is what docs/method.md writes."""
    return result if result.dtype == x.dtype else result.to(x.dtype)


class Kernels(NamedTuple):
    """The four formulas, in one way of running them; arguments are flat and contiguous, scalars 0-d.

    Kernels hold no numbers, so that a copy of a model runs the same ones.
    """

    forward: Callable[..., Tensor]
    backward: Callable[..., tuple[Tensor, ...]]
    forward_t: Callable[..., Tensor]
    backward_t: Callable[..., tuple[Tensor, ...]]

    def __deepcopy__(self, memo: dict[int, object]) -> Kernels:
        return self


def _forward_by_pieces(formula: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def run(x: Tensor, *scalars: Tensor) -> Tensor:
        if x.numel() <= PIECE or x.device.type != "cpu":
            return formula(x, *scalars)
        result = torch.empty_like(x)
        for piece, target in zip(x.split(PIECE), result.split(PIECE)):
            target.copy_(formula(piece, *scalars))
        return result

    return run


def _backward_by_pieces(formula: Callable[..., tuple[Tensor, ...]]) -> Callable[..., tuple[Tensor, ...]]:
    def run(g: Tensor, x: Tensor, *scalars: Tensor) -> tuple[Tensor, ...]:
        if x.numel() <= PIECE or x.device.type != "cpu":
            return formula(g, x, *scalars)
        result = torch.empty_like(x)
        sums = []
        for upstream, piece, target in zip(g.split(PIECE), x.split(PIECE), result.split(PIECE)):
            passed, *others = formula(upstream, piece, *scalars)
            target.copy_(passed)
            sums.append(torch.stack(others))
        return (result, *torch.stack(sums).sum(0).unbind())

    return run


EAGER = Kernels(
    _forward_by_pieces(forward),
    _backward_by_pieces(backward),
    _forward_by_pieces(forward_t),
    _backward_by_pieces(backward_t),
)
"""The formulas as PyTorch runs them, piece by piece."""
