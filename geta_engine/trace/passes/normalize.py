"""What a graph says the same way wherever it was exported: epsilons, dtypes and whole slices."""

from __future__ import annotations

import sys

import torch
from torch.fx import Graph, Node


def explicit_epsilon(graph: Graph) -> None:
    """Write out the default epsilon of RMSNorm, which would change with the dtype the program runs in."""
    for node in graph.find_nodes(op="call_function", target=torch.ops.aten.rms_norm.default):
        if len(node.args) < 4 or node.args[3] is None:
            weight = node.args[2] if len(node.args) > 2 else node.kwargs.get("weight")
            node.args = (*node.args[:2], weight, torch.finfo(node.meta["val"].dtype).eps)
            node.kwargs = {}


def drop_dtype_checks(graph: Graph) -> None:
    """Every `x.to(dtype)` leaves a check of the dtype that x was traced in, which fails in another (autocast, say)."""
    for node in graph.find_nodes(op="call_function", target=torch.ops.aten._assert_tensor_metadata.default):
        graph.erase_node(node)


def drop_whole_slices(graph: Graph) -> None:
    """A slice that takes all of a dim is the tensor itself; left in place it hides what is written into it."""
    for node in list(graph.find_nodes(op="call_function", target=torch.ops.aten.slice.Tensor)):
        source, value = node.args[0], node.meta.get("val")
        start, end, step = (node.args[i] if len(node.args) > i else None for i in (2, 3, 4))
        whole = start in (0, None) and end in (None, sys.maxsize) and step in (1, None)
        if whole and isinstance(source, Node) and value is not None:
            node.replace_all_uses_with(source)
            graph.erase_node(node)
