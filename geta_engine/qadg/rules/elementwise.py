"""Ops that work index by index: labels of the operands are tied, zeros are evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from torch.fx import Node
from torch.utils._pytree import tree_map

from geta_engine.qadg.axes import align, overlapping, pick_axes, spread
from geta_engine.qadg.context import Context, op_name, shape_of, title
from geta_engine.qadg.rules.registry import rule
from geta_engine.qadg.space import Axes, Value

_SAMPLES = {True: (0.0, 1.0), False: (-40.0, -1.3, 0.01, 0.6, 2.1, 40.0)}
"""Where an operand (bool or not) is not zero it may be anything: an op that maps all of these to 0 always does."""


@rule("hardswish", "log_sigmoid", "square", "rsub", "type_as")
def pointwise(context: Context, node: Node) -> Value:
    """Tie the operands' labels index by index (with broadcasting)."""
    shape = shape_of(node)
    nodes = [a for a in node.all_input_nodes if context.value(a) is not None]
    operands = [align(value, len(shape)) for a in nodes if (value := context.value(a)) is not None]
    _mark_produced(context, operands)
    axes = [joined for dims in overlapping(operands) if (joined := _join(context, node, nodes, operands, dims))]
    return Value(shape, tuple(axes), all(o.constant for o in operands), _cause(node, nodes, operands, axes, context))


def _join(context: Context, node: Node, nodes: list[Node], operands: list[Value], dims: tuple[int, ...]) -> Axes | None:
    sizes = [shape_of(node)[d] for d in dims]
    parts = [pick_axes(operand, dims) for operand in operands]
    fixed = [not part and any(o.shape[d] > 1 for d in dims) for part, o in zip(parts, operands)]
    if any(fixed) or any(len(part) > 1 for part in parts):
        for part in parts:
            for axes in part:
                context.space.pin(axes.labels, f"`{title(node)}` combines it with a dimension that holds no channels")
        return None
    wide = {i: spread(part[0], dims, sizes) for i, part in enumerate(parts) if part}
    first = next(iter(wide.values()))
    for other in wide.values():
        context.space.tie(first.labels, other.labels, node.name)
    return Axes(dims, first.labels, _zeros(node, nodes, wide, first.labels.shape))


def _zeros(node: Node, nodes: list[Node], wide: dict[int, Axes], shape: tuple[int, ...]) -> np.ndarray:
    code = np.zeros(shape, np.int64)
    for i, axes in wide.items():
        code |= axes.zero.astype(np.int64) << i
    zero = np.zeros(shape, bool)
    for combination in np.unique(code):
        operands = {n: bool(combination >> i & 1) for i, n in enumerate(nodes)}
        if combination and gives_zero(node, operands):
            zero[code == combination] = True
    return zero


def gives_zero(node: Node, zero: dict[Node, bool]) -> bool:
    """Evaluate the op with some operands 0 and the others arbitrary: is the result exactly 0 everywhere?"""

    dtypes = {n: n.meta["val"].dtype for n in node.all_input_nodes if isinstance(n.meta.get("val"), torch.Tensor)}
    points = [(0.0,) if zero.get(n, False) else _SAMPLES[dtype == torch.bool] for n, dtype in dtypes.items()]
    grid = torch.tensor(list(product(*points))).T
    operands = {n: row.to(dtype) for (n, dtype), row in zip(dtypes.items(), grid)}

    def sample(argument: Any) -> Any:
        return operands.get(argument, argument) if isinstance(argument, Node) else argument

    args, kwargs = tree_map(sample, (tuple(node.args), dict(node.kwargs)), is_leaf=lambda a: isinstance(a, Node))
    try:
        with torch.no_grad():
            result = node.target(*args, **kwargs)  # type: ignore[operator]
    except (RuntimeError, TypeError):
        return False
    return bool((result == 0).all())


def _mark_produced(context: Context, operands: Sequence[Value]) -> None:
    for operand in operands:
        if operand.constant:
            context.space.produced += [axes.labels.ravel() for axes in operand.axes]


def _cause(node: Node, nodes: list[Node], operands: list[Value], axes: list[Axes], context: Context) -> str | None:
    inherited = next((o.cause for o in operands if o.cause), None)
    if all(a.zero.all() for a in axes):
        return None
    was_zero = any(a.zero.any() for o in operands for a in o.axes)
    return title(node) if was_zero else inherited


@rule(
    "dropout", "alpha_dropout", "feature_dropout", "contiguous", "detach", "detach_", "to", "_to_copy", "alias",
    "lift_fresh_copy", "float", "fake_quantize",
)  # fmt: skip
def identity(context: Context, node: Node) -> Value | None:
    """Same labels, same zeros."""
    value = context.value(node.args[0])
    return None if value is None else Value(shape_of(node), value.axes, value.constant, value.cause)


def is_pointwise(node: Node) -> bool:
    """Whether PyTorch itself tags the op as pointwise."""
    target = node.target
    return isinstance(target, torch._ops.OpOverload) and torch.Tag.pointwise in target.tags and op_name(node) != "clone"
