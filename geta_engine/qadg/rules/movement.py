"""Data movement: the same move is made on the label arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch.fx import Node

from geta_engine.qadg.axes import (
    add_dim,
    align,
    along,
    drop_dim,
    move_dims,
    overlapping,
    pick_axes,
    simplify,
    spread,
    spread_to,
    view,
)
from geta_engine.qadg.context import Context, argument, normal_dim, shape_of, shapes_of, title
from geta_engine.qadg.rules.registry import rule
from geta_engine.qadg.space import Axes, Pick, Value


def _input(context: Context, node: Node) -> Value:
    value = context.value(node.args[0])
    assert value is not None
    return value


@rule("view", "reshape", "flatten", "unflatten", "_unsafe_view", "squeeze", "unsqueeze", "view_as", "reshape_as")
def reshape(context: Context, node: Node) -> Value:
    return view(context.space, _input(context, node), shape_of(node), title(node))


@rule("permute", "transpose", "t", "swapaxes", "movedim", "numpy_T", "mT")
def permute(context: Context, node: Node) -> Value:
    """The permutation is read off by moving dim numbers with the op's own arguments."""
    value = _input(context, node)
    rank = len(value.shape)
    order = _order(node, rank)
    where = [order.index(d) for d in range(rank)]
    axes = tuple(move_dims(a, where) for a in value.axes)
    return Value(shape_of(node), axes, value.constant, value.cause)


def _order(node: Node, rank: int) -> list[int]:
    """order[new position] = old dim."""
    import torch

    probe = torch.empty(tuple(range(2, rank + 2)), device="meta")
    moved = node.target(probe, *node.args[1:], **node.kwargs)  # type: ignore[operator]
    return [size - 2 for size in moved.shape]


@rule("expand", "expand_as", "broadcast_to")
def expand(context: Context, node: Node) -> Value:
    value, shape = _input(context, node), shape_of(node)
    aligned = align(value, len(shape))
    axes = [spread_to(a, [shape[d] for d in a.dims]) for a in aligned.axes]
    return Value(shape, tuple(axes), value.constant, value.cause)


@rule("clone")
def clone(context: Context, node: Node) -> Value:
    value = _input(context, node)
    return Value(shape_of(node), value.axes, value.constant, value.cause)


@rule("select")
def select(context: Context, node: Node) -> Value:
    value = _input(context, node)
    dim = normal_dim(node.args[1], len(value.shape))  # type: ignore[arg-type]
    index = normal_dim(node.args[2], value.shape[dim])  # type: ignore[arg-type]
    return _take_one(context, node, value, dim, index, shape_of(node))


def _take_one(context: Context, node: Node, value: Value, dim: int, index: int, shape: tuple[int, ...]) -> Value:
    axes = []
    for a in value.axes:
        if dim in a.dims:
            position = a.dims.index(dim)
            context.space.picks.append(Pick(a.labels, position, index, f"`{title(node)}` reads it on its own"))
            if len(a.dims) == 1:
                continue
            dims = tuple(d for d in a.dims if d != dim)
            a = Axes(dims, np.take(a.labels, index, position), np.take(a.zero, index, position))
        axes.append(simplify(drop_dim(a, dim)))
    return Value(shape, tuple(axes), value.constant, value.cause)


@rule("unbind")
def unbind(context: Context, node: Node) -> tuple[Value, ...]:
    value = _input(context, node)
    dim = normal_dim(argument(node, 1, "dim", 0), len(value.shape))
    return tuple(_take_one(context, node, value, dim, i, shape) for i, shape in enumerate(shapes_of(node)))


def take(context: Context, node: Node, value: Value, dim: int, index: np.ndarray, shape: tuple[int, ...]) -> Value:
    """The tensor read at `index` along `dim`; a part of one index must stay, since it would broadcast."""
    own = value.on(dim)
    if own is not None and len(index) == 1 and value.shape[dim] > 1:
        reason = f"`{title(node)}` reads it on its own"
        context.space.picks.append(Pick(own.labels, own.dims.index(dim), int(index[0]), reason))
    axes = [
        simplify(along(a, dim, lambda array, axis: np.take(array, index, axis))) if dim in a.dims else a
        for a in value.axes
    ]
    return Value(shape, tuple(axes), value.constant, value.cause)


