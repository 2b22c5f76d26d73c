"""In-place ops made pure, so that a node of the graph is one value."""

from __future__ import annotations

import torch
from torch.fx import Graph, Node

from geta_engine.torch_internals import OpOverload, is_op, overload_name, schema_name, writes_into_operand
from geta_engine.trace.fx_nodes import is_view


def functionalize(graph: Graph) -> None:
    """Replace `relu_(x)` by `relu(x)`, and what read x afterwards by the result, so that a node is one value.

    An op that writes into a view, or into a tensor that has views, is left as it is: other tensors change with it.
    """
    order = {node: i for i, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        if node.target is torch.ops.aten.copy_.default and _written_slice(graph, node, order):
            continue
        pure = _pure_overload(node)
        if pure is None or not isinstance(node.args[0], Node) or _has_views(node.args[0], node):
            continue
        mutated, node.target = node.args[0], pure
        for user in [user for user in mutated.users if order[user] > order[node]]:
            user.replace_input_with(mutated, node)


def _written_slice(graph: Graph, node: Node, order: dict[Node, int]) -> bool:
    """`x[:, a:b] = y` as a new tensor: done where nothing else sees x through a view."""
    part, values = node.args[0], node.args[1]
    if not isinstance(part, Node) or part.target is not torch.ops.aten.slice.Tensor or len(part.users) > 1:
        return False
    base = part.args[0]
    if not isinstance(base, Node) or base.op != "call_function" or _has_views(base, part):
        return False
    later = [user for user in base.users if order.get(user, -1) > order[node]]
    with graph.inserting_before(node):
        spread = graph.call_function(torch.ops.aten.expand_as.default, (values, part))
        whole = graph.call_function(torch.ops.aten.slice_scatter.default, (base, spread, *part.args[1:]))
    spread.meta, whole.meta = dict(part.meta), dict(base.meta)
    order[whole] = order[node]
    for user in later:
        user.replace_input_with(base, whole)
    graph.erase_node(node)
    return True


def _has_views(tensor: Node, writer: Node) -> bool:
    """Whether another tensor that is read changes with this one: a view of it, or what it is a view of."""
    if any(is_view(user) for user in tensor.users if user is not writer):
        return True
    while is_view(tensor):
        base = tensor.args[0]
        if not isinstance(base, Node) or base.op != "call_function" or len(base.users) > 1:
            return True
        tensor = base
    return False


def _pure_overload(node: Node) -> OpOverload | None:
    target = node.target
    if not is_op(target):
        return None
    name = schema_name(target).split("::")[1]
    if not writes_into_operand(target) or not name.endswith("_"):
        return None
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    return getattr(packet, overload_name(target), None) if packet is not None else None
