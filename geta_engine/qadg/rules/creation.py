"""Tensors made from sizes: any index of a filled tensor may go, and a copy of another's shape follows that."""

from __future__ import annotations

import numpy as np
from torch.fx import Node

from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.space import Axes, Value
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, op_name, shape_of


@rule("zeros", "ones", "full", "empty", "new_zeros", "new_ones", "new_full", "new_empty")
def filled(context: Context, node: Node) -> Value:
    """Labels of its own on every dim of a known size above 1; zero where it is filled with zeros."""
    zero = op_name(node) in ("zeros", "new_zeros") or _fill(node) == 0
    shape = shape_of(node)
    fixed_dims = [d for d, size in enumerate(node.meta["val"].shape) if isinstance(size, int) and size > 1]
    axes = [Axes((d,), context.space.allocate(shape[d]), np.full(shape[d], zero), True) for d in fixed_dims]
    return Value(shape, tuple(axes))


def _fill(node: Node) -> object:
    position = {"full": 1, "new_full": 2, "full_like": 1, "fill": 1}.get(op_name(node))
    return None if position is None else argument(node, position, "fill_value")


@rule("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "bernoulli", "fill")
def like(context: Context, node: Node) -> Value:
    """The shape of another tensor, whatever it holds."""
    value = context.input(node)
    zero = op_name(node) == "zeros_like" or _fill(node) == 0
    return Value(shape_of(node), tuple(Axes(a.dims, a.labels, np.full(a.zero.shape, zero)) for a in value.axes))
