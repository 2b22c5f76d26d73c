"""Rewrites of an exported graph: train/eval switched, checks dropped, in-place ops made pure."""

from __future__ import annotations

import sys

import torch
from torch.fx import Graph, GraphModule, Node

_TRAIN_FLAG = {
    torch.ops.aten.batch_norm.default: 5,
    torch.ops.aten.dropout.default: 2,
    torch.ops.aten.native_dropout.default: 2,
    torch.ops.aten.feature_dropout.default: 2,
    torch.ops.aten.alpha_dropout.default: 2,
    torch.ops.aten.instance_norm.default: 5,
}
"""op -> position of its train flag: export writes the flag as a constant, so `.train()` has nothing to switch."""
_NORMS = (torch.ops.aten.batch_norm.default, torch.ops.aten.instance_norm.default)


def set_training(module: GraphModule, training: bool) -> None:
    """Write the train flag of every BatchNorm and dropout; dropout given as a sdpa argument is left as traced."""
    changed = False
    for node in module.graph.nodes:
        position = _TRAIN_FLAG.get(node.target)
        if position is not None and node.args[position] != training and not _always_batch(node):
            node.update_arg(position, training)
            changed = True
    if changed:
        module.recompile()


def _always_batch(node: Node) -> bool:
    """A norm without running statistics uses those of its input in eval mode too."""
    return node.target in _NORMS and node.args[3] is None


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
    part, written = node.args[0], node.args[1]
    if not isinstance(part, Node) or part.target is not torch.ops.aten.slice.Tensor or len(part.users) > 1:
        return False
    base = part.args[0]
    if not isinstance(base, Node) or base.op != "call_function" or _has_views(base, part):
        return False
    later = [user for user in base.users if order.get(user, -1) > order[node]]
    with graph.inserting_before(node):
        spread = graph.call_function(torch.ops.aten.expand_as.default, (written, part))
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


def is_view(node: Node) -> bool:
    """Whether the result may share memory with an operand, by the op's own schema (`Tensor(a)`)."""
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return False
    schema = node.target._schema
    return not schema.is_mutable and any(r.alias_info is not None for r in schema.returns)


def _pure_overload(node: Node) -> torch._ops.OpOverload | None:
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return None
    name = node.target._schema.name.split("::")[1]
    if not node.target._schema.is_mutable or not name.endswith("_"):
        return None
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    return getattr(packet, node.target._overloadname, None) if packet is not None else None
