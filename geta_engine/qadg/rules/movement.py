"""Data movement: the same move is made on the label arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.fx import Node

from geta_engine.qadg.labels.axes import align, along, product, renumber, simplify, view
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import all_zero, join, keep_rows
from geta_engine.qadg.labels.space import Axes, Value
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, normal_dim, op_name, shape_of, title


@rule(
    "view", "reshape", "flatten", "unflatten", "_unsafe_view", "squeeze", "unsqueeze", "view_as", "reshape_as",
    "ravel",
    "view_copy", "squeeze_copy", "unsqueeze_copy",
)  # fmt: skip
def reshape(context: Context, node: Node) -> Value:
    value = context.input(node)
    if len(node.args) > 1 and isinstance(node.args[1], torch.dtype):
        if node.args[1].itemsize == node.args[0].meta["val"].dtype.itemsize:  # type: ignore[union-attr]
            return value
        context.space.pin_value(value, f"`{title(node)}` reads its bytes as other numbers")
        return Value(shape_of(node))
    return view(context.space, value, shape_of(node), title(node))


@rule(
    "permute",
    "transpose",
    "t",
    "swapaxes",
    "movedim",
    "numpy_T",
    "swapdims",
    "adjoint",
    "mH",
    "mT",
    "permute_copy",
    "transpose_copy",
    "moveaxis",
)
def permute(context: Context, node: Node) -> Value:
    """The permutation is read off by moving dim numbers with the op's own arguments."""
    value = context.input(node)
    order = _order(node, len(value.shape))
    where = {old: new for new, old in enumerate(order)}
    return value.with_axes(shape_of(node), [renumber(a, where.__getitem__) for a in value.axes])


def _order(node: Node, rank: int) -> list[int]:
    """order[new position] = old dim."""
    name = op_name(node)
    if name.startswith("permute"):
        return [normal_dim(d, rank) for d in node.args[1]]  # type: ignore[union-attr, arg-type]
    if name.startswith("transpose"):
        order = list(range(rank))
        a, b = (normal_dim(d, rank) for d in node.args[1:3])  # type: ignore[arg-type]
        order[a], order[b] = b, a
        return order
    probe = torch.empty(tuple(range(2, rank + 2)), device="meta")
    moved = node.target(probe, *node.args[1:], **node.kwargs)  # type: ignore[operator]
    return [size - 2 for size in moved.shape]


@rule("expand", "expand_as", "broadcast_to", "expand_copy")
def expand(context: Context, node: Node) -> Value:
    value, shape = context.input(node), shape_of(node)
    aligned = align(value, len(shape))
    return aligned.with_axes(shape, [*aligned.axes, *copies(context, node, aligned.shape, shape)])


def copies(context: Context, node: Node, before: Sequence[int], after: Sequence[int]) -> list[Axes]:
    """Labels of a dim that grew from 1: every copy along it may go. Rows of the batch have none."""
    sizes = node.meta["val"].shape
    grown = [d for d in range(len(after)) if before[d] == 1 < after[d] and not _is_batch(sizes[d])]
    return [_free(context, d, after[d]) for d in grown]


def _is_batch(size: Any) -> bool:
    """A free size as it is; not a multiple of it, such as batch * heads."""
    return not isinstance(size, int) and size.node.expr.is_Symbol


def _free(context: Context, dim: int, size: int) -> Axes:
    return Axes((dim,), context.space.allocate(size), np.zeros(size, bool), is_expanded_copy=True)


