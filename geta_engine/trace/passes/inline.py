"""Regions that switch autograd or autocast, put back into the graph they were taken from."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import GraphModule, Node

_FIRST_INPUT = {"wrap_with_set_grad_enabled": 1, "wrap_with_autocast": 4}
"""Higher-order op -> position of the region's graph among its arguments; the region's inputs follow."""


def inline_regions(module: GraphModule) -> None:
    """Replace every region by its ops, regions inside regions included; what ran without gradients is detached."""
    while regions := [n for n in module.graph.nodes if _kind(n)]:
        for node in regions:
            _inline(module, node, _kind(node))
        module.graph.eliminate_dead_code()
    module.delete_all_unused_submodules()


def _kind(node: Node) -> str:
    name = getattr(node.target, "__name__", "") if node.op == "call_function" else ""
    return name if name in _FIRST_INPUT else ""


def _inline(module: GraphModule, node: Node, kind: str) -> None:
    at = _FIRST_INPUT[kind]
    region = module.get_submodule(str(node.args[at].target))  # type: ignore[union-attr]
    assert isinstance(region, GraphModule)
    values: dict[Node, Any] = {}
    inputs = iter(node.args[at + 1 :])
    with module.graph.inserting_before(node):
        for step in region.graph.nodes:
            if step.op == "placeholder":
                values[step] = next(inputs)
            elif step.op == "get_attr":
                values[step] = _adopted(module, region, step)
            elif step.op == "output":
                results = torch.fx.node.map_arg(step.args[0], lambda n: values[n])
            else:
                values[step] = module.graph.node_copy(step, lambda n: values[n])
    outputs = results if isinstance(results, (tuple, list)) else (results,)
    if kind == "wrap_with_set_grad_enabled" and node.args[0] is False:
        outputs = [_detached(module, node, output) for output in outputs]
    _replace(node, outputs, isinstance(results, (tuple, list)))


def _adopted(module: GraphModule, region: GraphModule, step: Node) -> Node:
    """A constant, or a region, of a region under a name of its own in the whole."""
    name = f"{str(step.target).replace('.', '_')}_of_{type(region).__name__}_{len(list(module.graph.nodes))}"
    value: Any = region
    for part in str(step.target).split("."):
        value = getattr(value, part)
    if isinstance(value, torch.nn.Module):
        module.add_submodule(name, value)
    elif isinstance(value, torch.nn.Parameter):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)
    adopted = module.graph.get_attr(name)
    adopted.meta = dict(step.meta)
    return adopted


def _detached(module: GraphModule, node: Node, output: Any) -> Any:
    value = output.meta.get("val") if isinstance(output, Node) else None
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return output
    with module.graph.inserting_before(node):
        detached = module.graph.call_function(torch.ops.aten.detach.default, (output,))
    detached.meta = dict(output.meta)
    return detached


def _replace(node: Node, outputs: Any, several: bool) -> None:
    if not several:
        node.replace_all_uses_with(outputs[0])
    for user in list(node.users):
        user.replace_all_uses_with(outputs[user.args[1]])
        user.graph.erase_node(user)
    node.graph.erase_node(node)
