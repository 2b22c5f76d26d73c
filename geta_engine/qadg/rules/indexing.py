"""Reading and writing at positions held in tensors: what is looked up stays, unless the positions are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import GraphModule, Node

from geta_engine.qadg.constants import is_zero, whole_numbers
from geta_engine.qadg.labels.axes import align, along, not_zero, renumber, simplify
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import all_zero, join, keep_rows
from geta_engine.qadg.labels.space import Value
from geta_engine.qadg.rules.contraction import pin_all
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, normal_dim, op_name, shape_of, title

_LOOKED_UP = "looks it up by position"


def known_positions(module: GraphModule, argument: Any, size: int) -> NDArray[np.int64] | None:
    """The positions of a one-dim index that is a constant of the program, counted from the front."""
    if not isinstance(argument, Node) or len(argument.meta["val"].shape) != 1:
        return None
    if argument.meta["val"].dtype == torch.bool:
        return None
    positions = whole_numbers(module, argument)
    return None if positions is None else np.where(positions < 0, positions + size, positions)


@rule("index", "_unsafe_index")
def index(context: Context, node: Node) -> Value:
    """x[.., i, j, ..]: dims that are not indexed keep their labels; a single known index permutes or picks its dim."""
    value, shape = context.input(node), shape_of(node)
    given: list[Any] = list(node.args[1])  # type: ignore[arg-type]
    indexed = [d for d, i in enumerate(given) if i is not None]
    _pin_positions(context, node)
    if any(i.meta["val"].dtype == torch.bool for i in given if i is not None):
        return pin_all(context, node) if len(indexed) > 1 else _masked(context, node, value, indexed[0], given)
    if len(indexed) == 1:
        positions = known_positions(context.module, given[indexed[0]], value.shape[indexed[0]])
        if positions is not None:
            return _read(context, value, indexed[0], positions, shape)
    ranks = [len(given[d].meta["val"].shape) for d in indexed]
    adjacent = indexed == list(range(indexed[0], indexed[-1] + 1))
    first, added = (indexed[0] if adjacent else 0), max(ranks)
    rows = [keep_rows(context, node, a, set(indexed), _LOOKED_UP) for a in value.axes]

    def where(dim: int) -> int:
        left = dim - sum(d < dim for d in indexed)
        return left + added if left >= first else left

    return value.with_axes(shape, [renumber(a, where) for a in rows if a is not None])


def _masked(context: Context, node: Node, value: Value, dim: int, given: list[Any]) -> Value:
    """A boolean mask over some leading dims: what remains of these depends on the data."""
    covered = set(range(dim, dim + len(given[dim].meta["val"].shape)))
    rows = [keep_rows(context, node, a, covered, _LOOKED_UP) for a in value.axes]
    gone = len(covered) - 1
    kept = [renumber(a, lambda d: d - gone * (d > dim)) for a in rows if a is not None]
    return value.with_axes(shape_of(node), kept)


def _pin_positions(context: Context, node: Node) -> None:
    """Tensors of positions keep all their entries."""
    for source in node.all_input_nodes[1:]:
        if (value := context.value(source)) is not None and source is not node.args[0]:
            context.space.pin_value(value, f"`{title(node)}` holds positions in it")


def _read(context: Context, value: Value, dim: int, positions: NDArray[np.int64], shape: tuple[int, ...]) -> Value:
    axes = [simplify(along(a, dim, lambda x, i: np.take(x, positions, i))) if dim in a.dims else a for a in value.axes]
    context.space.parts += [a.labels.ravel() for a in axes if dim in a.dims]
    return value.with_axes(shape, axes)


@rule("index_select")
def index_select(context: Context, node: Node) -> Value:
    value = context.input(node)
    dim = normal_dim(node.args[1], len(value.shape))  # type: ignore[arg-type]
    _pin_positions(context, node)
    positions = known_positions(context.module, node.args[2], value.shape[dim])
    if positions is not None:
        return _read(context, value, dim, positions, shape_of(node))
    rows = [keep_rows(context, node, a, {dim}, _LOOKED_UP) for a in value.axes]
    return value.with_axes(shape_of(node), [a for a in rows if a is not None])


@rule("gather", "take_along_dim")
def gather(context: Context, node: Node) -> Value:
    """Along `dim` everything stays; on other dims the positions lose an index where the tensor does."""
    value, positions = context.input(node), context.value(node.args[2] if op_name(node) == "gather" else node.args[1])
    dim = argument(node, 1 if op_name(node) == "gather" else 2, "dim")
    if positions is None or dim is None:
        return pin_all(context, node)
    dim = normal_dim(dim, len(value.shape))
    shape = shape_of(node)
    sides = []
    for one in (value, positions):
        rows = [keep_rows(context, node, a, {dim}, _LOOKED_UP) for a in one.axes]
        kept = [a for a in rows if a is not None]
        sides.append(one.with_axes(tuple(1 if d == dim else size for d, size in enumerate(one.shape)), kept))
    wide = tuple(1 if d == dim else size for d, size in enumerate(shape))
    short = [d for d in range(len(shape)) if d != dim and value.shape[d] != positions.shape[d]]
    if op_name(node) == "take_along_dim":
        short = [d for d in short if 1 not in (value.shape[d], positions.shape[d])]
    for axes in (a for side in sides for a in side.axes):
        context.space.forbid_removal_along(axes, short, f"`{title(node)}` {_LOOKED_UP}", node.name)
    sides = [
        s.with_axes(tuple(map(min, s.shape, wide)), [a for a in s.axes if not set(a.dims) & set(short)]) for s in sides
    ]
    joined = join(context, node, sides, wide, lambda zeros, _: zeros[0])
    return Value(shape, joined, cause=value.cause)


@rule("index_put", "index_put_", "_unsafe_index_put")
def index_put(context: Context, node: Node) -> Value:
    """Writes at positions of some dims: labels on the others are tied to those of what is written."""
    value, values = context.input(node), context.value(node.args[2])
    indexed = [d for d, i in enumerate(node.args[1]) if i is not None]  # type: ignore[arg-type]
    given: list[Any] = [i for i in node.args[1] if i is not None]  # type: ignore[union-attr]
    single = len(given) == 1 and given[0].meta["val"].dtype != torch.bool and len(given[0].meta["val"].shape) == 1
    if single and indexed[0] > 0 and values is not None:
        return _put_along(context, node, [value, align(values, len(value.shape))], indexed[0])
    if any(i.meta["val"].dtype == torch.bool for i in given) or indexed != list(range(len(indexed))):
        if (
            values is None
            or values.axes
            or max(values.shape, default=1) > 1
            or any(not set(a.dims).isdisjoint(_covered(node)) for a in value.axes)
        ):
            return pin_all(context, node)
        if isinstance(node.args[2], Node) and is_zero(context.module, node.args[2]):
            return value
        return Value(shape_of(node), tuple(not_zero(a) for a in value.axes), cause=title(node))
    _pin_positions_only(context, node, given)
    rows = [keep_rows(context, node, a, set(indexed), "writes into it by position") for a in value.axes]
    base = value.with_axes(_ones(value.shape, indexed), [a for a in rows if a is not None])
    if values is None:
        return base.with_axes(shape_of(node), [not_zero(a) for a in base.axes])
    n_kept = len(value.shape) - len(indexed)
    first_kept = len(values.shape) - n_kept
    for axes in values.axes:
        context.space.forbid_removal_along(
            axes, [d for d in axes.dims if d < first_kept], "it is written by position", node.name
        )
    moved = [renumber(a, lambda d: d - first_kept) for a in values.axes if min(a.dims) >= first_kept]
    tails = Value(values.shape[max(first_kept, 0) :], tuple(moved), values.constant, values.cause)
    joined = join(context, node, [base, align(tails, len(value.shape))], base.shape, all_zero)
    return Value(shape_of(node), joined, cause=value.cause or values.cause)


def _covered(node: Node) -> set[int]:
    covered: set[int] = set()
    dim = 0
    given: list[Any] = list(node.args[1])  # type: ignore[arg-type]
    for i in given:
        width = len(i.meta["val"].shape) if i is not None and i.meta["val"].dtype == torch.bool else 1
        if i is not None:
            covered |= set(range(dim, dim + width))
        dim += width
    return covered


def _ones(shape: tuple[int, ...], dims: list[int]) -> tuple[int, ...]:
    return tuple(1 if d in dims else size for d, size in enumerate(shape))


def _pin_positions_only(context: Context, node: Node, given: list[Any]) -> None:
    for source in given:
        if (value := context.value(source)) is not None:
            context.space.pin_value(value, f"`{title(node)}` holds positions in it")


@rule("index_add", "index_copy")
def index_add(context: Context, node: Node) -> Value:
    """Rows written at positions along one dim; labels on the others are tied."""
    value, values = context.input(node), context.input(node, 3)
    return _put_along(context, node, [value, values], normal_dim(node.args[1], len(value.shape)))  # type: ignore[arg-type]


def _put_along(context: Context, node: Node, operands: list[Value], dim: int) -> Value:
    for source in node.all_input_nodes:
        value = context.value(source)
        if value is not None and not any(value.axes is one.axes for one in operands):
            context.space.pin_value(value, f"`{title(node)}` holds positions in it")
    sides = []
    for one in operands:
        rows = [keep_rows(context, node, a, {dim}, "writes into it by position") for a in one.axes]
        sides.append(one.with_axes(_ones(one.shape, [dim]), [a for a in rows if a is not None]))
    axes = join(context, node, sides, _ones(operands[0].shape, [dim]), all_zero)
    return Value(shape_of(node), axes, cause=next((one.cause for one in operands if one.cause), None))


@rule("one_hot", "bincount", "nonzero", "histc")
def counted(context: Context, node: Node) -> Value:
    return pin_all(context, node)
