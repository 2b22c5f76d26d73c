"""The graph in an analysis: an entry for each traced op, input and output, and the edges between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import torch
from torch.fx import GraphModule, Node

from geta_engine.analysis.groups import GroupOwners
from geta_engine.cost.layers import LayerCost
from geta_engine.documents.analysis import EdgeDocument, GraphDocument, NodeDocument, NodeKind, Size
from geta_engine.documents.qadg import Qadg
from geta_engine.trace.fx_nodes import argument, is_leaf_module, layer_of, op_name, shape_of

SHAPE_OPS = frozenset(
    {
        *("view", "reshape", "flatten", "unflatten", "_unsafe_view", "squeeze", "unsqueeze", "permute", "transpose"),
        *("t", "expand", "clone", "contiguous", "detach", "to", "_to_copy", "alias", "select", "slice", "unbind"),
        *("getitem", "sym_size", "split", "split_with_sizes", "chunk", "dropout"),
    }
)
"""Ops that only move or re-shape data (or do nothing in eval mode): hidden until they are asked for."""


def traced_graph(module: GraphModule, qadg: Qadg, costs: Mapping[str, LayerCost]) -> GraphDocument:
    """Nodes and edges of a program as it was traced. `costs` are those of its layers, by node."""
    drawn = [node for node in module.graph.nodes if _is_drawn(node)]
    describe = _NodeDescriber(module, qadg, costs)
    return {"nodes": [describe.node(node) for node in drawn], "edges": _edges(drawn, qadg)}


def shape_document(node: Node) -> list[Size]:
    """Sizes of a node's tensor, with "B" for a free one; [] where it holds no tensor."""
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        return []
    return [size if isinstance(size, int) else "B" for size in value.shape]


def _is_drawn(node: Node) -> bool:
    if node.op in ("placeholder", "output"):
        return True
    return node.op == "call_function" and isinstance(node.meta.get("val"), (torch.Tensor, tuple, list))


class _NodeDescriber:
    """Makes the entries of nodes, with what is known of the whole program."""

    def __init__(self, module: GraphModule, qadg: Qadg, costs: Mapping[str, LayerCost]) -> None:
        by_name = {node.name: node for node in module.graph.nodes}
        self._qadg = qadg
        self._costs = costs
        self._owners = GroupOwners(qadg)
        self._trained = frozenset(name for name, _ in module.named_parameters(remove_duplicate=False))
        self._helpers = _helpers(module, self._trained)
        self._unquantized = {by_name[branch.result]: by_name[branch.source] for branch in qadg.branches}
        weights = (quantizer for quantizer in qadg.quantizers if quantizer.kind == "weight")
        self._weight_quantizer = {reader: weight.id for weight in weights for reader in weight.readers}

    def node(self, node: Node) -> NodeDocument:
        """The entry of one node."""
        sources = [self._unquantized.get(source, source) for source in node.all_input_nodes]
        attributes = [source for source in sources if source.op == "get_attr"]
        parameters = [str(a.target) for a in attributes if not str(a.target).endswith("num_batches_tracked")]
        path = layer_of(node)
        kind = self._kind(node, parameters)
        is_module = bool(path) and (kind == "layer" or is_leaf_module(node))
        name = path if is_module else (op_name(node) if node.op == "call_function" else node.name)
        cost = self._costs.get(node.name)
        weight = attributes[0].name if attributes and cost else None
        group = self._owners.main_group(node.name)
        return {
            "id": node.name,
            "name": name,
            "label": _label(name),
            "op": op_name(node) if node.op == "call_function" else node.op,
            "kind": kind,
            "scope": path.rpartition(".")[0] if is_module else path,
            "detail": _detail(node),
            "shape": shape_document(node),
            "parameters": parameters,
            "n_params": sum(math.prod(shape_of(source)) for source in sources if str(source.target) in self._trained),
            "macs": cost.macs if cost else 0,
            "group": group,
            "in_group": self._owners.main_group(weight, 1) if weight else None,
            "reason": self._qadg.groups[group - 1].reason if group is not None else None,
            "quantizer": self._weight_quantizer.get(node.name),
        }

    def _kind(self, node: Node, parameters: Sequence[str]) -> NodeKind:
        if node in self._helpers:
            return "helper"
        if node.op in ("placeholder", "output"):
            return "input" if node.op == "placeholder" else "output"
        if op_name(node) in SHAPE_OPS:
            return "shape"
        layer = layer_of(node)
        return "layer" if parameters and layer and parameters[0].rpartition(".")[0] == layer else "op"


def _helpers(module: GraphModule, trained: AbstractSet[str]) -> frozenset[Node]:
    """Ops that come from neither a parameter nor a floating-point input: positions, masks, rotary angles."""
    carrying: set[Node] = set()
    for node in module.graph.nodes:
        value = node.meta.get("val")
        if node.op == "get_attr":
            carries = str(node.target) in trained
        elif node.op == "placeholder":
            carries = isinstance(value, torch.Tensor) and value.is_floating_point()
        else:
            carries = any(source in carrying for source in node.all_input_nodes)
        if carries:
            carrying.add(node)
    return frozenset(n for n in module.graph.nodes if n.op == "call_function" and n not in carrying)


def _label(name: str) -> str:
    """The end of a dotted name; a bare number keeps the part before it."""
    end = name.rpartition(".")[2]
    return ".".join(name.split(".")[-2:]) if end.isdigit() else end


def _detail(node: Node) -> str:
    """One line under the name: what a layer maps from and to, or the shape."""
    operation = op_name(node) if node.op == "call_function" else ""
    if operation.startswith("conv") and len(node.args) > 1:
        weight, groups = shape_of(argument(node, 1, "weight")), argument(node, 6, "groups", 1)
        stride = argument(node, 3, "stride", [1])
        steps = f" /{stride[0]}" if isinstance(stride, (list, tuple)) and stride[0] != 1 else ""
        depthwise = " depthwise" if groups == weight[0] and groups != 1 else ""
        channels = weight[1] * groups, weight[0]
        inputs, outputs = reversed(channels) if "transpose" in operation else channels
        return f"{inputs} → {outputs} · {'×'.join(map(str, weight[2:]))}{steps}{depthwise}"
    if operation == "linear":
        weight = shape_of(argument(node, 1, "weight"))
        return f"{weight[1]} → {weight[0]}"
    shape = shape_document(node)
    if not shape:
        return "scalar" if isinstance(node.meta.get("val"), torch.Tensor) else ""
    return " × ".join(map(str, shape))


def _edges(drawn: Sequence[Node], qadg: Qadg) -> list[EdgeDocument]:
    activations = (quantizer for quantizer in qadg.quantizers if quantizer.kind == "activation")
    quantizer_on = {pair: act.id for act in activations for pair in zip(act.reads, act.readers, strict=True)}
    is_drawn = set(drawn)
    return [
        {"source": source.name, "target": node.name, "quantizer": quantizer_on.get((source.name, node.name))}
        for node in drawn
        for source in node.all_input_nodes
        if source in is_drawn
    ]
