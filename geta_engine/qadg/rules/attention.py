"""Scaled dot-product attention: q, k, v lose whole heads together."""

from __future__ import annotations

import numpy as np
from torch.fx import Node

from geta_engine.qadg.context import Context, argument, shape_of, title
from geta_engine.qadg.rules.contraction import collapse, pin_all
from geta_engine.qadg.rules.registry import rule
from geta_engine.qadg.space import Axes, Value


@rule("scaled_dot_product_attention")
def attention(context: Context, node: Node) -> Value:
    """q, k, v of shape [..., heads, length, head_dim]; a head whose v is zero gives zero, whatever its scores."""
    q, k, v = (context.value(arg) for arg in node.args[:3])
    assert q is not None and k is not None and v is not None
    shape = shape_of(node)
    head = len(shape) - 3
    heads = [_heads(context, node, value, head) for value in (q, k, v)]
    if head < 1 or any(h is None for h in heads) or argument(node, 7, "enable_gqa", False):
        return pin_all(context, node)
    _tie_mask(context, node, head, heads[0])
    for other in heads[1:]:
        context.space.tie(heads[0].labels, other.labels, node.name)  # type: ignore[union-attr]
    own = v.on(head)
    assert own is not None
    return Value(shape, (own,), cause=v.cause)


def _heads(context: Context, node: Node, value: Value, head: int) -> Axes | None:
    """One label a head; None when heads of this tensor cannot be told apart."""
    axes = value.on(head)
    if axes is None or not set(axes.dims) <= {head, head + 2} or len(value.axes) > 1:
        return None
    return collapse(context, axes, head + 2, node.name) if head + 2 in axes.dims else axes


def _tie_mask(context: Context, node: Node, head: int, heads: Axes | None) -> None:
    mask = context.value(argument(node, 3, "attn_mask"))
    if mask is None or heads is None:
        return
    shift = len(shape_of(node)) - len(mask.shape)
    own = head - shift
    if own >= 0 and mask.shape[own] > 1 and mask.on(own) is None:
        context.space.pin(heads.labels, f"`{title(node)}` masks it with a tensor that cannot lose heads")
    for axes in mask.axes:
        if tuple(d + shift for d in axes.dims) == (head,):
            context.space.tie(heads.labels, axes.labels, node.name)
        else:
            context.space.pin(axes.labels, f"`{title(node)}` masks by it")


@rule("softmax", "log_softmax", "_softmax", "_log_softmax", "_safe_softmax")
def softmax(context: Context, node: Node) -> Value:
    """Not zero at zero; a softmax over channels changes when one goes."""
    value = context.value(node.args[0])
    assert value is not None
    dim = int(node.args[1]) % len(value.shape)  # type: ignore[arg-type]
    kept = []
    for axes in value.axes:
        if dim in axes.dims:
            context.space.pin(axes.labels, f"`{title(node)}` normalises over it")
        else:
            kept.append(Axes(axes.dims, axes.labels, np.zeros_like(axes.zero)))
    return Value(shape_of(node), tuple(kept), cause=title(node))
