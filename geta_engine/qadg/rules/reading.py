"""Reading a part: slices, splits, single indices. The same part of the label arrays is read."""

from __future__ import annotations

import numpy as np
from torch.fx import Node

from geta_engine.qadg.labels.axes import along, on_dims, renumber, simplify
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import keep_rows
from geta_engine.qadg.labels.space import Axes, SingleIndexRead, Value
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, normal_dim, shape_of, shapes_of, title


@rule("select", "select_copy")
def select(context: Context, node: Node) -> Value:
    value = context.input(node)
    dim = normal_dim(node.args[1], len(value.shape))  # type: ignore[arg-type]
    if not isinstance(node.args[2], int):
        rows = [keep_rows(context, node, a, {dim}, "reads it at a position of the input") for a in value.axes]
        return value.with_axes(shape_of(node), [renumber(a, lambda d: d - (d > dim)) for a in rows if a is not None])
    return _take_one(context, node, value, dim, normal_dim(node.args[2], value.shape[dim]), shape_of(node))


def _take_one(context: Context, node: Node, value: Value, dim: int, index: int, shape: tuple[int, ...]) -> Value:
    axes = []
    for a in value.axes:
        if dim in a.dims:
            position = a.dims.index(dim)
            context.space.picks.append(
                SingleIndexRead(a.labels, position, index, f"`{title(node)}` reads it on its own")
            )
            if len(a.dims) == 1:
                continue
            dims = tuple(d for d in a.dims if d != dim)
            a = Axes(dims, np.take(a.labels, index, position), np.take(a.zero, index, position), a.is_expanded_copy)
        axes.append(simplify(renumber(a, lambda d: d - (d > dim))))
    return value.with_axes(shape, axes)


@rule("unbind", "unbind_copy")
def unbind(context: Context, node: Node) -> tuple[Value, ...]:
    value = context.input(node)
    dim = normal_dim(argument(node, 1, "dim", 0), len(value.shape))
    return tuple(_take_one(context, node, value, dim, i, shape) for i, shape in enumerate(shapes_of(node)))


def take(context: Context, node: Node, value: Value, dim: int, index: np.ndarray, shape: tuple[int, ...]) -> Value:
    """The tensor read at `index` along `dim`; a part of one index must stay, since it would broadcast."""
    if len(index) == value.shape[dim] and (index == np.arange(len(index))).all():
        return value.with_axes(shape, value.axes)
    read_axes = value.on(dim)
    if read_axes is not None and len(index) == 1 and value.shape[dim] > 1:
        reason = f"`{title(node)}` reads it on its own"
        context.space.picks.append(SingleIndexRead(read_axes.labels, read_axes.dims.index(dim), int(index[0]), reason))
    axes = []
    for a in value.axes:
        if dim in a.dims and not len(index):
            axes += _of_nothing(context, node, a, dim)
            continue
        if dim in a.dims:
            a = simplify(along(a, dim, lambda array, axis: np.take(array, index, axis)))
            context.space.parts.append(a.labels.ravel())
            if len(index) == 1 and a.dims == (dim,):
                continue
        axes.append(a)
    return value.with_axes(shape, axes)


def _of_nothing(context: Context, node: Node, axes: Axes, dim: int) -> list[Axes]:
    """An empty slice keeps the sizes of its other dims: labels that whole slices of the block share."""
    kept = tuple(d for d in axes.dims if d != dim)
    if not kept:
        return []
    labels = context.space.allocate(*(axes.labels.shape[axes.dims.index(d)] for d in kept))
    empty = Axes(kept, labels, np.ones(labels.shape, bool))
    context.space.share(axes.labels, on_dims(empty, labels, axes.dims), node.name)
    return [empty]


@rule("slice", "slice_copy")
def slice_(context: Context, node: Node) -> Value:
    value = context.input(node)
    dim = normal_dim(argument(node, 1, "dim", 0), len(value.shape))
    start, end, step = (argument(node, i, name) for i, name in ((2, "start"), (3, "end"), (4, "step")))
    if not all(bound is None or isinstance(bound, int) for bound in (start, end, step)):
        rows = [keep_rows(context, node, a, {dim}, "slices at a position of the input") for a in value.axes]
        return value.with_axes(shape_of(node), [a for a in rows if a is not None])
    index = np.arange(value.shape[dim])[slice(start, end, step or 1)]
    return take(context, node, value, dim, index, shape_of(node))


@rule("narrow")
def narrow(context: Context, node: Node) -> Value:
    value = context.input(node)
    dim, start, length = node.args[1:4]
    dim = normal_dim(dim, len(value.shape))  # type: ignore[arg-type]
    if not isinstance(start, int) or not isinstance(length, int):
        rows = [keep_rows(context, node, a, {dim}, "slices at a position of the input") for a in value.axes]
        return value.with_axes(shape_of(node), [a for a in rows if a is not None])
    start = normal_dim(start, value.shape[dim])
    return take(context, node, value, dim, np.arange(start, start + length), shape_of(node))


@rule("split", "split_with_sizes", "chunk", "tensor_split", "unsafe_split", "unsafe_chunk", "split_copy",
      "split_with_sizes_copy")  # fmt: skip
def split(context: Context, node: Node) -> tuple[Value, ...]:
    value = context.input(node)
    dim = normal_dim(argument(node, 2, "dim", 0), len(value.shape))
    parts, start = [], 0
    for shape in shapes_of(node):
        parts.append(take(context, node, value, dim, np.arange(start, start + shape[dim]), shape))
        start += shape[dim]
    return tuple(parts)


@rule("getitem")
def getitem(context: Context, node: Node) -> Value | None:
    source = context.values.get(node.args[0])  # type: ignore[arg-type]
    return source[node.args[1]] if isinstance(source, tuple) else None  # type: ignore[index]
