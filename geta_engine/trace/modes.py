"""Two rewrites of an exported graph: train/eval switched, in-place ops made pure."""

from __future__ import annotations

import torch
from torch.fx import Graph, GraphModule, Node

_TRAIN_FLAG = {
    torch.ops.aten.batch_norm.default: 5,
    torch.ops.aten.dropout.default: 2,
    torch.ops.aten.feature_dropout.default: 2,
    torch.ops.aten.alpha_dropout.default: 2,
    torch.ops.aten.instance_norm.default: 5,
}
"""op -> position of its train flag: export writes the flag as a constant, so `.train()` has nothing to switch."""


def set_training(module: GraphModule, training: bool) -> None:
    """Write the train flag of every BatchNorm and dropout; dropout given as a sdpa argument is left as traced."""
    changed = False
    for node in module.graph.nodes:
        position = _TRAIN_FLAG.get(node.target)
        if position is not None and node.args[position] != training:
            node.update_arg(position, training)
            changed = True
    if changed:
        module.recompile()


def functionalize(graph: Graph) -> None:
    """Replace `relu_(x)` by `relu(x)`, and what read x afterwards by the result, so that a node is one value."""
    order = {node: i for i, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        pure = _pure_overload(node)
        if pure is None or not isinstance(node.args[0], Node):
            continue
        mutated, node.target = node.args[0], pure
        for user in [user for user in mutated.users if order[user] > order[node]]:
            user.replace_input_with(mutated, node)


def _pure_overload(node: Node) -> torch._ops.OpOverload | None:
    if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
        return None
    if torch.Tag.inplace not in node.target.tags:
        return None
    name = node.target._schema.name.split("::")[1]
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None)
    return getattr(packet, node.target._overloadname, None) if packet is not None else None
