"""Pooling, resizing, shuffling: other dims are slid over, channels keep their labels or are dealt out."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from torch.fx import Node

from geta_engine.qadg.labels.axes import along, collapse, simplify
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import join, keep_rows
from geta_engine.qadg.labels.space import Axes, RectangularConstraint, Value
from geta_engine.qadg.rules.reading import take
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, normal_dim, op_name, shape_of, shapes_of, title

_POOLS = [f"{kind}_pool{n}d" for kind in ("max", "avg", "adaptive_max", "adaptive_avg") for n in (1, 2, 3)]
_POOLS += ["_adaptive_avg_pool2d", "_adaptive_avg_pool3d"]
_POOLS += [f"max_pool{n}d_with_indices" for n in (1, 2, 3)]
_RESIZES = [f"upsample_{kind}" for kind in (
    "nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "bicubic2d", "trilinear3d")]  # fmt: skip
_RESIZES += [f"_upsample_nearest_exact{n}d" for n in (1, 2, 3)] + ["_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"]
_PADS = [f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in (1, 2, 3)]


@rule("grid_sampler_2d", "grid_sampler")
def grid_sampler(context: Context, node: Node) -> Value | tuple[Value, ...]:
    """Reads places that a grid names: channels go as in a pool, the grid stays."""
    context.space.pin_value(context.input(node, 1), f"`{title(node)}` holds positions in it")
    result = pool(context, node)
    assert result is not None
    return result


@rule(*_POOLS, *_RESIZES, *_PADS)
def pool(context: Context, node: Node) -> Value | tuple[Value, ...]:
    """Slides over the last dims, channel by channel; zero stays zero."""
    value = context.input(node)
    rank = len(value.shape)
    slid = set(range(rank - _spatial_dims(node), rank))
    kept = tuple(a for axes in value.axes if (a := keep_rows(context, node, axes, slid, "slides over it")) is not None)
    results = tuple(Value(shape, kept, cause=value.cause) for shape in shapes_of(node))
    return results if isinstance(node.meta["val"], (tuple, list)) else results[0]


def _spatial_dims(node: Node) -> int:
    name = op_name(node)
    if "grid_sampler" in name:
        return len(shape_of(node)) - 2
    return next(int(c) for c, d in pairwise(name) if c in "123" and d == "d")


@rule("pixel_shuffle")
def pixel_shuffle(context: Context, node: Node) -> Value:
    """[.., C * r * r, h, w] -> [.., C, h * r, w * r]: the r * r channels of one result are one unit."""
    return _dealt(context, node, int(node.args[1]) ** 2)  # type: ignore[arg-type, call-overload]


def _dealt(context: Context, node: Node, many: int) -> Value:
    value = context.input(node)
    channel = len(value.shape) - 3
    axes = []
    for a in value.axes:
        rows = keep_rows(context, node, a, {channel + 1, channel + 2}, "moves it between pixels")
        if rows is not None and channel in rows.dims:
            i = rows.dims.index(channel)
            shape = (*rows.labels.shape[:i], -1, many, *rows.labels.shape[i + 1 :])
            dims = (*range(i + 1), 100, *range(i + 1, len(rows.dims)))
            table = Axes(tuple(dims), rows.labels.reshape(shape), rows.zero.reshape(shape))
            kept = collapse(context.space, table, [100], node.name)
            rows = Axes(rows.dims, kept.labels, kept.zero)
        if rows is not None:
            axes.append(rows)
    return value.with_axes(shape_of(node), axes)


@rule("pixel_unshuffle")
def pixel_unshuffle(context: Context, node: Node) -> Value:
    """[.., C, h * r, w * r] -> [.., C * r * r, h, w]: each channel's label r * r times."""
    value = context.input(node)
    channel, many = len(value.shape) - 3, int(node.args[1]) ** 2  # type: ignore[arg-type, call-overload]
    rows = [keep_rows(context, node, a, {channel + 1, channel + 2}, "moves it between pixels") for a in value.axes]
    return value.with_axes(
        shape_of(node),
        [along(a, channel, lambda x, i: np.repeat(x, many, i)) if channel in a.dims else a for a in rows if a],
    )


@rule("channel_shuffle", "native_channel_shuffle")
def channel_shuffle(context: Context, node: Node) -> Value:
    """[g, n] channels dealt out as [n, g]: the same offset of every group goes, or a whole group."""
    value, groups = context.input(node), int(node.args[1])  # type: ignore[arg-type, call-overload]
    axes = []
    for a in value.axes:
        if a.dims == (1,):
            context.space.boxes.append(RectangularConstraint(a.labels.reshape(groups, -1), node.name))
            a = along(a, 1, lambda x, _: x.reshape(groups, -1).T.ravel())
        elif 1 in a.dims:
            context.space.forbid_removal_along(a, [1], f"`{title(node)}` deals it out", node.name)
        axes.append(a)
    return value.with_axes(shape_of(node), axes)


@rule("glu")
def glu(context: Context, node: Node) -> Value:
    """First half times the sigmoid of the second: tied pair by pair, zero where the first half is."""
    value = context.input(node)
    dim = normal_dim(argument(node, 1, "dim", -1), len(value.shape))
    half = value.shape[dim] // 2
    first, second = (
        take(context, node, value, dim, np.arange(start, start + half), shape_of(node)) for start in (0, half)
    )
    axes = join(context, node, [first, second], shape_of(node), lambda zeros, _: zeros[0])
    return first.with_axes(shape_of(node), axes)


@rule("im2col", "unfold")
def unfold(context: Context, node: Node) -> Value:
    """im2col: [B, C, h, w] -> [B, C * taps, places]; tensor.unfold: windows along one dim become a last dim."""
    value, shape = context.input(node), shape_of(node)
    if op_name(node) == "unfold":
        dim = normal_dim(node.args[1], len(value.shape))  # type: ignore[arg-type]
        rows = [keep_rows(context, node, a, {dim}, "slides over it") for a in value.axes]
        return value.with_axes(shape, [a for a in rows if a is not None])
    channel = len(value.shape) - 3
    rows = [keep_rows(context, node, a, {channel + 1, channel + 2}, "slides over it") for a in value.axes]
    times = shape[channel] // value.shape[channel]
    spread = [
        along(a, channel, lambda x, i: np.repeat(x, times, i)) if channel in a.dims else a
        for a in rows
        if a is not None
    ]
    return value.with_axes(shape, [simplify(a) for a in spread])
