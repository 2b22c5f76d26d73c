"""Where quantizers stand (METHOD, section 2): one a quantized weight, one a tensor that enters such a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch.fx import GraphModule, Node

from geta_engine.graph.model import Branch, Quantizer
from geta_engine.qadg.context import layer_of, op_name

QUANTIZED_OPS = frozenset(
    {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
)
"""Ops whose weight, and whose input, is quantized."""


def place_quantizers(
    module: GraphModule, weights: bool, activations: bool, branches: Sequence[Branch] = ()
) -> tuple[Quantizer, ...]:
    """Quantizers in program order of their first layer, a layer's weight before its input.

    What a branch quantizes already has its quantizer whatever is asked for; `weights` and `activations` add the rest.
    """
    nodes = {node.name: node for node in module.graph.nodes}
    ends = {branch.result: branch for branch in branches}
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    readers: dict[tuple[str, Node, Node], list[Node]] = {}
    for node in module.graph.nodes:
        if node.op != "call_function" or op_name(node) not in QUANTIZED_OPS or not isinstance(node.args[1], Node):
            continue
        weight = _source(node.args[1], ends, nodes)
        if weight.op != "get_attr" or str(weight.target) not in parameters:
            continue
        if weights or node.args[1].name in ends:
            readers.setdefault(("weight", weight, node.args[1]), []).append(node)
        read = node.args[0]
        assert isinstance(read, Node)
        if activations or read.name in ends:
            readers.setdefault(("activation", _source(read, ends, nodes), read), []).append(node)
    return tuple(_quantizer(kind, source, read, layers) for (kind, source, read), layers in readers.items())


def _source(read: Node, ends: Mapping[str, Branch], nodes: Mapping[str, Node]) -> Node:
    """The tensor that is quantized where `read` is read."""
    while read.name in ends:
        read = nodes[ends[read.name].source]
    return read


def _quantizer(kind: str, source: Node, read: Node, layers: list[Node]) -> Quantizer:
    names = tuple(layer.name for layer in layers)
    if kind == "weight":
        name = str(source.target)
        layer = name.partition(".parametrizations.")[0] if ".parametrizations." in name else name.rpartition(".")[0]
        return Quantizer(name, layer or name, "weight", source.name, names, read.name)
    layer = layer_of(layers[0]) or layers[0].name
    return Quantizer(f"act.{source.name}", layer, "activation", source.name, names, read.name)
