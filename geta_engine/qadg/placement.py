"""Where quantizers stand (METHOD, section 2): one a quantized weight, one a tensor that enters such a layer."""

from __future__ import annotations

from torch.fx import GraphModule, Node

from geta_engine.graph.model import Quantizer
from geta_engine.qadg.context import layer_of, op_name

QUANTIZED_OPS = frozenset(
    {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
)
"""Ops whose weight, and whose input, is quantized."""


def quantized_layers(module: GraphModule) -> list[Node]:
    """Layer nodes that read their weight straight from a parameter, in program order."""
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    calls = [n for n in module.graph.nodes if n.op == "call_function" and op_name(n) in QUANTIZED_OPS]
    return [n for n in calls if (weight := _weight(n)) is not None and str(weight.target) in parameters]


def _weight(node: Node) -> Node | None:
    weight = node.args[1]
    return weight if isinstance(weight, Node) and weight.op == "get_attr" else None


def place_quantizers(module: GraphModule, weights: bool, activations: bool) -> tuple[Quantizer, ...]:
    """Quantizers in program order of their first layer, a layer's weight before its input."""
    readers: dict[tuple[str, Node], list[Node]] = {}
    for layer in quantized_layers(module):
        weight, source = _weight(layer), layer.args[0]
        assert weight is not None and isinstance(source, Node)
        if weights:
            readers.setdefault(("weight", weight), []).append(layer)
        if activations:
            readers.setdefault(("activation", source), []).append(layer)
    return tuple(_quantizer(kind, source, layers) for (kind, source), layers in readers.items())


def _quantizer(kind: str, source: Node, layers: list[Node]) -> Quantizer:
    names = tuple(layer.name for layer in layers)
    if kind == "weight":
        parameter = str(source.target)
        return Quantizer(parameter, parameter.rpartition(".")[0] or parameter, "weight", source.name, names)
    return Quantizer(f"act.{source.name}", layer_of(layers[0]) or layers[0].name, "activation", source.name, names)
