"""Ops that work index by index: labels of the operands are tied, zeros are evaluated."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx import Node

from geta_engine.qadg.labels.axes import align
from geta_engine.qadg.labels.context import Context
from geta_engine.qadg.labels.join import join
from geta_engine.qadg.labels.space import Axes, Labels, Value
from geta_engine.qadg.rules.registry import rule
from geta_engine.torch_internals import is_op, tree_map
from geta_engine.trace.fx_nodes import shape_of, title

_SAMPLES = {True: (0.0, 1.0), False: (-40.0, -1.3, 0.01, 0.6, 2.1, 40.0)}
"""Where an operand (bool or not) is not zero it may be anything: an op that maps all of these to 0 always does."""
OTHER, ZERO, INFINITE = 0, 1, 2
_evaluated: dict[Hashable, int] = {}


@rule(
    "hardswish", "log_sigmoid", "square", "rsub", "type_as", "rrelu", "celu", "where",
    "__and__", "__or__", "__xor__", "__lshift__", "__rshift__", "floor_divide", "isfinite", "isnan", "isinf", "logit",
    "nan_to_num", "threshold",
)  # fmt: skip
def pointwise(context: Context, node: Node) -> Value:
    """Tie the operands' labels index by index (with broadcasting)."""
    shape = shape_of(node)
    nodes = [a for a in node.all_input_nodes if context.value(a) is not None]
    operands = [align(value, len(shape)) for a in nodes if (value := context.value(a)) is not None]
    for operand in operands:
        context.space.mark_produced(operand)
    if not any(operand.axes for operand in operands):
        return Value(shape, (), all(o.constant for o in operands), _cause(node, operands, ()))

    def zero(zeros: Sequence[NDArray[np.bool_]], labels: Labels) -> NDArray[np.bool_]:
        at_zero = _at_zeros(node, nodes, zeros)
        context.space.pin(labels[at_zero == INFINITE], f"`{title(node)}` turns zeros into infinities")
        return at_zero == ZERO

    axes = join(context, node, operands, shape, zero)
    return Value(shape, axes, all(o.constant for o in operands), _cause(node, operands, axes))


@rule("prelu", "_prelu_kernel")
def prelu(context: Context, node: Node) -> Value:
    """A slope for all, or one for each index of dim 1; zero stays zero."""
    x, slope = context.input(node), context.input(node, 1)
    if len(slope.shape) == 1 and len(x.shape) > 1:
        slope = slope.with_axes((*slope.shape, *(1,) * (len(x.shape) - 2)), slope.axes)
    axes = join(context, node, [x, align(slope, len(x.shape))], x.shape, lambda zeros, _: zeros[0])
    return Value(x.shape, axes, cause=x.cause)


def _at_zeros(node: Node, nodes: list[Node], zeros: Sequence[NDArray[np.bool_]]) -> NDArray[np.int8]:
    """What the op makes of the operands' zeros, index by index."""
    alike = [bool(z.flat[0]) if z.all() or not z.any() else None for z in zeros]
    if None not in alike:
        return np.full(zeros[0].shape, _at_zero(node, dict(zip(nodes, map(bool, alike)))), np.int8)
    code = np.zeros(zeros[0].shape, np.int64)
    for i, one in enumerate(zeros):
        code |= one.astype(np.int64) << i
    result = np.zeros(code.shape, np.int8)
    for combination in np.unique(code):
        result[code == combination] = _at_zero(node, {n: bool(combination >> i & 1) for i, n in enumerate(nodes)})
    return result


def _at_zero(node: Node, zero: dict[Node, bool]) -> int:
    """Evaluate the op with some operands 0 and the others arbitrary: is the result 0 everywhere, finite nowhere?"""
    if not any(zero.values()):
        return OTHER
    key = _signature(node, zero)
    if key not in _evaluated:
        _evaluated[key] = _evaluate(node, zero)
    return _evaluated[key]


def _signature(node: Node, zero: dict[Node, bool]) -> Hashable:
    """What the answer depends on: the op, its plain arguments, and which operand is zero where."""
    order = {n: i for i, n in enumerate(node.all_input_nodes)}

    def plain(argument: Any) -> Hashable:
        if isinstance(argument, Node):
            value = argument.meta.get("val")
            dtype = value.dtype if isinstance(value, torch.Tensor) else None
            return (order[argument], dtype, zero.get(argument, False))
        if isinstance(argument, (list, tuple)):
            return tuple(plain(item) for item in argument)
        return (type(argument), argument)

    return (node.target, plain(node.args), tuple((k, plain(v)) for k, v in sorted(node.kwargs.items())))


def _evaluate(node: Node, zero: dict[Node, bool]) -> int:
    dtypes = {n: n.meta["val"].dtype for n in node.all_input_nodes if isinstance(n.meta.get("val"), torch.Tensor)}
    compared = (0.0,) if node.meta["val"].dtype == torch.bool else ()
    points = [(0.0,) if zero.get(n, False) else _SAMPLES[dtype == torch.bool] + compared for n, dtype in dtypes.items()]
    grid = torch.tensor(list(product(*points))).T
    operands = {n: row.to(dtype) for (n, dtype), row in zip(dtypes.items(), grid)}

    def sample(argument: Any) -> Any:
        return operands.get(argument, argument) if isinstance(argument, Node) else argument

    args, kwargs = tree_map(sample, (tuple(node.args), dict(node.kwargs)), is_leaf=lambda a: isinstance(a, Node))
    try:
        with torch.no_grad(), torch.device("cpu"):
            result = node.target(*args, **kwargs)  # type: ignore[operator]
    except (RuntimeError, TypeError, IndexError):
        return OTHER
    if bool((result == 0).all()):
        return ZERO
    return OTHER if bool(torch.isfinite(result).any()) else INFINITE


def _cause(node: Node, operands: Sequence[Value], axes: Sequence[Axes]) -> str | None:
    inherited = next((o.cause for o in operands if o.cause), None)
    if all(a.zero.all() for a in axes):
        return None
    was_zero = any(a.zero.any() for o in operands for a in o.axes)
    return title(node) if was_zero else inherited


@rule(
    "dropout", "dropout_", "alpha_dropout", "feature_dropout", "native_dropout", "contiguous", "detach", "detach_",
    "to", "_to_copy", "alias", "lift_fresh_copy", "lift_fresh", "fake_quantize", "clone", "conj",
    "fake_quantize_per_tensor_affine", "resolve_conj", "resolve_neg", "requires_grad_",
)  # fmt: skip
def identity(context: Context, node: Node) -> Value | tuple[Value, ...] | None:
    """Same labels, same zeros."""
    value = context.value(node.args[0])
    if value is None or isinstance(node.meta.get("val"), torch.Tensor):
        return value
    return tuple(value for _ in node.meta["val"])


def is_pointwise(node: Node) -> bool:
    """Whether PyTorch itself tags the op as pointwise."""
    return is_op(node.target) and torch.Tag.pointwise in node.target.tags
