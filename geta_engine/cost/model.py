"""What a run costs at any step: kept units and bits in, relative BOPs or bytes out (docs/method.md, section 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch.fx import GraphModule, Node

from geta_engine.cost.bit_cost import FLOAT_BITS, BitCost
from geta_engine.cost.layers import LayerCost, layer_costs, stored_parameters
from geta_engine.documents.qadg import Block, Qadg
from geta_engine.trace.fx_nodes import argument, op_name, shape_of

_SUMMED: dict[str, tuple[int, int | None]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), (0, 1)),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), (0, 1)),
    "addmm": (1, -1),
    "baddbmm": (1, -1),
    "scaled_dot_product_attention": (0, None),
}
"""op -> (operand, dim) it sums over; the last dim of the first operand where it is not listed, None for no one dim."""


class CostModel:
    """Relative BOPs and bytes of a run at any step, as functions of its bits, for the units that are removed.

    `removed[unit]`, over all units of the graph, is 1 for one that is gone and 0 for one that stays; where only their
    numbers are known yet, the share of its group that is to go. The multiply-adds of a layer shrink with the share of
    its result that is kept, and of the dim it sums over.
    """

    def __init__(self, module: GraphModule, qadg: Qadg) -> None:
        self.layers = layer_costs(module)
        order = {q.id: i for i, q in enumerate(qadg.quantizers)}
        read = {(reader, q.id): i for i, q in enumerate(qadg.quantizers) for reader in q.readers}
        self._quantizers = len(order)
        products = [(number, layer.node, p) for number, layer in enumerate(self.layers) for p in layer.products]
        self._layer = np.array([number for number, _, _ in products], np.int64)
        self._left = np.array([read.get((node, p.left), len(order)) for _, node, p in products], np.int64)
        self._right = np.array([read.get((node, p.right), len(order)) for _, node, p in products], np.int64)
        self._macs = np.array([p.macs for _, _, p in products], np.float64)
        nodes = {node.name: node for node in module.graph.nodes}
        self._units = [_owners(nodes[layer.node], qadg) for layer in self.layers]
        parameters = stored_parameters(module)
        self._parameter = np.array([order.get(p.quantizer, len(order)) for p in parameters], np.int64)
        self._numbers = np.array([p.numbers for p in parameters], np.float64)
        self._parameter_units = [_units(qadg, p.node) for p in parameters]

    def kept_share(self, removed: NDArray[np.generic]) -> NDArray[np.float64]:
        """Share of each layer's MACs that is left, shape [layers]."""
        return _kept(self._units, removed)

    def relative_bops(self, removed: NDArray[np.generic]) -> BitCost:
        """BOPs over those of the dense model at 32 x 32 bits."""
        share = self.kept_share(removed)[self._layer]
        weights = self._macs * share / (max(self._macs.sum(), 1) * FLOAT_BITS * FLOAT_BITS)
        return BitCost(self._left, self._right, weights, self._quantizers)

    def relative_bops_of(self, layers: Sequence[LayerCost]) -> BitCost:
        """The same, of a program of the same layers as it really is; the names of its tensors play no part."""
        macs = [product.macs for layer in layers for product in layer.products]
        weights = np.array(macs, np.float64) / (max(self._macs.sum(), 1) * FLOAT_BITS * FLOAT_BITS)
        return BitCost(self._left, self._right, weights, self._quantizers)

    def bytes(self, removed: NDArray[np.generic]) -> BitCost:
        """Bytes of all parameters with packed weights: b / 8 of each number, written as b * 32 / (8 * 32)."""
        weights = self._numbers * _kept(self._parameter_units, removed) / (8 * FLOAT_BITS)
        nothing = np.full(len(weights), self._quantizers)
        return BitCost(self._parameter, nothing, weights, self._quantizers)


def _kept(owners_of: Sequence[Sequence[NDArray[np.int32]]], removed: NDArray[np.generic]) -> NDArray[np.float64]:
    share = np.append(removed, 0).astype(np.float64)
    return np.array([math.prod(1 - float(share[units].mean()) for units in owners) for owners in owners_of])


def _owners(node: Node, qadg: Qadg) -> list[NDArray[np.int32]]:
    """Blocks of units that scale the layer's MACs: those of its result, and of the dim it sums over."""
    position, dim = _SUMMED.get(op_name(node), (0, -1))
    owners = _units(qadg, node.name)
    if dim is not None and _groups(node) == 1:
        source = node.args[position]
        if not isinstance(source, Node):  # the equation of an einsum
            return owners
        rank = len(shape_of(source))
        owners += _units(qadg, source.name, (dim % rank,))  # type: ignore[arg-type]
    return owners


def _groups(node: Node) -> int:
    return argument(node, 6, "groups", 1) if op_name(node).startswith("conv") else 1


def _units(qadg: Qadg, node: str, dims: tuple[int, ...] | None = None) -> list[NDArray[np.int32]]:
    blocks = qadg.blocks.get(node, ())
    return [b.units for b in blocks if isinstance(b, Block) and (dims is None or b.dims == dims)]
