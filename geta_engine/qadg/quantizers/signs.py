"""Which tensors of a program are never negative, whatever its inputs and parameters are (docs/method.md, section 2).

Only what follows from the ops themselves counts: a tensor that merely was not negative in the example is not proven.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Graph, Node

from geta_engine.torch_internals import is_op, writes_into_operand
from geta_engine.trace.fx_nodes import argument, op_name

_ALWAYS = frozenset(
    {
        *("relu", "relu6", "sigmoid", "hardsigmoid", "softmax", "_softmax", "_safe_softmax"),
        *("abs", "square", "exp", "exp2", "sqrt"),
    }
)
"""Ops whose result is never negative."""
_MOVES = frozenset(
    {
        "view",
        *("_unsafe_view", "reshape", "flatten", "unflatten", "permute", "transpose", "t"),
        *("squeeze", "unsqueeze", "expand", "expand_as", "repeat", "repeat_interleave", "clone", "contiguous"),
        *("to", "alias", "detach", "slice", "select", "narrow", "index", "index_select", "gather", "cat", "stack"),
        *("chunk", "split", "split_with_sizes", "unbind", "getitem", "flip", "roll"),
        *("pixel_shuffle", "pixel_unshuffle", "channel_shuffle"),
    }
)
_MEANS = frozenset(
    {
        *("dropout", "feature_dropout", "mean", "sum", "cumsum", "amax", "amin", "maximum", "minimum"),
        *("max_pool1d", "max_pool2d", "max_pool3d", "max_pool2d_with_indices"),
        *("avg_pool1d", "avg_pool2d", "avg_pool3d"),
        *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"),
        *("adaptive_max_pool1d", "adaptive_max_pool2d"),
        *("upsample_nearest1d", "upsample_nearest2d", "upsample_linear1d", "upsample_bilinear2d"),
    }
)
_KEEP = _MOVES | _MEANS
"""Ops whose result is not negative where none of their tensors is."""
_BOUNDED = {
    "clamp": ((1, "min"), (2, "max")),
    "clamp_min": ((1, "min"),),
    "hardtanh": ((1, "min_val"), (2, "max_val")),
    "threshold": ((1, "threshold"), (2, "value")),
}
"""Ops that give nothing below the least of these arguments: the first has to be there."""
_NUMBERS = frozenset({"mul", "div", "add"})
"""Ops of which the same is true of their numbers too; the numbers of those in _KEEP are sizes, dims and shares."""


def nonnegative_nodes(graph: Graph) -> frozenset[Node]:
    """The nodes whose tensor is proven to be >= 0. A program that still writes into its tensors proves nothing."""
    if any(is_op(node.target) and writes_into_operand(node.target) for node in graph.nodes):
        return frozenset()
    proven: set[Node] = set()
    for node in graph.nodes:
        if node.op == "call_function" and _is_nonnegative(node, proven):
            proven.add(node)
    return frozenset(proven)


def _is_nonnegative(node: Node, proven: set[Node]) -> bool:
    op = op_name(node)
    if op in _ALWAYS:
        return True
    if op in _BOUNDED:
        bounds = [argument(node, position, name) for position, name in _BOUNDED[op]]
        return isinstance(bounds[0], (int, float)) and all(b is None or _is_number(b) for b in bounds)
    if op == "softplus":
        beta = argument(node, 1, "beta", 1)
        return isinstance(beta, (int, float)) and beta > 0
    if op == "view" and not isinstance(argument(node, 1, "size"), (list, tuple)):
        return False  # other numbers of the same bits
    if op == "pow":
        return isinstance(node.args[0], Node) and (_is_even(argument(node, 1, "exponent")) or _keeps(node, proven))
    if op == "mul" and node.args[0] is node.args[1]:
        return True
    if op in _NUMBERS:
        return all(source in proven for source in node.all_input_nodes) and _numbers_keep(node)
    return op in _KEEP and _keeps(node, proven)


def _keeps(node: Node, proven: set[Node]) -> bool:
    tensors = [source for source in node.all_input_nodes if _has_floats(source)]
    return bool(tensors) and all(source in proven for source in tensors)


def _has_floats(node: Node) -> bool:
    """Whether it may be the tensor, or among the tensors, whose numbers an op passes on: indices and sizes are not."""
    value: Any = node.meta.get("val")
    if isinstance(value, torch.Tensor):
        return value.is_floating_point()
    return isinstance(value, (tuple, list))


def _numbers_keep(node: Node) -> bool:
    numbers = [a for a in (*node.args[:2], node.kwargs.get("alpha", 1)) if not isinstance(a, Node)]
    return all(isinstance(number, (int, float)) and number >= 0 for number in numbers)


def _is_number(value: Any) -> bool:
    """Whether it is a number that is not negative."""
    return isinstance(value, (int, float)) and value >= 0


def _is_even(exponent: Any) -> bool:
    return isinstance(exponent, (int, float)) and exponent % 2 == 0
