"""Pooling, resizing and reductions: dims that are not channels are summed up or slid over."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.fx import Node

from geta_engine.qadg.context import Context, argument, shape_of, title
from geta_engine.qadg.rules.contraction import collapse
from geta_engine.qadg.rules.registry import rule
from geta_engine.qadg.space import Axes, Value

_SPATIAL = {"1d": 1, "2d": 2, "3d": 3}


@rule(
    "max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_avg_pool3d", "upsample_nearest2d", "upsample_bilinear2d",
)  # fmt: skip
def pool(context: Context, node: Node) -> Value:
    """Slides over the last dims, channel by channel; zero stays zero."""
    value = context.value(node.args[0])
    assert value is not None
    name = node.target._schema.name  # type: ignore[union-attr]
    first = len(value.shape) - next(count for suffix, count in _SPATIAL.items() if name.endswith(suffix))
    kept = []
    for axes in value.axes:
        if any(dim >= first for dim in axes.dims):
            context.space.pin(axes.labels, f"`{title(node)}` slides over it")
        else:
            kept.append(axes)
    return Value(shape_of(node), tuple(kept), cause=value.cause)


@rule("mean", "sum", "amax", "amin")
def reduce(context: Context, node: Node) -> Value:
    """Over other dims zero stays zero; a sum over channels is exact when they are zero, another reduction is not."""
    value = context.value(node.args[0])
    assert value is not None
    rank = len(value.shape)
    dims = _dims(argument(node, 1, "dim"), rank)
    keep = bool(argument(node, 2, "keepdim", False))
    exact = node.target._schema.name == "aten::sum"  # type: ignore[union-attr]
    kept: list[Axes] = []
    for axes in value.axes:
        summed = [d for d in axes.dims if d in dims]
        if summed and not (exact and axes.zero.all()):
            context.space.pin(axes.labels, f"`{title(node)}` averages over it" if not exact else _lost(node, value))
            continue
        for dim in summed:
            axes = collapse(context, axes, dim, node.name) if len(axes.dims) > 1 else Axes((), axes.labels, axes.zero)
        if axes.dims:
            kept.append(axes if keep else _renumber(axes, dims))
    return Value(shape_of(node), tuple(kept), value.constant, value.cause)


def _lost(node: Node, value: Value) -> str:
    return f"`{value.cause or title(node)}` turns zeros into other numbers before `{title(node)}` sums over it"


def _dims(given: Any, rank: int) -> set[int]:
    if given is None or given == []:
        return set(range(rank))
    return {d % rank for d in (given if isinstance(given, (list, tuple)) else [given])}


def _renumber(axes: Axes, gone: set[int]) -> Axes:
    dims = tuple(d - sum(g < d for g in gone) for d in axes.dims)
    return Axes(dims, axes.labels, np.ascontiguousarray(axes.zero))
