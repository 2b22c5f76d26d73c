"""Convolutions: channels are dim 1; groups lose the same offsets everywhere, or go whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch.fx import Node

from geta_engine.qadg.labels.axes import align, collapse, simplify
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.space import Axes, Value
from geta_engine.qadg.rules.contraction import add, contract, not_zero_reason, pin_all, reads_fixed
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, op_name, shape_of, title


@dataclass(frozen=True)
class _Layer:
    """A convolution's operands; `out_dim` is the weight's dim of out-channels."""

    x: Value
    weight: Value
    bias: Value | None
    groups: int
    out_dim: int


@rule(
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "convolution", sums=True
)
def convolution(context: Context, node: Node) -> Value:
    layer = _layer(context, node)
    if len(layer.x.shape) != len(layer.weight.shape):
        return pin_all(context, node)
    _pin_taps(context, node, layer)
    out = (_dense if layer.groups == 1 else _grouped)(context, node, layer)
    bias = layer.bias
    if bias is not None:
        wide = (bias.shape[0],) + (1,) * (len(layer.x.shape) - 2)
        bias = bias.with_axes(wide, bias.axes)
        out = add(context, node, out, align(bias, len(wide) + 1))
    return Value(shape_of(node), out.axes, cause=out.cause)


def _layer(context: Context, node: Node) -> _Layer:
    name = op_name(node)
    if name == "convolution":
        transposed, groups = bool(node.args[6]), node.args[8]
    else:
        transposed = name.startswith("conv_transpose")
        groups = argument(node, 6, "groups", 1)
    bias = context.value(argument(node, 2, "bias"))
    return _Layer(context.input(node), context.input(node, 1), bias, int(groups), 1 if transposed else 0)  # type: ignore[arg-type]


def _pin_taps(context: Context, node: Node, layer: _Layer) -> None:
    for axes in layer.weight.axes:
        context.space.forbid_removal_along(
            axes, [d for d in axes.dims if d > 1], "kernel taps are no channels", node.name
        )
    for axes in layer.x.axes:
        context.space.forbid_removal_along(
            axes, [d for d in axes.dims if d > 1], f"`{title(node)}` slides over it", node.name
        )


def _dense(context: Context, node: Node, layer: _Layer) -> Value:
    """Names: 0 batch, 1 out-channels, 2 in-channels. Spatial dims and taps have size 1: nothing on them can go."""
    x, weight = _channels_only(layer.x), _channels_only(layer.weight)
    names = [1, 2] if layer.out_dim == 0 else [2, 1]
    rank = len(x.shape)
    spatial = list(range(3, rank + 1))
    out = contract(context, node, [(x, [0, 2, *spatial]), (weight, [*names, *spatial])], [0, 1, *spatial])
    return Value(_with_channels(layer, out.shape[1]), out.axes, cause=out.cause)


def _channels_only(value: Value) -> Value:
    axes = [simplify(a) for a in value.axes if min(a.dims) < 2]
    kept = [_two_dims(a) for a in axes]
    return value.with_axes(value.shape[:2] + (1,) * (len(value.shape) - 2), kept)


def _two_dims(axes: Axes) -> Axes:
    """Labels that also ran over taps were held along them: the first tap stands for all."""
    index = tuple(slice(None) if d < 2 else 0 for d in axes.dims)
    taps = tuple(i for i, d in enumerate(axes.dims) if d > 1)
    return Axes(
        tuple(d for d in axes.dims if d < 2),
        axes.labels[index],
        np.asarray(axes.zero.all(axis=taps)),
        axes.is_expanded_copy,
    )


def _with_channels(layer: _Layer, channels: int) -> tuple[int, ...]:
    return (layer.x.shape[0], channels) + (1,) * (len(layer.x.shape) - 2)


def _grouped(context: Context, node: Node, layer: _Layer) -> Value:
    """`whole` groups where they are many (a depthwise group is one channel), or the same offset in each of a few."""
    groups, channels = layer.groups, shape_of(node)[1]
    context.space.mark_produced(layer.x)
    x, weight = _on_channels(layer.x, 1, groups), _out_labels(context, layer, channels)
    inner = _inner(layer, groups)
    per_group = layer.x.shape[1] // groups
    whole = per_group == 1 or (x is not None and (inner is None or groups >= per_group))
    other = [a for a in layer.x.axes if 1 not in a.dims and 0 in a.dims]
    if weight is None or any(0 in a.dims for a in other):
        pin_all(context, node)
        return Value(_with_channels(layer, channels))
    context.space.produced.append(weight.labels.ravel())
    (_whole_groups if whole else _offsets)(context, node, layer, x, weight, inner)
    axes = Axes((1,), weight.labels.reshape(-1), weight.zero.reshape(-1))
    return Value(_with_channels(layer, channels), (axes,), cause=None if axes.zero.all() else title(node))


def _on_channels(value: Value, dim: int, groups: int) -> Axes | None:
    """Labels of a channel dim as [groups, channels of a group]; None where it has none of its own."""
    axes = value.on(dim)
    if axes is None:
        return None
    axes = _two_dims(axes)
    if axes.dims != (dim,):
        return None
    return Axes((0, 1), axes.labels.reshape(groups, -1), axes.zero.reshape(groups, -1))


def _out_labels(context: Context, layer: _Layer, channels: int) -> Axes | None:
    """Out-channels as [groups, of a group]; a transposed weight has one label for the same offset of all groups."""
    axes = _on_channels(layer.weight, layer.out_dim, layer.groups if layer.out_dim == 0 else 1)
    if axes is None and layer.out_dim == 1 and channels == layer.groups:
        rows = _on_channels(layer.weight, 0, layer.groups)
        return None if rows is None else collapse_rows(context, rows)
    if axes is None or layer.out_dim == 0:
        return axes
    sizes = (layer.groups, channels // layer.groups)
    return Axes((0, 1), np.broadcast_to(axes.labels, sizes), np.broadcast_to(axes.zero, sizes))


def collapse_rows(context: Context, axes: Axes) -> Axes:
    """[groups, n] -> [groups, 1], each row tied."""
    kept = collapse(context.space, axes, [1])
    return Axes((0, 1), kept.labels[:, None], kept.zero[:, None])


def _inner(layer: _Layer, groups: int) -> Axes | None:
    """In-channels of one group: dim 1 of the weight, or its dim 0 when transposed. [groups or 1, of a group]."""
    return _on_channels(layer.weight, 1, 1) if layer.out_dim == 0 else _on_channels(layer.weight, 0, groups)


def _whole_groups(
    context: Context, node: Node, layer: _Layer, x: Axes | None, weight: Axes, inner: Axes | None
) -> None:
    """In- and out-channels of a group are one unit: no sum runs over what is left, so nothing need be zero."""
    space = context.space
    space.tie(weight.labels, weight.labels[:, :1], node.name)
    if inner is not None and layer.out_dim == 0:
        space.pin(inner.labels, f"`{title(node)}` shares it between its groups")
    elif inner is not None:
        space.tie(inner.labels, weight.labels[:, :1], node.name)
    if layer.out_dim == 1 and layer.weight.on(1) is not None:
        space.pin(weight.labels, f"`{title(node)}` shares it between its groups")
    if x is None:
        space.pin(weight.labels, reads_fixed(node))
        space.pin_value(layer.x, reads_fixed(node))
        return
    space.tie(x.labels, weight.labels[:, :1], node.name)


def _offsets(context: Context, node: Node, layer: _Layer, x: Axes | None, weight: Axes, inner: Axes | None) -> None:
    """The same in-channel of every group is a unit, and so is the same out-channel of every group."""
    space = context.space
    space.tie(weight.labels, weight.labels[:1], node.name)
    if x is None or inner is None:
        for labels in (one.labels for one in (x, inner) if one is not None):
            space.pin(labels, reads_fixed(node))
        space.pin_value(layer.x, reads_fixed(node))
        return
    space.tie(x.labels, x.labels[:1], node.name)
    space.tie(x.labels, inner.labels, node.name)
    if not x.zero.all():
        space.pin(x.labels[~x.zero], not_zero_reason(node, layer.x.cause))
