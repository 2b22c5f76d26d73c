"""The quantizer as one autograd function (METHOD, section 2).

c = min(|x|, q_m)^t        x_Q = sgn(x) * d * round(c / d)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from geta_engine.quant import kernels


class _FakeQuantize(torch.autograd.Function):
    """Scalars are (d, q_m), or (d, q_m, t). Exported, it is METHOD's formula and nothing else."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, *scalars: Tensor) -> Tensor:
        ctx.save_for_backward(x, *scalars)
        if torch.compiler.is_exporting():
            return (kernels.forward if len(scalars) == 2 else kernels.forward_t)(x, *scalars)
        run = kernels.active()
        formula = run.forward if len(scalars) == 2 else run.forward_t
        return formula(_flat(x), *scalars).view(x.shape)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        x, *scalars = ctx.saved_tensors
        run = kernels.active()
        formula = run.backward if len(scalars) == 2 else run.backward_t
        grad_x, *sums = formula(_flat(grads[0]), _flat(x), *scalars)
        return (grad_x.view(x.shape), *(total.to(s.dtype) for total, s in zip(sums, scalars)))


class _FakeQuantizeWeights(torch.autograd.Function):
    """The same for many tensors; `count` of `tensors` are (d, q_m) or (d, q_m, t), of shape [quantizers]."""

    @staticmethod
    def forward(ctx: Any, places: tuple[int, ...], count: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.places, ctx.count = places, count
        ctx.save_for_backward(*tensors)
        own = _chosen(list(zip(*(vector.unbind() for vector in tensors[:count]))), places)
        run = kernels.active()
        formula = run.forward if count == 2 else run.forward_t
        return tuple(formula(_flat(x), *scalars).view(x.shape) for x, scalars in zip(tensors[count:], own))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Any, ...]:
        tensors, count = ctx.saved_tensors, ctx.count
        vectors, weights = tensors[:count], tensors[count:]
        run = kernels.active()
        formula = run.backward if count == 2 else run.backward_t
        own = _chosen(list(zip(*(vector.unbind() for vector in vectors))), ctx.places)
        found = [formula(_flat(g), _flat(x), *scalars) for g, x, scalars in zip(grads, weights, own)]
        index = torch.tensor(ctx.places, device=vectors[0].device)
        sums = [
            torch.zeros_like(vector).index_copy_(0, index, torch.stack(column).to(vector.dtype))
            for vector, column in zip(vectors, zip(*(totals for _, *totals in found)))
        ]
        return (None, None, *sums, *(passed.view(x.shape) for (passed, *_), x in zip(found, weights)))


def _chosen(rows: list[tuple[Tensor, ...]], places: tuple[int, ...]) -> list[tuple[Tensor, ...]]:
    return [rows[place] for place in places]


def _flat(x: Tensor) -> Tensor:
    return x.contiguous().view(-1)


def fake_quantize(x: Tensor, d: Tensor, q_m: Tensor, t: Tensor | None = None) -> Tensor:
    """Quantize and de-quantize `x` (any shape) with scalar tensors d > 0, q_m > 0 and exponent t (None: fixed at 1).

    Gradients are those of METHOD, section 2: straight-through inside the clip, 0 outside; no NaN at x = 0.
    Example: x = 0.5, d = 1/7, q_m = 1 gives 4/7 (round half to even).
    """
    return _FakeQuantize.apply(x, d, q_m) if t is None else _FakeQuantize.apply(x, d, q_m, t)


def fake_quantize_weights(
    weights: tuple[Tensor, ...], places: tuple[int, ...], d: Tensor, q_m: Tensor, t: Tensor | None = None
) -> tuple[Tensor, ...]:
    """`fake_quantize` of each tensor with the numbers at its place in d, q_m and t, all of shape [quantizers]."""
    vectors = (d, q_m) if t is None else (d, q_m, t)
    result: tuple[Tensor, ...] = _FakeQuantizeWeights.apply(places, len(vectors), *vectors, *weights)
    return result
