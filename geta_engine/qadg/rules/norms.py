"""Normalisations: weight, bias and running statistics are tied to the channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch.fx import Node

from geta_engine.qadg.labels.axes import align, collapse
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import join
from geta_engine.qadg.labels.space import Axes, Labels, RectangularConstraint, Value
from geta_engine.qadg.rules.contraction import not_zero_reason
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, op_name, shape_of, shapes_of, title


@rule(
    "batch_norm",
    "instance_norm",
    "_native_batch_norm_legit_no_training",
    "native_batch_norm",
    "_native_batch_norm_legit",
)
def batch_norm(context: Context, node: Node) -> Value | tuple[Value, ...]:
    """y = (x - mean) / std * weight + bias over dim 1: zero wherever weight and bias are, whatever x is."""
    x = context.input(node)
    for axes in x.axes:
        context.space.forbid_removal_along(
            axes, [d for d in axes.dims if d != 1], f"`{title(node)}` normalises over it", node.name
        )
    vectors = [context.value(arg) for arg in node.args[1:5]]
    alone = op_name(node) == "instance_norm" and bool(node.args[5])
    wide = [_on_channels(v, len(x.shape)) for v in vectors]
    return _outputs(context, node, _scaled(context, node, x, wide, centred=not alone))


def _on_channels(value: Value | None, rank: int) -> Value | None:
    """A vector along dim 1 of a tensor of `rank` dims."""
    if value is None:
        return None
    return align(value.with_axes((*value.shape, *(1,) * (rank - 2)), value.axes), rank)


def _scaled(context: Context, node: Node, x: Value, vectors: Sequence[Value | None], centred: bool) -> Value:
    """x, normalised, times a weight plus a bias (`vectors`: weight, bias, then statistics, of the rank of x).

    The result is zero where weight and bias are (and one is there). Where no mean, or a mean of zeros alone, is taken
    off (`centred=False`), it is zero also where x and the bias are.
    """
    weight, bias = (*vectors, None, None)[:2]
    given = [v for v in vectors if v is not None]

    def zero(zeros: Sequence[NDArray[np.bool_]], _: Labels) -> NDArray[np.bool_]:
        none = np.zeros(zeros[0].shape, bool)
        rest = iter(zeros[1:])
        scale = next(rest) if weight is not None else none
        shift = next(rest) if bias is not None else ~none
        return (scale if centred else scale | zeros[0]) & shift

    axes = join(context, node, [x, *given], x.shape, zero)
    cause = None if all(a.zero.all() for a in axes) else title(node)
    return Value(x.shape, axes, cause=cause)


def _outputs(context: Context, node: Node, result: Value) -> Value | tuple[Value, ...]:
    """Core ATen norms return statistics as well; nothing is known of those."""
    if not isinstance(node.meta["val"], (tuple, list)):
        return result
    return (result, *(Value(shape) for shape in shapes_of(node)[1:]))


@rule("layer_norm", "rms_norm", "native_layer_norm", "_fused_rms_norm")
def layer_norm(context: Context, node: Node) -> Value | tuple[Value, ...]:
    """Over a pruned dim the compact norm keeps its divisor, which is exact when what goes is zero."""
    x = context.input(node)
    rank = len(x.shape)
    dims = set(range(rank - len(node.args[1]), rank))  # type: ignore[arg-type]
    centred = "layer_norm" in op_name(node)
    vectors = [context.value(argument(node, 2, "weight"))]
    if centred:
        vectors.append(context.value(argument(node, 3, "bias")))
    axes = [_exact(context, node, a, dims, x.cause) for a in x.axes]
    kept = x.with_axes(x.shape, [a for a in axes if a is not None])
    wide = [None if v is None else align(v, rank) for v in vectors]
    return _outputs(context, node, _scaled(context, node, kept, wide, centred))


def _exact(context: Context, node: Node, axes: Axes, dims: set[int], cause: str | None) -> Axes | None:
    """Removed zeros leave the sums alone; what is not zero goes in whole slices that the norm does not mix."""
    mixed = [d for d in axes.dims if d in dims]
    if mixed and not axes.zero.all():
        context.space.forbid_removal_along(axes, mixed, not_zero_reason(node, cause), node.name)
    return axes


@rule("group_norm", "native_group_norm")
def group_norm(context: Context, node: Node) -> Value | tuple[Value, ...]:
    """Whole groups go, or the same channels of every group; the latter must be zero, and the divisor stays."""
    x = context.input(node)
    native = op_name(node) == "native_group_norm"
    groups = int(node.args[6 if native else 1])  # type: ignore[arg-type, call-overload]
    vectors = [context.value(a) for a in (node.args[1:3] if native else node.args[2:4])]
    for axes in x.axes:
        context.space.forbid_removal_along(
            axes, [d for d in axes.dims if d != 1], f"`{title(node)}` normalises over it", node.name
        )
        if 1 in axes.dims:
            others = tuple(i for i, d in enumerate(axes.dims) if d != 1)
            first = axes.labels[tuple(0 if i in others else slice(None) for i in range(axes.labels.ndim))]
            zero = np.asarray(axes.zero.all(axis=others))
            table = Axes((0, 1), first.reshape(groups, -1), zero.reshape(groups, -1))
            if table.zero.all():
                context.space.boxes.append(RectangularConstraint(table.labels, node.name))
            else:
                collapse(context.space, table, [1], node.name)
    rank = len(x.shape)
    wide = [_on_channels(v, rank) for v in vectors]
    return _outputs(context, node, _scaled(context, node, x, wide, centred=groups < x.shape[1]))


@rule("_weight_norm")
def weight_norm(context: Context, node: Node) -> Value:
    """g * v / ||v||, the norm over all dims but one; the compact program stores the product.

    Along that dim a unit zeroes g and leaves v, whose norm must not become 0; along others it zeroes v.
    """
    v, g = context.input(node), context.input(node, 1)
    dim = int(argument(node, 2, "dim", 0)) % len(v.shape)  # type: ignore[call-overload]
    scale, direction = g.on(dim), v.on(dim)
    shared = any(isinstance(a, Node) and len(a.users) > 1 for a in node.args[:2])
    axes = [a for a in v.axes if dim not in a.dims]
    if not shared and scale is not None and direction is not None and scale.dims == direction.dims == (dim,):
        context.space.tie(scale.labels, direction.labels, node.name)
        axes.append(scale)
    else:
        context.space.pin_value(v, f"`{title(node)}` takes its norm")
    return Value(shape_of(node), tuple(axes), v.constant and g.constant, v.cause)
