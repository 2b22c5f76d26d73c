"""Normalisations: weight, bias and running statistics are tied to the channels."""

from __future__ import annotations

import numpy as np
from torch.fx import Node

from geta_engine.qadg.context import Context, argument, shape_of, title
from geta_engine.qadg.rules.contraction import _not_zero, collapse, pin_all
from geta_engine.qadg.rules.registry import rule
from geta_engine.qadg.space import Axes, Value


@rule("batch_norm", "instance_norm")
def batch_norm(context: Context, node: Node) -> Value:
    """y = (x - mean) / std * weight + bias over dim 1: zero wherever weight and bias are, whatever x is."""
    x = context.value(node.args[0])
    assert x is not None
    affine = [context.value(arg) for arg in node.args[1:3]]
    statistics = [context.value(arg) for arg in node.args[3:5]]
    axes = x.on(1)
    if axes is None or axes.dims != (1,):
        return pin_all(context, node)
    for value in (*affine, *statistics):
        if value is not None and value.axes:
            context.space.tie(axes.labels, value.axes[0].labels, node.name)
    _produced(context, affine)
    zero = all(value is not None and value.constant for value in affine)
    kept = tuple(Axes(a.dims, a.labels, np.full_like(a.zero, zero)) if a is axes else a for a in x.axes)
    return Value(shape_of(node), kept, cause=None if zero else title(node))


def _produced(context: Context, affine: list[Value | None]) -> None:
    for value in affine:
        if value is not None and value.constant:
            context.space.produced += [a.labels.ravel() for a in value.axes]


@rule("layer_norm", "rms_norm")
def layer_norm(context: Context, node: Node) -> Value:
    """Over a pruned last dim the compact norm keeps its divisor, which is exact when what goes is zero."""
    x = context.value(node.args[0])
    assert x is not None
    normalized = len(node.args[1])  # type: ignore[arg-type]
    last = len(x.shape) - 1
    affine = [context.value(a) for a in (argument(node, 2, "weight"), argument(node, 3, "bias")) if isinstance(a, Node)]
    axes = x.on(last)
    if axes is None or normalized != 1:
        return pin_all(context, node)
    if axes.dims != (last,):
        return _per_head(context, node, x, axes, last, affine)
    for value in affine:
        if value is not None and value.axes:
            context.space.tie(axes.labels, value.axes[0].labels, node.name)
    _produced(context, affine)
    if not axes.zero.all():
        context.space.pin(axes.labels[~axes.zero], _not_zero(node, x))
    context.space.norms[node.name] = x.shape[last]
    centred = node.target._schema.name == "aten::layer_norm"  # type: ignore[union-attr]
    zero = bool(affine) if centred else True
    kept = tuple(Axes(a.dims, a.labels, np.full_like(a.zero, zero)) if a is axes else a for a in x.axes)
    return Value(shape_of(node), kept, cause=None if zero else title(node))


def _per_head(context: Context, node: Node, x: Value, axes: Axes, last: int, affine: list[Value | None]) -> Value:
    """A norm inside each head: heads go whole, the norm's own weight is shared by all of them and stays."""
    for value in affine:
        if value is not None:
            context.space.pin_value(value, f"`{title(node)}` is shared by all heads")
    heads = collapse(context, axes, last, node.name)
    biased = len(affine) > 1
    kept = tuple(a for a in x.axes if a is not axes)
    return Value(shape_of(node), (*kept, Axes(heads.dims, heads.labels, heads.zero & (not biased))), cause=title(node))
