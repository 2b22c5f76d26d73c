"""The quantizer as one autograd function (docs/method.md, section 2).

c = min(|x|, q_m)^t        x_Q = sgn(x) * d * round(c / d)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from geta_engine.quant.kernels import EAGER, Kernels, forward, forward_t


class _FakeQuantize(torch.autograd.Function):
    """Scalars are (d, q_m), or (d, q_m, t). Exported, it is the formula of docs/method.md and nothing else."""

    @staticmethod
    def forward(ctx: Any, kernels: Kernels, x: Tensor, *scalars: Tensor) -> Tensor:
        ctx.kernels = kernels
        ctx.save_for_backward(x, *scalars)
        if torch.compiler.is_exporting():
            return (forward if len(scalars) == 2 else forward_t)(x, *scalars)
        formula = kernels.forward if len(scalars) == 2 else kernels.forward_t
        return formula(_flat(x), *scalars).view(x.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, *scalars = ctx.saved_tensors
        formula = ctx.kernels.backward if len(scalars) == 2 else ctx.kernels.backward_t
        grad_x, *sums = formula(_flat(grads[0]), _flat(x), *scalars)
        return (None, grad_x.view(x.shape), *(total.to(s.dtype) for total, s in zip(sums, scalars)))


class _FakeQuantizeWeights(torch.autograd.Function):
    """The same for many tensors; `count` of `tensors` are (d, q_m) or (d, q_m, t), of shape [quantizers]."""

    @staticmethod
    def forward(
        ctx: Any, kernels: Kernels, positions: tuple[int, ...], count: int, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.kernels, ctx.positions, ctx.count = kernels, positions, count
        ctx.save_for_backward(*tensors)
        formula = kernels.forward if count == 2 else kernels.forward_t
        scalars_of = _scalars_at(positions, tensors[:count])
        return tuple(formula(_flat(x), *scalars).view(x.shape) for x, scalars in zip(tensors[count:], scalars_of))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        tensors, count = ctx.saved_tensors, ctx.count
        vectors, weights = tensors[:count], tensors[count:]
        formula = ctx.kernels.backward if count == 2 else ctx.kernels.backward_t
        scalars_of = _scalars_at(ctx.positions, vectors)
        results = [formula(_flat(g), _flat(x), *scalars) for g, x, scalars in zip(grads, weights, scalars_of)]
        index = torch.tensor(ctx.positions, device=vectors[0].device)
        sums = [
            torch.zeros_like(vector).index_copy_(0, index, torch.stack(column).to(vector.dtype))
            for vector, column in zip(vectors, zip(*(totals for _, *totals in results)))
        ]
        return (None, None, None, *sums, *(passed.view(x.shape) for (passed, *_), x in zip(results, weights)))


def _scalars_at(positions: tuple[int, ...], vectors: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
    """The 0-d (d, q_m) or (d, q_m, t) at each position of vectors of shape [quantizers]."""
    rows = list(zip(*(vector.unbind() for vector in vectors)))
    return [rows[position] for position in positions]


def _flat(x: Tensor) -> Tensor:
    return x.contiguous().view(-1)


def fake_quantize(x: Tensor, d: Tensor, q_m: Tensor, t: Tensor | None = None, kernels: Kernels = EAGER) -> Tensor:
    """Quantize and de-quantize `x` (any shape) with scalar tensors d > 0, q_m > 0 and exponent t (None: fixed at 1).

    Gradients are those of docs/method.md, section 2: straight-through inside the clip, 0 outside; no NaN at x = 0.
    Example: x = 0.4, d = 1/7, q_m = 1 gives 3/7; x = 0.625, d = 0.25 gives 0.5 (round half to even).
    """
    scalars = (d, q_m) if t is None else (d, q_m, t)
    result: Tensor = _FakeQuantize.apply(kernels, x, *scalars)
    return result


def fake_quantize_weights(
    weights: tuple[Tensor, ...],
    positions: tuple[int, ...],
    d: Tensor,
    q_m: Tensor,
    t: Tensor | None = None,
    kernels: Kernels = EAGER,
) -> tuple[Tensor, ...]:
    """`fake_quantize` of each tensor with the numbers at its position in d, q_m and t, all of shape [quantizers]."""
    vectors = (d, q_m) if t is None else (d, q_m, t)
    result: tuple[Tensor, ...] = _FakeQuantizeWeights.apply(kernels, positions, len(vectors), *vectors, *weights)
    return result