@rule("repeat", "tile")
def repeat(context: Context, node: Node) -> Value:
    """Tiles along a dim carry the labels again; a dim of size 1 is expanded."""
    shape = shape_of(node)
    value = align(context.input(node), len(shape))
    axes = []
    for a in value.axes:
        times = [shape[d] // value.shape[d] for d in a.dims]
        axes.append(Axes(a.dims, np.tile(a.labels, times), np.tile(a.zero, times), a.is_expanded_copy))
    return value.with_axes(shape, [*axes, *copies(context, node, value.shape, shape)])


@rule("repeat_interleave")
def repeat_interleave(context: Context, node: Node) -> Value:
    value, shape = context.input(node), shape_of(node)
    dim, times = argument(node, 2, "dim"), argument(node, 1, "repeats")
    if isinstance(dim, int) and not isinstance(times, int):
        rows = [
            keep_rows(context, node, a, {dim % len(shape)}, "repeats it by numbers of the input") for a in value.axes
        ]
        return value.with_axes(shape, [a for a in rows if a is not None])
    if dim is None or not isinstance(times, int):
        context.space.pin_value(value, f"`{title(node)}` repeats it by a number that depends on the input")
        return Value(shape)
    dim = normal_dim(dim, len(shape))
    axes = [along(a, dim, lambda x, i: np.repeat(x, times, i)) if dim in a.dims else a for a in value.axes]
    return value.with_axes(shape, [*axes, *copies(context, node, value.shape, shape)])


@rule("stack")
def stack(context: Context, node: Node) -> Value:
    shape = shape_of(node)
    dim = normal_dim(argument(node, 1, "dim", 0), len(shape))
    parts = []
    for item in node.args[0]:  # type: ignore[union-attr]
        value = context.value(item)
        assert value is not None
        wide = (*value.shape[:dim], 1, *value.shape[dim:])
        parts.append(value.with_axes(wide, [renumber(a, lambda d: d + (d >= dim)) for a in value.axes]))
    return concatenate(context, node, parts, dim, shape)


@rule("cat", "concat", "concatenate")
def cat(context: Context, node: Node) -> Value:
    shape = shape_of(node)
    dim = normal_dim(argument(node, 1, "dim", 0), len(shape))
    values = [context.value(item) for item in node.args[0]]  # type: ignore[union-attr]
    parts = [v for v in values if v is not None and v.shape != (0,)]
    if len(parts) < len(values):
        return pin_parts(context, node, parts)
    return concatenate(context, node, parts, dim, shape)


def concatenate(context: Context, node: Node, parts: Sequence[Value], dim: int, shape: tuple[int, ...]) -> Value:
    """Labels along `dim` are joined end to end, those on other dims are tied between the parts."""
    for part in parts:
        context.space.mark_produced(part)
    joint = {d for part in parts for a in part.axes if dim in a.dims for d in a.dims}
    ends = tuple(sorted(joint | {dim})) if joint else ()
    sides = [p.with_axes(_one_at(p.shape, ends), [a for a in p.axes if not set(a.dims) & joint]) for p in parts]
    axes = list(join(context, node, sides, _one_at(shape, ends), all_zero))
    if ends:
        axes.append(_join_ends(context, node, parts, ends, dim))
    cause = next((part.cause for part in parts if part.cause), None)
    return Value(shape, tuple(axes), all(part.constant for part in parts), cause)


def _one_at(shape: Sequence[int], dims: Sequence[int]) -> tuple[int, ...]:
    return tuple(1 if d in dims else size for d, size in enumerate(shape))


def _join_ends(context: Context, node: Node, parts: Sequence[Value], dims: tuple[int, ...], dim: int) -> Axes:
    """Parts without labels get labels of their own: pinned along the joined dim, tied along the others."""
    labels, zeros, free = [], [], True
    for part in parts:
        labelled = [a for a in part.axes if set(a.dims) & set(dims)]
        sizes = [part.shape[d] for d in dims]
        wide = product(context.space, labelled, dims, sizes, title(node)) if labelled else _fixed(context, node, sizes)
        if labelled:
            labelled_dims = {d for a in labelled for d in a.dims}
            lacking = [d for d in dims if d not in labelled_dims and d != dim and part.shape[d] > 1]
            context.space.forbid_removal_along(
                wide, lacking, f"`{title(node)}` joins it with a part without channels", node.name
            )
            free = free and wide.is_expanded_copy
        labels.append(wide.labels)
        zeros.append(wide.zero)
    axis = dims.index(dim)
    return simplify(Axes(dims, np.concatenate(labels, axis), np.concatenate(zeros, axis), free))


def _fixed(context: Context, node: Node, sizes: list[int]) -> Axes:
    labels = context.space.allocate(*sizes)
    context.space.pin(labels, f"`{title(node)}` joins it with a part that cannot lose channels")
    return Axes(tuple(range(len(sizes))), labels, np.zeros(sizes, bool))


@rule("hstack", "vstack", "dstack")
def side_by_side(context: Context, node: Node) -> Value:
    """cat along dim 1, 0 or 2 of tensors that have so many dims already."""
    dim = {"hstack": 1, "vstack": 0, "dstack": 2}[op_name(node)]
    parts = [v for v in (context.value(item) for item in node.args[0]) if v is not None]  # type: ignore[union-attr]
    if any(len(part.shape) <= dim or len(part.shape) < 2 for part in parts):
        return pin_parts(context, node, parts)
    return concatenate(context, node, parts, dim, shape_of(node))


def pin_parts(context: Context, node: Node, parts: Sequence[Value]) -> Value:
    for part in parts:
        context.space.pin_value(part, f"`{title(node)}` joins it with a part that cannot lose channels")
    return Value(shape_of(node))


@rule("copy")
def copy(context: Context, node: Node) -> Value:
    """The second operand in the shape of the first, which shrinks along."""
    shape = shape_of(node)
    value = context.value(node.args[1])
    if value is None:
        return Value(shape)
    sides = [context.input(node), align(value, len(shape))]
    return Value(shape, join(context, node, sides, shape, lambda zeros, _: zeros[1]), cause=value.cause)


@rule("flip")
def flip(context: Context, node: Node) -> Value:
    value = context.input(node)
    dims = {normal_dim(d, len(value.shape)) for d in node.args[1]}  # type: ignore[union-attr, arg-type]
    return value.with_axes(shape_of(node), [_flipped(a, dims) for a in value.axes])


def _flipped(axes: Axes, dims: set[int]) -> Axes:
    turned = tuple(slice(None, None, -1 if d in dims else 1) for d in axes.dims)
    return Axes(axes.dims, axes.labels[turned], axes.zero[turned], axes.is_expanded_copy)


@rule("roll")
def roll(context: Context, node: Node) -> Value:
    value = context.input(node)
    shifts, dims = node.args[1], argument(node, 2, "dims", [])
    dims = [dims] if isinstance(dims, int) else dims
    shifts = [shifts] if not isinstance(shifts, (list, tuple)) else shifts
    axes = list(value.axes)
    if not dims:
        context.space.pin_value(value, f"`{title(node)}` rolls over it")
        return Value(shape_of(node))
    for shift, dim in zip(shifts, (normal_dim(d, len(value.shape)) for d in dims)):
        axes = [along(a, dim, lambda x, i: np.roll(x, shift, i)) if dim in a.dims else a for a in axes]  # noqa: B023
    return value.with_axes(shape_of(node), axes)


@rule("pad", "constant_pad_nd")
def pad(context: Context, node: Node) -> Value:
    """Padded channels of a constant are new ones that may go; other modes of padding only widen unlabelled dims."""
    value, shape = context.input(node), shape_of(node)
    mode = argument(node, 2, "mode", "constant") if op_name(node) == "pad" else "constant"
    filled = argument(node, 3 if op_name(node) == "pad" else 2, "value", 0.0) or 0.0
    amounts = list(node.args[1])  # type: ignore[arg-type]
    rank = len(shape)
    widths = {rank - 1 - i // 2: (amounts[i], amounts[i + 1]) for i in range(0, len(amounts), 2)}
    padded = {d for d, pair in widths.items() if pair != (0, 0)}
    axes = []
    for a in value.axes:
        if not padded & set(a.dims):
            axes.append(
                a if filled == 0 or not padded else Axes(a.dims, a.labels, np.zeros_like(a.zero), a.is_expanded_copy)
            )
        elif mode == "constant" and len(a.dims) == 1 and all(isinstance(n, int) and n >= 0 for n in widths[a.dims[0]]):
            axes.append(_padded(context, a, widths[a.dims[0]], filled == 0))
        elif rows := keep_rows(context, node, a, padded, "pads it"):
            axes.append(rows)
    return Value(shape, tuple(axes), value.constant, value.cause if filled == 0 else title(node))


@rule("triu", "tril")
def triangle(context: Context, node: Node) -> Value:
    """Positions over the last two dims count; other dims keep their labels."""
    value, shape = context.input(node), shape_of(node)
    square = {len(shape) - 2, len(shape) - 1}
    rows = [keep_rows(context, node, a, square, "takes a triangle of it") for a in value.axes]
    return value.with_axes(shape, [a for a in rows if a is not None])


def _padded(context: Context, axes: Axes, width: tuple[int, int], zero: bool) -> Axes:
    before, after = (context.space.allocate(n) for n in width)
    filler = [np.full(n, zero) for n in width]
    return Axes(
        axes.dims,
        np.concatenate([before, axes.labels, after]),
        np.concatenate([filler[0], axes.zero, filler[1]]),
    )
