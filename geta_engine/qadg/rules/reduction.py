"""Sums, means and other reductions: exact where removed zeros do not change them, or where they are rewritten so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch.fx import Node

from geta_engine.qadg.labels.axes import not_zero, renumber, simplify
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import keep_rows, reduce_exactly
from geta_engine.qadg.labels.space import Axes, Value
from geta_engine.qadg.rules.contraction import not_zero_reason
from geta_engine.qadg.rules.elementwise import pointwise
from geta_engine.qadg.rules.registry import rule
from geta_engine.trace.fx_nodes import argument, normal_dim, op_name, shape_of, shapes_of, title

_EXACT = frozenset({"sum", "mean", "linalg_vector_norm", "norm", "var", "std", "var_mean", "std_mean", "any", "nansum"})
"""A removed zero leaves the sum of powers alone; a mean or a variance is rewritten to keep its divisor."""
_DIM_FIRST = {"linalg_vector_norm": 2, "norm": 2}


@rule(
    "mean", "sum", "amax", "amin", "max", "min", "linalg_vector_norm", "norm", "var", "std", "var_mean", "std_mean",
    "prod", "logsumexp", "all", "any", "aminmax", "nansum",
)  # fmt: skip
def reduce(context: Context, node: Node) -> Value | tuple[Value, ...]:
    """Over other dims zero stays zero; over channels the result must not change when zeros go."""
    name = op_name(node)
    value = context.input(node)
    if len(node.all_input_nodes) > 1:
        result = pointwise(context, node)
        assert result is not None
        return result
    rank = len(value.shape)
    dims = reduced_dims(argument(node, _DIM_FIRST.get(name, 1), "dim"), rank)
    results = tuple(Value(shape, tuple(axes), value.constant, value.cause) for shape, axes in _reduced(
        context, node, value, dims, name))  # fmt: skip
    return results if isinstance(node.meta["val"], (tuple, list)) else results[0]


def _reduced(
    context: Context, node: Node, value: Value, dims: set[int], name: str
) -> Iterable[tuple[tuple[int, ...], list[Axes]]]:
    kept = [axes for a in value.axes if (axes := _one(context, node, value, a, dims, name)) is not None]
    if name == "logsumexp":
        kept = [not_zero(axes) for axes in kept]
    for shape in shapes_of(node):
        if len(shape) == len(value.shape):
            yield shape, kept
        else:
            yield shape, [renumber(a, lambda d: d - sum(g < d for g in dims)) for a in kept]


def _one(context: Context, node: Node, value: Value, axes: Axes, dims: set[int], name: str) -> Axes | None:
    if name in _EXACT and not _counts_zeros(node, name):
        context.space.mark_produced(value)
        return reduce_exactly(context, node, axes, dims, _lost(node, value, name))
    rows = keep_rows(context, node, axes, dims, "compares it with others")
    return rows


def _counts_zeros(node: Node, name: str) -> bool:
    """A norm of negative order looks for the smallest number."""
    return name in _DIM_FIRST and not (isinstance(order := argument(node, 1, "ord", 2), (int, float)) and order >= 0)


def _lost(node: Node, value: Value, name: str) -> str:
    if name == "mean" and not value.cause:
        return f"`{title(node)}` averages over it"
    return not_zero_reason(node, value.cause)


def reduced_dims(given: Any, rank: int) -> set[int]:
    if given is None or given == [] or isinstance(given, bool):
        return set(range(rank))
    return {d % max(rank, 1) for d in (given if isinstance(given, (list, tuple)) else [given])}


@rule("cumsum", "cumprod", "logcumsumexp")
def cumulate(context: Context, node: Node) -> Value:
    """Along other dims a sum keeps zeros; along channels removed zeros add nothing, but get what came before."""
    value = context.input(node)
    dim = normal_dim(argument(node, 1, "dim"), len(value.shape))
    additive = op_name(node) == "cumsum"
    keeps = op_name(node) != "logcumsumexp"
    axes: list[Axes] = []
    for a in value.axes:
        if dim not in a.dims:
            axes.append(a if keeps else not_zero(a))
        elif additive and a.dims == (dim,):
            if not a.zero.all():
                context.space.pin(a.labels[~a.zero], not_zero_reason(node, value.cause))
            axes.append(Axes(a.dims, a.labels, np.zeros_like(a.zero)))
        elif (rows := keep_rows(context, node, a, {dim}, "accumulates over it")) is not None:
            axes.append(not_zero(rows))
    return Value(shape_of(node), tuple(simplify(a) for a in axes), False, value.cause or title(node))


@rule("diff")
def difference(context: Context, node: Node) -> Value:
    """Neighbours along one dim are subtracted: that dim stays whole."""
    value = context.input(node)
    dim = normal_dim(argument(node, 2, "dim", -1), len(value.shape))
    rows = [keep_rows(context, node, a, {dim}, "takes differences along it") for a in value.axes]
    return value.with_axes(shape_of(node), [a for a in rows if a is not None])
