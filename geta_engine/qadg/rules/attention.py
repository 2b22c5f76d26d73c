"""Attention: heads go together, whatever the scores of a removed head were."""

from __future__ import annotations

import numpy as np
from torch.fx import Node

from geta_engine.qadg.labels.axes import align, along, renumber
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import all_zero, join, keep_rows
from geta_engine.qadg.labels.space import Value
from geta_engine.qadg.rules.contraction import product
from geta_engine.qadg.rules.registry import rule
from geta_engine.qadg.rules.softmax import normalized
from geta_engine.trace.fx_nodes import argument, shape_of


@rule("scaled_dot_product_attention", sums=True)
def attention(context: Context, node: Node) -> Value:
    """softmax(q k^T + mask) v over [..., heads, length, head_dim], by the rules of its parts."""
    q, k, v = (context.input(node, i) for i in range(3))
    if argument(node, 7, "enable_gqa", False):
        k, v = (_repeat_heads(x, q.shape[-3]) for x in (k, v))
    rank = max(len(x.shape) for x in (q, k, v))
    q, k, v = (align(x, rank) for x in (q, k, v))
    scores = product(context, node, q, _transposed(k))
    mask = context.value(argument(node, 3, "attn_mask"))
    shape = scores.shape
    if mask is not None:
        axes = join(context, node, [scores, align(mask, len(scores.shape))], scores.shape, all_zero)
        scores = scores.with_axes(shape, axes)
    if argument(node, 5, "is_causal", False):
        position_dims = {len(shape) - 2, len(shape) - 1}
        rows = [keep_rows(context, node, a, position_dims, "compares its place with others") for a in scores.axes]
        scores = scores.with_axes(shape, [a for a in rows if a is not None])
    weights = normalized(context, node, scores, len(shape) - 1)
    out = product(context, node, weights, v)
    return Value(shape_of(node), out.axes, cause=v.cause)


def _repeat_heads(value: Value, heads: int) -> Value:
    """Grouped queries: each key/value head once for every query head that reads it."""
    dim = len(value.shape) - 3
    times = heads // value.shape[dim]
    shape = (*value.shape[:dim], heads, *value.shape[dim + 1 :])
    axes = [along(a, dim, lambda x, i: np.repeat(x, times, i)) if dim in a.dims else a for a in value.axes]
    return value.with_axes(shape, axes)


def _transposed(value: Value) -> Value:
    last = len(value.shape) - 1
    shape = (*value.shape[:-2], value.shape[-1], value.shape[-2])
    swap = {last: last - 1, last - 1: last}
    return value.with_axes(shape, [renumber(a, lambda d: swap.get(d, d)) for a in value.axes])
