"""Writing a part of a tensor: along the dim that is written in parts everything stays, other dims are tied."""

from __future__ import annotations

from collections.abc import Sequence

from torch.fx import Node

from geta_engine.qadg.labels.axes import not_zero, renumber
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import all_zero, join, keep_rows
from geta_engine.qadg.labels.space import Value
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, normal_dim, op_name, shape_of, title


@rule("slice_scatter", "select_scatter")
def slice_scatter(context: Context, node: Node) -> Value:
    """A slice, or one index, of a dim is written over."""
    base, values = context.input(node), context.input(node, 1)
    rank = len(base.shape)
    dim = normal_dim(argument(node, 2, "dim", 0), rank)
    if op_name(node) == "select_scatter":
        shape = (*values.shape[:dim], 1, *values.shape[dim:])
        values = values.with_axes(shape, [renumber(a, lambda d: d + (d >= dim)) for a in values.axes])
    return _along_others(context, node, [base, values], dim)


def _along_others(context: Context, node: Node, operands: Sequence[Value], dim: int) -> Value:
    """Operands joined over all dims but `dim`, along which what they label stays."""
    sides = []
    for one in operands:
        rows = [keep_rows(context, node, a, {dim}, "writes a part of it") for a in one.axes]
        shape = tuple(1 if d == dim else size for d, size in enumerate(one.shape))
        sides.append(one.with_axes(shape, [a for a in rows if a is not None]))
    shape = shape_of(node)
    wide = [1 if d == dim else size for d, size in enumerate(shape)]
    axes = join(context, node, sides, wide, all_zero)
    cause = next((one.cause for one in operands if one.cause), None)
    return Value(shape, axes, cause=None if all(a.zero.all() for a in axes) else cause or title(node))


@rule("scatter", "scatter_add", "scatter_reduce")
def scatter(context: Context, node: Node) -> Value:
    """Written at positions of a tensor; dims along which fewer are written stay whole."""
    base, positions = context.input(node), context.input(node, 2)
    dim = normal_dim(node.args[1], len(base.shape))  # type: ignore[arg-type]
    values = context.value(node.args[3])
    given = [base, positions] if values is None else [base, positions, values]
    short = [d for d in range(len(base.shape)) if d != dim and len({one.shape[d] for one in given}) > 1]
    for axes in (a for one in given for a in one.axes):
        context.space.forbid_removal_along(axes, short, f"`{title(node)}` writes a part of it", node.name)
    whole = [one.with_axes(one.shape, [a for a in one.axes if not set(a.dims) & set(short)]) for one in given]
    result = _along_others(context, node, [whole[0], *whole[2:]], dim)
    sides = [one.with_axes(tuple(1 if d == dim or d in short else n for d, n in enumerate(one.shape)),
                           [a for a in one.axes if dim not in a.dims]) for one in (result, whole[1])]  # fmt: skip
    join(context, node, sides, sides[0].shape, all_zero)
    if values is None and node.args[3] != 0:
        return Value(result.shape, tuple(not_zero(a) for a in result.axes), cause=title(node))
    return result