@rule("slice")
def slice_(context: Context, node: Node) -> Value:
    value = _input(context, node)
    dim = normal_dim(argument(node, 1, "dim", 0), len(value.shape))
    start, end, step = (argument(node, i, name) for i, name in ((2, "start"), (3, "end"), (4, "step")))
    if not all(bound is None or isinstance(bound, int) for bound in (start, end, step)):
        context.space.pin_value(value, f"`{title(node)}` slices at a position that depends on the input")
        return Value(shape_of(node), (), value.constant, value.cause)
    index = np.arange(value.shape[dim])[slice(start, end, step or 1)]
    return take(context, node, value, dim, index, shape_of(node))


@rule("split", "split_with_sizes", "chunk", "tensor_split")
def split(context: Context, node: Node) -> tuple[Value, ...]:
    value = _input(context, node)
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


@rule("stack")
def stack(context: Context, node: Node) -> Value:
    shape = shape_of(node)
    dim = normal_dim(argument(node, 1, "dim", 0), len(shape))
    parts = []
    for item in node.args[0]:  # type: ignore[union-attr]
        value = context.value(item)
        assert value is not None
        wide = (*value.shape[:dim], 1, *value.shape[dim:])
        parts.append(Value(wide, tuple(add_dim(a, dim) for a in value.axes), value.constant, value.cause))
    return concatenate(context, node, parts, dim, shape)


@rule("cat")
def cat(context: Context, node: Node) -> Value:
    shape = shape_of(node)
    dim = normal_dim(argument(node, 1, "dim", 0), len(shape))
    values = [context.value(item) for item in node.args[0]]  # type: ignore[union-attr]
    return concatenate(context, node, [v for v in values if v is not None], dim, shape)


def concatenate(context: Context, node: Node, parts: Sequence[Value], dim: int, shape: tuple[int, ...]) -> Value:
    """Labels along `dim` are joined end to end, those on other dims are tied between the parts."""
    for part in parts:
        if part.constant:
            context.space.produced += [a.labels.ravel() for a in part.axes]
    groups = overlapping(parts)
    axes = [
        joined
        for dims in groups
        if (joined := (_join_ends if dim in dims else _tie_sides)(context, node, parts, dims, dim)) is not None
    ]
    cause = next((part.cause for part in parts if part.cause), None)
    return Value(shape, tuple(axes), all(part.constant for part in parts), cause)


def _sizes(part: Value, dims: Sequence[int]) -> list[int]:
    return [part.shape[d] for d in dims]


def _join_ends(context: Context, node: Node, parts: Sequence[Value], dims: tuple[int, ...], dim: int) -> Axes | None:
    labels, zeros = [], []
    for part in parts:
        own = pick_axes(part, dims)
        sizes = _sizes(part, dims)
        wide = spread(own[0], dims, sizes) if len(own) == 1 else _pinned(context, node, own, dims, sizes)
        labels.append(wide.labels)
        zeros.append(wide.zero)
    axis = dims.index(dim)
    joined = simplify(Axes(dims, np.concatenate(labels, axis), np.concatenate(zeros, axis)))
    return joined


def _pinned(context: Context, node: Node, own: list[Axes], dims: tuple[int, ...], sizes: list[int]) -> Axes:
    reason = f"`{title(node)}` joins it with a part that cannot lose channels"
    for axes in own:
        context.space.pin(axes.labels, reason)
    labels = context.space.allocate(int(np.prod(sizes))).reshape(sizes)
    context.space.pin(labels, reason)
    return Axes(dims, labels, np.zeros(sizes, bool))


def _tie_sides(context: Context, node: Node, parts: Sequence[Value], dims: tuple[int, ...], dim: int) -> Axes | None:
    own = [pick_axes(part, dims) for part in parts]
    if any(len(o) != 1 for o in own):
        for axes in (a for o in own for a in o):
            context.space.pin(axes.labels, f"`{title(node)}` joins it with a part that cannot lose channels")
        return None
    wide = [spread(o[0], dims, _sizes(part, dims)) for o, part in zip(own, parts)]
    for other in wide[1:]:
        context.space.tie(wide[0].labels, other.labels, node.name)
    return Axes(dims, wide[0].labels, np.logical_and.reduce([w.zero for w in wide]))
