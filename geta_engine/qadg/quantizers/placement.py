"""Where quantizers stand (docs/method.md, section 2): one a quantized weight, one a tensor that enters such a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch.fx import GraphModule, Node

from geta_engine.documents.qadg import Branch, Quantizer
from geta_engine.trace.fx_nodes import layer_of, op_name

QUANTIZED_OPS = frozenset(
    {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
)
"""Ops whose weight, and whose input, is quantized."""


class Reading(NamedTuple):
    """A layer, and the node it reads a quantized tensor from: the tensor itself, or the end of a branch."""

    layer: Node
    read: Node


def place_quantizers(
    module: GraphModule, weights: bool, activations: bool, branches: Sequence[Branch] = ()
) -> tuple[Quantizer, ...]:
    """Quantizers in program order of their first layer, a layer's weight before its input.

    What a branch quantizes already has its quantizer whatever is asked for; `weights` and `activations` add the rest.
    A tensor has one quantizer, and so one id, however many layers and branches read it: a layer that quantizes its
    weight by hand and is called twice has two branches and one weight quantizer.
    """
    nodes = {node.name: node for node in module.graph.nodes}
    ends = {branch.result: branch for branch in branches}
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    readings: dict[tuple[str, Node], list[Reading]] = {}
    for node in module.graph.nodes:
        if node.op != "call_function" or op_name(node) not in QUANTIZED_OPS or not isinstance(node.args[1], Node):
            continue
        weight = _source(node.args[1], ends, nodes)
        if weight.op != "get_attr" or str(weight.target) not in parameters:
            continue
        if weights or node.args[1].name in ends:
            readings.setdefault(("weight", weight), []).append(Reading(node, node.args[1]))
        read = node.args[0]
        assert isinstance(read, Node)
        if activations or read.name in ends:
            readings.setdefault(("activation", _source(read, ends, nodes)), []).append(Reading(node, read))
    return tuple(_quantizer(kind, source, readers) for (kind, source), readers in readings.items())


def _source(read: Node, ends: Mapping[str, Branch], nodes: Mapping[str, Node]) -> Node:
    """The tensor that is quantized where `read` is read."""
    while read.name in ends:
        read = nodes[ends[read.name].source]
    return read


def _quantizer(kind: str, source: Node, readings: Sequence[Reading]) -> Quantizer:
    names = tuple(reading.layer.name for reading in readings)
    reads = tuple(reading.read.name for reading in readings)
    if kind == "weight":
        name = str(source.target)
        layer = name.partition(".parametrizations.")[0] if ".parametrizations." in name else name.rpartition(".")[0]
        return Quantizer(name, layer or name, "weight", source.name, names, reads)
    layer = layer_of(readings[0].layer) or names[0]
    return Quantizer(f"act.{source.name}", layer, "activation", source.name, names, reads)
