"""Normalisations: weight, bias and running statistics are tied to the channels."""

from __future__ import annotations

import numpy as np
from torch.fx import Node

from geta_engine.qadg.context import Context, argument, shape_of, title
from geta_engine.qadg.rules.contraction import _not_zero, collapse, not_zero, pin_all
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
    for other in x.axes:
        if other is not axes:
            context.space.pin(other.labels, f"`{title(node)}` normalises over it")
    zero = _affine_zero(axes, affine) if all(value is not None for value in affine) else np.zeros_like(axes.zero)
    cause = None if zero.all() else title(node)
    return Value(shape_of(node), (Axes(axes.dims, axes.labels, zero),), cause=cause)


def _affine_zero(axes: Axes, affine: list[Value | None]) -> np.ndarray:
    """Where weight and bias (those that are there) are all zero once their unit is."""
    zero = np.ones_like(axes.zero)
    for value in affine:
        if value is not None:
            zero &= value.axes[0].zero if value.axes else False
    return zero


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
    scaled = argument(node, 2, "weight") is not None
    zero = _affine_zero(axes, affine) if scaled or not centred else np.zeros_like(axes.zero)
    biased = centred and argument(node, 3, "bias") is not None
    others = [not_zero(a) if biased else a for a in x.axes if a is not axes]
    cause = None if zero.all() else title(node)
    return Value(shape_of(node), (*others, Axes(axes.dims, axes.labels, zero)), cause=cause)


def _per_head(context: Context, node: Node, x: Value, axes: Axes, last: int, affine: list[Value | None]) -> Value:
    """A norm inside each head: heads go whole, the norm's own weight is shared by all of them and stays."""
    for value in affine:
        if value is not None:
            context.space.pin_value(value, f"`{title(node)}` is shared by all heads")
    heads = collapse(context, axes, last, node.name)
    biased = len(affine) > 1
    kept = tuple(not_zero(a) if biased else a for a in x.axes if a is not axes)
    return Value(shape_of(node), (*kept, Axes(heads.dims, heads.labels, heads.zero & (not biased))), cause=title(node))
