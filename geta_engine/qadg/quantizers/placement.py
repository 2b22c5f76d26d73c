"""Where quantizers stand (docs/method.md, section 2): one a quantized weight, one a tensor that enters such a
layer or a product of two activations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

import torch
from torch.fx import Graph, GraphModule, Node

from geta_engine.documents.analysis import QuantizerKind
from geta_engine.documents.qadg import Branch, Quantizer
from geta_engine.qadg.quantizers.signs import nonnegative_nodes
from geta_engine.trace.fx_nodes import layer_of, op_name

QUANTIZED_OPS = frozenset(
    {"linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}
)
"""Ops whose weight, and whose input, is quantized."""


_PRODUCTS: Mapping[str, tuple[int, ...]] = {
    "matmul": (0, 1),
    "bmm": (0, 1),
    "mm": (0, 1),
    "addmm": (1, 2),
    "baddbmm": (1, 2),
    "scaled_dot_product_attention": (0, 1, 2),
}
"""Ops that multiply activations, and which of their arguments are multiplied."""


def activation_id(source: Node) -> str:
    """The id of the quantizer of a tensor that is no weight."""
    return f"act.{source.name}"


def varying_nodes(graph: Graph) -> frozenset[Node]:
    """The nodes whose value depends on the program's inputs."""
    varying: set[Node] = set()
    for node in graph.nodes:
        if node.op == "placeholder" or any(source in varying for source in node.all_input_nodes):
            varying.add(node)
    return frozenset(varying)


def product_operands(node: Node, varying: AbstractSet[Node]) -> tuple[Node, ...]:
    """What a product of activations multiplies; () for other ops, and where an operand is the same for
    every input, or of whole or complex numbers."""
    operands = tuple(node.args[position] for position in _PRODUCTS.get(op_name(node), ()))
    if not all(operand in varying and _is_floating(operand) for operand in operands):
        return ()
    return tuple(operand for operand in operands if isinstance(operand, Node))


def _is_floating(operand: Any) -> bool:
    value = operand.meta.get("val") if isinstance(operand, Node) else None
    return isinstance(value, torch.Tensor) and value.is_floating_point()


class Reading(NamedTuple):
    """A layer or product, and the node it reads a quantized tensor from: the tensor itself, or a branch's end."""

    layer: Node
    read: Node


def place_quantizers(
    module: GraphModule,
    weights: bool,
    activations: bool,
    branches: Sequence[Branch] = (),
    attention: bool = True,
) -> tuple[Quantizer, ...]:
    """Quantizers in program order of their first reader, a layer's weight before its input.

    What a branch quantizes already has its quantizer whatever is asked for; `weights` and `activations` add the rest,
    the latter also to what products of two activations multiply, with `attention`. A tensor has one quantizer, and so
    one id, however many layers and branches read it: a layer that quantizes its weight by hand and is called twice has
    two branches and one weight quantizer.
    """
    nodes = {node.name: node for node in module.graph.nodes}
    ends = {branch.result: branch for branch in branches}
    parameters = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    varying, nonnegative = varying_nodes(module.graph), nonnegative_nodes(module.graph)
    readings: dict[tuple[QuantizerKind, Node], list[Reading]] = {}
    for node in module.graph.nodes:
        for kind, read in _operands(node, parameters, ends, nodes, varying):
            wanted = weights if kind == "weight" else activations and (attention or op_name(node) in QUANTIZED_OPS)
            if wanted or read.name in ends:
                readings.setdefault((kind, _source(read, ends, nodes)), []).append(Reading(node, read))
    return tuple(
        _quantizer(kind, source, readers, kind == "activation" and source in nonnegative)
        for (kind, source), readers in readings.items()
    )


def _operands(
    node: Node,
    parameters: AbstractSet[str],
    ends: Mapping[str, Branch],
    nodes: Mapping[str, Node],
    varying: AbstractSet[Node],
) -> list[tuple[QuantizerKind, Node]]:
    """What the node reads that can be quantized: a layer's weight and its input, or two or three activations."""
    if node.op != "call_function":
        return []
    if op_name(node) not in QUANTIZED_OPS:
        return [("activation", operand) for operand in dict.fromkeys(product_operands(node, varying))]
    entering, weight = node.args[0], node.args[1]
    if not isinstance(weight, Node) or not isinstance(entering, Node):
        return []
    source = _source(weight, ends, nodes)
    if source.op != "get_attr" or str(source.target) not in parameters:
        return []
    return [("weight", weight), ("activation", entering)]


def _source(read: Node, ends: Mapping[str, Branch], nodes: Mapping[str, Node]) -> Node:
    """The tensor that is quantized where `read` is read."""
    while read.name in ends:
        read = nodes[ends[read.name].source]
    return read


def _quantizer(kind: QuantizerKind, source: Node, readings: Sequence[Reading], unsigned: bool) -> Quantizer:
    names = tuple(reading.layer.name for reading in readings)
    reads = tuple(reading.read.name for reading in readings)
    if kind == "weight":
        name = str(source.target)
        layer = name.partition(".parametrizations.")[0] if ".parametrizations." in name else name.rpartition(".")[0]
        return Quantizer(name, layer or name, "weight", source.name, names, reads)
    layer = layer_of(readings[0].layer) or names[0]
    return Quantizer(activation_id(source), layer, "activation", source.name, names, reads, unsigned)
