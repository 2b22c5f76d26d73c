"""Multiply-adds of every op of a program that has a formula, and what it reads quantized (docs/method.md, section 5).

One multiply-add is 1 MAC. Counts are for one sample and come from the traced shapes, so they agree before and after
compaction.
"""

from __future__ import annotations

import math
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import GraphModule, Node

from geta_engine.qadg.quantizers.branches import find_branches
from geta_engine.qadg.quantizers.placement import QUANTIZED_OPS, activation_id, product_operands, varying_nodes
from geta_engine.quant.insert import own_parameters
from geta_engine.trace.fx_nodes import layer_of, op_name, shape_of


@dataclass(frozen=True)
class Product:
    """Multiply-adds of two operands: ids of the quantizers that these have, if they have any; "" where none can be."""

    macs: int
    left: str = ""
    right: str = ""


@dataclass(frozen=True)
class LayerCost:
    """One layer: its weight's name (None for a product of two activations) and element count, and what it multiplies
    for one sample."""

    node: str
    layer: str
    weight: str | None
    params: int
    products: tuple[Product, ...]

    @property
    def macs(self) -> int:
        """Multiply-adds for one sample."""
        return sum(product.macs for product in self.products)


def layer_costs(module: GraphModule, as_it_is: bool = False) -> tuple[LayerCost, ...]:
    """Every op that multiplies and adds, in program order.

    The quantizers of a product of activations are those that it could have; `as_it_is`, those that it reads through
    where the program has any.
    """
    batch = _batch(module)
    unquantized, varying = _Unquantized(module), varying_nodes(module.graph)
    costs = []
    for node in module.graph.nodes:
        formula = _FORMULAS.get(op_name(node)) if node.op == "call_function" else None
        if formula is not None:
            weight = _weight_name(node, unquantized)
            params = math.prod(shape_of(node.args[1])) if weight else 0
            operands = _operands(node, weight, unquantized, varying, as_it_is)
            products = [Product(macs // batch, *pair) for macs, pair in zip(formula(node), operands, strict=True)]
            costs.append(LayerCost(node.name, layer_of(node) or node.name, weight, params, tuple(products)))
    return tuple(costs)


def _batch(module: GraphModule) -> int:
    """Rows of the example batch: what MACs of the traced shapes are divided by."""
    for node in module.graph.nodes:
        value = node.meta.get("val")
        if node.op == "placeholder" and isinstance(value, torch.Tensor) and value.ndim > 1:
            return shape_of(node)[0]
    return 1


Macs = tuple[int, ...]
"""Of each product of an op, for the whole example batch."""


def _linear(node: Node) -> Macs:
    return (math.prod(shape_of(node)) * shape_of(node.args[0])[-1],)  # type: ignore[arg-type]


def _added(node: Node) -> Macs:
    return (math.prod(shape_of(node)) * shape_of(node.args[1])[-1],)  # type: ignore[arg-type]


def _convolution(node: Node) -> Macs:
    weight = shape_of(node.args[1])  # type: ignore[arg-type]
    return (math.prod(shape_of(node)) * math.prod(weight[1:]),)


def _transposed(node: Node) -> Macs:
    weight = shape_of(node.args[1])  # type: ignore[arg-type]
    return (math.prod(shape_of(node.args[0])) * math.prod(weight[1:]),)  # type: ignore[arg-type]


def _attention(node: Node) -> Macs:
    """Of the scores, and of what they weight."""
    query, key, value = (shape_of(a) for a in node.args[:3])  # type: ignore[arg-type]
    scores = math.prod(query[:-1]) * key[-2]
    return scores * query[-1], scores * value[-1]


def _einsum(node: Node) -> Macs:
    """Every index of the equation once: letters of the result, and those that are summed."""
    terms = str(node.args[0]).replace(" ", "").partition("->")[0].split(",")
    sizes = {c: n for term, a in zip(terms, node.args[1]) for c, n in zip(term, shape_of(a))}  # type: ignore[arg-type]
    return (math.prod(sizes.values()) if len(terms) > 1 else 0,)


_FORMULAS = {
    "linear": _linear,
    "conv1d": _convolution,
    "conv2d": _convolution,
    "conv3d": _convolution,
    "conv_transpose1d": _transposed,
    "conv_transpose2d": _transposed,
    "conv_transpose3d": _transposed,
    "matmul": _linear,
    "bmm": _linear,
    "mm": _linear,
    "addmm": _added,
    "baddbmm": _added,
    "scaled_dot_product_attention": _attention,
    "einsum": _einsum,
}


class _Unquantized:
    """The tensor before its quantizer, be that one node of ours or a traced branch."""

    def __init__(self, module: GraphModule) -> None:
        nodes = {node.name: node for node in module.graph.nodes}
        self._sources = {branch.result: nodes[branch.source] for branch in find_branches(module.graph)}
        self.has_quantizers = bool(self._sources) or any(op_name(node) == "fake_quantize" for node in nodes.values())

    def __call__(self, source: Any) -> Any:
        while isinstance(source, Node) and source.op == "call_function":
            if op_name(source) == "fake_quantize":
                source = source.args[0]
            elif source.name in self._sources:
                source = self._sources[source.name]
            else:
                break
        return source


def _weight_name(node: Node, unquantized: _Unquantized) -> str | None:
    source = unquantized(node.args[1])
    return str(source.target) if isinstance(source, Node) and source.op == "get_attr" else None


def _operands(
    node: Node, weight: str | None, unquantized: _Unquantized, varying: AbstractSet[Node], as_it_is: bool
) -> list[tuple[str, str]]:
    """The quantizers of the two sides of each product: a layer's weight and its input, or two activations.

    A product with a parameter that is no layer's weight has none: it reads its operands as they are, also where a layer
    beside it reads them quantized. Inside a fused attention the scores are float.
    """
    if op_name(node) in QUANTIZED_OPS and weight is not None:
        return [(weight, activation_id(unquantized(node.args[0])))]
    sources = [(operand, unquantized(operand)) for operand in product_operands(node, varying)]
    only_read = as_it_is and unquantized.has_quantizers
    ids = ["" if only_read and source is operand else activation_id(source) for operand, source in sources]
    if op_name(node) == "scaled_dot_product_attention":
        return [(ids[0], ids[1]), ("", ids[2])] if ids else [("", ""), ("", "")]
    return [(ids[0], ids[1])] if ids else [("", "")]


@dataclass(frozen=True)
class StoredParameter:
    """One parameter, whatever names it has: the node that reads it ("" where none does), how many numbers it has, and
    the id of the quantizer whose width they are stored with, "" where they stay float."""

    node: str
    numbers: int
    quantizer: str


def stored_parameters(module: GraphModule) -> tuple[StoredParameter, ...]:
    """The parameters of a program, quantizers' own left out. Only what is read as a layer's weight and as nothing else
    can be packed: an embedding that is tied to one reads the numbers as they are."""
    branches = find_branches(module.graph)
    quantizing = {name for branch in branches for name in branch.nodes}
    nodes: dict[int, list[Node]] = {}
    for node in module.graph.nodes:
        if node.op == "get_attr":
            nodes.setdefault(id(_attribute(module, str(node.target))), []).append(node)
    stored = []
    for parameter in own_parameters(module).values():
        readers = nodes.get(id(parameter), [])
        users = [(node, user) for node in readers for user in node.users]
        weights = [
            node
            for node, user in users
            if user.name in quantizing
            or op_name(user) == "fake_quantize"
            or (op_name(user) in QUANTIZED_OPS and user.args[1] is node)
        ]
        is_packed = bool(weights) and len(weights) == len(users)
        read_by = [node.name for node in (*weights, *readers)]
        stored.append(
            StoredParameter(next(iter(read_by), ""), parameter.numel(), str(weights[0].target) if is_packed else "")
        )
    return tuple(stored)


def _attribute(module: GraphModule, name: str) -> Any:
    owner, _, attribute = name.rpartition(".")
    return getattr(module.get_submodule(owner), attribute, None)
