"""Several tensors read together, index by index: what every rule with more than one operand is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch.fx import Node

from geta_engine.qadg.labels.axes import collapse, on_dims, overlapping, simplify, spread
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.space import Axes, Labels, Value
from geta_engine.trace.fx_nodes import title

Zero = Callable[[Sequence[NDArray[np.bool_]], Labels], NDArray[np.bool_]]
"""Where each operand is zero (False: it may be anything), and the labels -> where the result is."""


def any_zero(zeros: Sequence[NDArray[np.bool_]], labels: Labels) -> NDArray[np.bool_]:
    """A product."""
    return np.logical_or.reduce(zeros)


def all_zero(zeros: Sequence[NDArray[np.bool_]], labels: Labels) -> NDArray[np.bool_]:
    """A sum."""
    return np.logical_and.reduce(zeros)


def join(
    context: Context,
    node: Node,
    operands: Sequence[Value],
    shape: Sequence[int],
    zero: Zero,
    partial: Literal["share", "tie"] = "share",
) -> tuple[Axes, ...]:
    """Axes of the result of operands that are read index by index, with broadcasting; all have the result's rank.

    Labels on the same dims are tied. An operand that knows only some of the dims that another labels jointly is shared
    by its slices (`partial="tie"`: is tied to them). Dims that an operand has without labels hold the others whole.
    """
    return tuple(
        simplify(_join_dims(context, node, operands, dims, [shape[d] for d in dims], zero, partial))
        for dims in overlapping(operands)
    )


def _join_dims(
    context: Context, node: Node, operands: Sequence[Value], dims: tuple[int, ...], sizes: list[int], zero: Zero,
    partial: str,
) -> Axes:  # fmt: skip
    labelled = [[a for a in o.axes if set(a.dims) <= set(dims)] for o in operands]
    whole = [i for i, blocks in enumerate(labelled) if any(a.dims == dims for a in blocks)]
    whole.sort(key=lambda i: labelled[i][0].is_expanded_copy)
    main = _main(context, node, labelled, whole, dims, sizes)
    zeros: list[NDArray[np.bool_]] = []
    for i, (operand, blocks) in enumerate(zip(operands, labelled)):
        tied = i in whole or (partial == "tie" and len(blocks) == 1)
        zeros.append(spread(blocks[0], dims, sizes).zero if tied and blocks else np.zeros(sizes, bool))
        for axes in blocks:
            if tied:
                _tie(context, node, main, axes)
            else:
                context.space.share(main.labels, on_dims(axes, axes.labels, dims), node.name)
        labelled_dims = {d for a in blocks for d in a.dims}
        if fixed := [d for d in dims if operand.shape[d] > 1 and d not in labelled_dims]:
            reason = f"`{title(node)}` combines it with a dimension that holds no channels"
            context.space.forbid_removal_along(main, fixed, reason, node.name)
    return Axes(dims, main.labels, zero(zeros, main.labels), all(a.is_expanded_copy for axes in labelled for a in axes))


def _main(
    context: Context, node: Node, labelled: list[list[Axes]], whole: list[int], dims: tuple[int, ...], sizes: list[int]
) -> Axes:
    """The block that the others are tied to; new labels where none covers all the dims."""
    if whole:
        return spread(labelled[whole[0]][0], dims, sizes)
    labels = context.space.allocate(*sizes)
    return Axes(dims, labels, np.zeros(sizes, bool))


def _tie(context: Context, node: Node, main: Axes, axes: Axes) -> None:
    if axes.labels is not main.labels:
        context.space.tie(main.labels, on_dims(axes, axes.labels, main.dims), node.name)


def sum_out(context: Context, node: Node, axes: Axes, dims: set[int], not_zero_reason: str) -> Axes | None:
    """What is left of a block when a contraction sums over `dims`; the labels of these go with their whole slices.

    `granularity="head_dim"`: the same offsets go from every slice instead, and the result has no labels.
    """
    summed = [d for d in axes.dims if d in dims]
    if not summed:
        return axes
    kept = [d for d in axes.dims if d not in dims]
    if kept and context.by_head:
        return collapse(context.space, axes, summed, node.name)
    context.space.forbid_removal_along(axes, kept, "", node.name)
    if not axes.zero.all():
        context.space.pin(axes.labels[~axes.zero], not_zero_reason)
    return None


def reduce_exactly(context: Context, node: Node, axes: Axes, dims: set[int], not_zero_reason: str) -> Axes | None:
    """What is left of a block under a reduction that removed zeros do not change (or that is rewritten so).

    Either whole slices go along with an index of the result, or offsets within the slices and nothing of the result.
    """
    summed = [d for d in axes.dims if d in dims]
    kept = [d for d in axes.dims if d not in dims]
    if not summed:
        return axes
    if not axes.zero.all():
        if kept:
            return collapse(context.space, axes, summed, node.name)
        context.space.pin(axes.labels[~axes.zero], not_zero_reason)
        return None
    if not kept:
        return None
    positions = tuple(axes.dims.index(d) for d in summed)
    sizes = [axes.labels.shape[axes.dims.index(d)] for d in kept]
    labels = context.space.allocate(*sizes)
    result = Axes(tuple(kept), labels, np.asarray(axes.zero.all(axis=positions)), axes.is_expanded_copy)
    context.space.share(axes.labels, on_dims(result, labels, axes.dims), node.name)
    return result


def keep_rows(context: Context, node: Node, axes: Axes, dims: set[int], what: str) -> Axes | None:
    """What is left of a block when an op needs everything along `dims`: whole slices, or nothing (pinned)."""
    touched = [d for d in axes.dims if d in dims]
    if not touched:
        return axes
    if len(touched) == len(axes.dims):
        context.space.pin(axes.labels, f"`{title(node)}` {what}")
        return None
    return collapse(context.space, axes, touched, node.name)
