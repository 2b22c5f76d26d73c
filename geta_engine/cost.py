"""Parameters, MACs, BOPs and bytes of a program, per layer (docs/method.md, section 5).

One multiply-add is 1 MAC. BOPs of a layer are MACs * b_w * b_a, with 32 bits for what is not quantized. Counts are for
one sample and come from the traced shapes, so they agree before and after compaction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.fx import GraphModule, Node

from geta_engine.documents.qadg import Block, Qadg
from geta_engine.qadg.quantizers.branches import find_branches
from geta_engine.qadg.quantizers.placement import QUANTIZED_OPS
from geta_engine.quant.insert import PreparedModel, own_parameters
from geta_engine.trace import TracedModel
from geta_engine.trace.fx_nodes import argument, layer_of, op_name, shape_of

FLOAT_BITS = 32
_FLOAT = ("", "")
"""The quantizers of a layer that has none."""


@dataclass(frozen=True)
class LayerCost:
    """One layer: MACs for one sample, its weight's name (None for a product of two activations) and element count."""

    node: str
    layer: str
    macs: int
    weight: str | None
    params: int


@dataclass(frozen=True)
class Cost:
    """Totals of a program; `bytes` counts packed weights (bits / 8), `bops` at the given bits."""

    params: int
    macs: int
    bops: int
    bytes: int
    layers: tuple[LayerCost, ...]


def cost(model: TracedModel | nn.Module, bits: Mapping[str, float] | None = None) -> Cost:
    """Count a traced model, or a prepared one (whose own quantizers then give the bits).

    `bits` maps quantizer ids (a weight's parameter name, `act.<node>`) to bit widths; what is missing counts as 32.
    Example: a 3x3 convolution from 16 to 32 channels on 8x8 outputs is 16 * 32 * 9 * 64 = 294,912 MACs.
    """
    if isinstance(model, PreparedModel):
        bits = model.bits_by_id() if bits is None else bits
        module: nn.Module = model.program
    else:
        module = model.graph_module() if isinstance(model, TracedModel) else model
    assert isinstance(module, GraphModule)
    bits = bits or {}
    layers = layer_costs(module)
    operands = _quantized_operands(module)
    bops = sum(
        layer.macs * math.prod(bits.get(q, FLOAT_BITS) for q in operands.get(layer.node, _FLOAT)) for layer in layers
    )
    parameters = own_parameters(module)
    size = sum(p.numel() * bits.get(name, FLOAT_BITS) / 8 for name, p in parameters.items())
    return Cost(
        params=sum(p.numel() for p in parameters.values()),
        macs=sum(layer.macs for layer in layers),
        bops=round(bops),
        bytes=math.ceil(size),
        layers=layers,
    )


def layer_costs(module: GraphModule) -> tuple[LayerCost, ...]:
    """Every op that multiplies and adds, in program order."""
    batch = _batch(module)
    unquantized = _Unquantized(module)
    costs = []
    for node in module.graph.nodes:
        formula = _FORMULAS.get(op_name(node)) if node.op == "call_function" else None
        if formula is not None:
            weight = _weight_name(node, unquantized)
            params = math.prod(shape_of(node.args[1])) if weight else 0
            costs.append(LayerCost(node.name, layer_of(node) or node.name, formula(node) // batch, weight, params))
    return tuple(costs)


def _batch(module: GraphModule) -> int:
    """Rows of the example batch: what MACs of the traced shapes are divided by."""
    for node in module.graph.nodes:
        value = node.meta.get("val")
        if node.op == "placeholder" and isinstance(value, torch.Tensor) and value.ndim > 1:
            return shape_of(node)[0]
    return 1


def _linear(node: Node) -> int:
    return math.prod(shape_of(node)) * shape_of(node.args[0])[-1]  # type: ignore[arg-type]


def _added(node: Node) -> int:
    return math.prod(shape_of(node)) * shape_of(node.args[1])[-1]  # type: ignore[arg-type]


def _convolution(node: Node) -> int:
    weight = shape_of(node.args[1])  # type: ignore[arg-type]
    return math.prod(shape_of(node)) * math.prod(weight[1:])


def _transposed(node: Node) -> int:
    weight = shape_of(node.args[1])  # type: ignore[arg-type]
    return math.prod(shape_of(node.args[0])) * math.prod(weight[1:])  # type: ignore[arg-type]


def _attention(node: Node) -> int:
    query, key, value = (shape_of(a) for a in node.args[:3])  # type: ignore[arg-type]
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _einsum(node: Node) -> int:
    """Every index of the equation once: letters of the result, and those that are summed."""
    terms = str(node.args[0]).replace(" ", "").partition("->")[0].split(",")
    sizes = {c: n for term, a in zip(terms, node.args[1]) for c, n in zip(term, shape_of(a))}  # type: ignore[arg-type]
    return math.prod(sizes.values()) if len(terms) > 1 else 0


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


_SUMMED: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), (0, 1)),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), (0, 1)),
    "addmm": (1, -1),
    "baddbmm": (1, -1),
    "scaled_dot_product_attention": (0, None),
}
"""op -> (operand, dim) it sums over; the last dim of the first operand where it is not listed, None for no one dim."""


class _Unquantized:
    """The tensor before its quantizer, be that one node of ours or a traced branch."""

    def __init__(self, module: GraphModule) -> None:
        nodes = {node.name: node for node in module.graph.nodes}
        self._sources = {branch.result: nodes[branch.source] for branch in find_branches(module.graph)}

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


def _quantized_operands(module: GraphModule) -> dict[str, tuple[str, str]]:
    """Layer node -> ids of the quantizers of its weight and of its input, had it them.

    A product of two activations, or with a parameter that is no layer's weight, has none: it reads its operands as they
    are, also where a layer beside it reads them quantized.
    """
    unquantized = _Unquantized(module)
    operands = {}
    for node in module.graph.nodes:
        weight = _weight_name(node, unquantized) if op_name(node) in QUANTIZED_OPS else None
        if weight is not None:
            operands[node.name] = (weight, f"act.{unquantized(node.args[0]).name}")
    return operands


class CostModel:
    """Relative BOPs of a run at any step: kept units and current bits in, one number out.

    The MACs of a layer shrink with the share of its result that is kept, and of the dim it sums over.
    """

    def __init__(self, module: GraphModule, qadg: Qadg) -> None:
        self.layers = layer_costs(module)
        operands = _quantized_operands(module)
        order = {q.id: i for i, q in enumerate(qadg.quantizers)}
        missing = len(order)
        ids = [operands.get(layer.node, _FLOAT) for layer in self.layers]
        self._weight = np.array([order.get(weight, missing) for weight, _ in ids])
        self._activation = np.array([order.get(activation, missing) for _, activation in ids])
        self._macs = np.array([layer.macs for layer in self.layers], np.float64)
        self._units = [_owners(layer, module, qadg) for layer in self.layers]

    def kept_share(self, zero: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Share of each layer's MACs that is left; `zero[unit]` over all units of the graph. Shape [layers]."""
        removed = np.append(zero, False)
        return np.array([math.prod(float(1 - removed[units].mean()) for units in owners) for owners in self._units])

    def relative_bops(self, share: NDArray[np.float64], bits: NDArray[np.float32]) -> float:
        """BOPs over those of the dense model at 32 x 32 bits; `bits` in the order of the graph's quantizers."""
        all_bits = np.append(bits, FLOAT_BITS).astype(np.float64)
        bops = self._macs * share * all_bits[self._weight] * all_bits[self._activation]
        return float(bops.sum() / (self._macs.sum() * FLOAT_BITS * FLOAT_BITS))


def _owners(layer: LayerCost, module: GraphModule, qadg: Qadg) -> list[NDArray[np.int32]]:
    """Blocks of units that scale the layer's MACs: those of its result, and of the dim it sums over."""
    node = next(n for n in module.graph.nodes if n.name == layer.node)
    position, dim = _SUMMED.get(op_name(node), (0, -1))
    owners = _units(qadg, node)
    if dim is not None and _groups(node) == 1:
        source = node.args[position]
        rank = len(shape_of(source))  # type: ignore[arg-type]
        owners += _units(qadg, source, (dim % rank,))  # type: ignore[arg-type]
    return owners


def _groups(node: Node) -> int:
    return argument(node, 6, "groups", 1) if op_name(node).startswith("conv") else 1


def _units(qadg: Qadg, node: Node, dims: tuple[int, ...] | None = None) -> list[NDArray[np.int32]]:
    blocks = qadg.blocks.get(node.name, ())
    return [b.units for b in blocks if isinstance(b, Block) and (dims is None or b.dims == dims)]
