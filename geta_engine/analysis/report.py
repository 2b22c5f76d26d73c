"""The analysis as one plain document: what `geta analyze --json` writes and what the studio draws."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule, Node

from geta_engine.cost import LayerCost, layer_costs
from geta_engine.documents.qadg import Block, Group, Qadg, Quantizer
from geta_engine.drawing.stages import fold
from geta_engine.qadg.analyze import Granularity, analyze_module
from geta_engine.trace import TracedModel
from geta_engine.trace.fx_nodes import is_leaf_module, layer_of, op_name, shape_of

_SHAPE_OPS = frozenset(
    {
        "view",
        "reshape",
        "flatten",
        "unflatten",
        "_unsafe_view",
        "squeeze",
        "unsqueeze",
        "permute",
        "transpose",
        "t",
        "expand",
        "clone",
        "contiguous",
        "detach",
        "to",
        "_to_copy",
        "alias",
        "select",
        "slice",
        "unbind",
        "getitem",
        "sym_size",
        "split",
        "split_with_sizes",
        "chunk",
        "dropout",
    }
)
"""Ops that only move or re-shape data (or do nothing in eval mode): hidden until asked for."""


def analysis_report(
    traced: TracedModel,
    weights: bool = True,
    activations: bool = True,
    protect: Iterable[str] = (),
    seconds_trace: float = 0.0,
    spec: str | None = None,
    granularity: Granularity = "head",
) -> dict[str, Any]:
    """Analyze and describe: counts, groups, quantizers, and the graph with one entry a traced op."""
    started = time.perf_counter()
    module = traced.template
    qadg = analyze_module(module, weights, activations, protect, granularity)
    seconds = time.perf_counter() - started
    costs = {layer.node: layer for layer in layer_costs(module)}
    owners = _group_of_unit(qadg)
    trained = frozenset(name for name, _ in module.named_parameters(remove_duplicate=False))
    shown = [node for node in module.graph.nodes if _is_drawn(node)]
    weight_of = {reader: q.id for q in qadg.quantizers if q.kind == "weight" for reader in q.readers}
    document: dict[str, Any] = {**qadg.to_dict()}
    document["model"] = _model(traced, module, costs, spec or traced.name)
    by_name = {node.name: node for node in module.graph.nodes}
    helpers = _helpers(module, trained)
    before = {by_name[branch.result]: by_name[branch.source] for branch in qadg.branches}
    whole = {
        "nodes": [_node(node, qadg, owners, costs, weight_of, trained, before, helpers) for node in shown],
        "edges": _edges(shown, qadg),
    }
    document["graph"] = fold(whole, document["branches"])
    if qadg.branches:
        document["trace"] = whole
    shapes = {str(n.target): list(shape_of(n)) for n in module.graph.nodes if _is_tensor_attribute(n)}
    for entry, group in zip(document["groups"], qadg.groups):
        for member in entry["members"]:
            member["shape"] = shapes[member["parameter"]]
        entry["unit_params"] = _unit_params(group, shapes)
        entry["unit_macs"] = _unit_macs(group, costs.values(), shapes)
    document["quantizers"] = [_quantizer(q, shapes, costs) for q in qadg.quantizers]
    document["layers"] = _layers(qadg, owners, costs.values(), module)
    document["seconds"] = {"trace": round(seconds_trace, 4), "analyze": round(seconds, 4)}
    return document


def _is_tensor_attribute(node: Node) -> bool:
    return node.op == "get_attr" and isinstance(node.meta.get("val"), torch.Tensor)


def _is_drawn(node: Node) -> bool:
    if node.op == "placeholder" or node.op == "output":
        return True
    value = node.meta.get("val")
    return node.op == "call_function" and (isinstance(value, (torch.Tensor, tuple, list)))


def _model(traced: TracedModel, module: GraphModule, costs: dict[str, LayerCost], spec: str) -> dict[str, Any]:
    results = next(node for node in module.graph.nodes if node.op == "output").all_input_nodes
    return {
        "name": traced.name,
        "spec": spec,
        "hash": traced.hash,
        "params": sum(p.numel() for p in module.parameters()),
        "macs": sum(layer.macs for layer in costs.values()),
        "inputs": [_shape(n) for n in module.graph.nodes if n.op == "placeholder" and _has_shape(n)],
        "outputs": [_shape(node) for node in results if _has_shape(node)],
    }


def _has_shape(node: Node) -> bool:
    return isinstance(node.meta.get("val"), torch.Tensor)


def _shape(node: Node) -> list[int | str]:
    """Sizes, with "B" for a free one."""
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor):
        return []
    return [size if isinstance(size, int) else "B" for size in value.shape]


def _group_of_unit(qadg: Qadg) -> np.ndarray:
    owner = np.full(qadg.total_units + 1, -1)
    for group in qadg.groups:
        owner[group.first_unit : group.first_unit + group.size] = group.id
    return owner


def _group_on(qadg: Qadg, owners: np.ndarray, name: str, dim: int | None = None) -> int | None:
    """The group that most indices of a tensor belong to (on one dim, when given)."""
    found = qadg.blocks.get(name, ())
    blocks = [b for b in found if isinstance(b, Block) and (dim is None or dim in b.dims)]
    ids = np.concatenate([owners[b.units].ravel() for b in blocks]) if blocks else np.zeros(0, int)
    ids = ids[ids >= 0]
    return int(np.bincount(ids).argmax()) if len(ids) else None


def _node(
    node: Node,
    qadg: Qadg,
    owners: np.ndarray,
    costs: dict[str, LayerCost],
    weight_of: dict[str, str],
    trained: frozenset[str],
    before: Mapping[Node, Node],
    helpers: frozenset[Node],
) -> dict[str, Any]:
    sources = [before.get(a, a) for a in node.all_input_nodes]
    parameters = [str(a.target) for a in sources if a.op == "get_attr"]
    owned = [n for n in parameters if not n.endswith("num_batches_tracked")]
    path = layer_of(node)
    kind = "helper" if node in helpers else _kind(node, owned)
    leaf = bool(path) and (kind == "layer" or is_leaf_module(node))
    name = path if leaf else (op_name(node) if node.op == "call_function" else node.name)
    group = _group_on(qadg, owners, node.name)
    weight = next((a.name for a in sources if a.op == "get_attr" and costs.get(node.name)), None)
    reason = qadg.groups[group - 1].reason if group is not None else None
    return {
        "id": node.name,
        "name": name,
        "label": name.rpartition(".")[2] if not name.rpartition(".")[2].isdigit() else ".".join(name.split(".")[-2:]),
        "op": op_name(node) if node.op == "call_function" else node.op,
        "kind": kind,
        "scope": path.rpartition(".")[0] if leaf else path,
        "detail": _detail(node),
        "shape": _shape(node),
        "parameters": owned,
        "n_params": sum(math.prod(shape_of(a)) for a in sources if str(a.target) in trained),
        "macs": costs[node.name].macs if node.name in costs else 0,
        "group": group,
        "in_group": _group_on(qadg, owners, weight, 1) if weight else None,
        "reason": reason,
        "quantizer": weight_of.get(node.name),
    }


def _helpers(module: GraphModule, trained: frozenset[str]) -> frozenset[Node]:
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


def _kind(node: Node, owned: list[str]) -> str:
    if node.op in ("placeholder", "output"):
        return "input" if node.op == "placeholder" else "output"
    if op_name(node) in _SHAPE_OPS:
        return "shape"
    return "layer" if owned and layer_of(node) and _owner(owned[0]) == layer_of(node) else "op"


def _owner(parameter: str) -> str:
    return parameter.rpartition(".")[0]


def _detail(node: Node) -> str:
    """One line under the name: what a layer maps from and to, or the shape."""
    operation = op_name(node) if node.op == "call_function" else ""
    if operation.startswith("conv") and len(node.args) > 1:
        weight = shape_of(node.args[1])  # type: ignore[arg-type]
        groups = node.args[6] if len(node.args) > 6 else 1
        stride = node.args[3] if len(node.args) > 3 else [1]
        steps = f" /{stride[0]}" if isinstance(stride, (list, tuple)) and stride[0] != 1 else ""
        depthwise = " depthwise" if groups == weight[0] and groups != 1 else ""
        inputs = weight[1] * groups  # type: ignore[operator]
        return f"{inputs} → {weight[0]} · {'×'.join(map(str, weight[2:]))}{steps}{depthwise}"
    if operation == "linear":
        weight = shape_of(node.args[1])  # type: ignore[arg-type]
        return f"{weight[1]} → {weight[0]}"
    shape = _shape(node)
    if not shape:
        return "scalar" if isinstance(node.meta.get("val"), torch.Tensor) else ""
    return " × ".join(map(str, shape))


def _edges(shown: list[Node], qadg: Qadg) -> list[dict[str, Any]]:
    inputs = [q for q in qadg.quantizers if q.kind == "activation"]
    quantized = {pair: q.id for q in inputs for pair in zip(q.reads, q.readers, strict=True)}
    drawn = set(shown)
    return [
        {"source": a.name, "target": node.name, "quantizer": quantized.get((a.name, node.name))}
        for node in shown
        for a in node.all_input_nodes
        if a in drawn
    ]


def _unit_params(group: Group, shapes: dict[str, list[int]]) -> int:
    """Parameters that go with one unit, those shared with other units of the group counted once."""
    total = 0
    by_parameter: dict[str, list[Any]] = {}
    for member in group.members:
        if member.role != "statistic":
            by_parameter.setdefault(member.parameter, []).append(member)
    for parameter, members in by_parameter.items():
        shape = shapes[parameter]
        kept = list(shape)
        for member in members:
            kept[member.dim] -= member.index.shape[1]
        total += math.prod(shape) - math.prod(kept)
    return total


def _unit_macs(group: Group, layers: Iterable[LayerCost], shapes: dict[str, list[int]]) -> int:
    """MACs that go with one unit while everything else stays."""
    per_unit = {(m.parameter, m.dim): m.index.shape[1] for m in group.members}
    total = 0.0
    for layer in layers:
        if layer.weight is None:
            continue
        shape = shapes[layer.weight]
        left = math.prod(1 - per_unit.get((layer.weight, d), 0) / shape[d] for d in range(len(shape)))
        total += layer.macs * (1 - left)
    return round(total)


def _quantizer(quantizer: Quantizer, shapes: dict[str, list[int]], costs: dict[str, LayerCost]) -> dict[str, Any]:
    weight = quantizer.kind == "weight"
    return {
        "id": quantizer.id,
        "layer": quantizer.layer,
        "kind": quantizer.kind,
        "node": quantizer.readers[0] if weight else quantizer.source,
        "source": quantizer.source,
        "readers": list(quantizer.readers),
        "parameters": math.prod(shapes[quantizer.id]) if weight else 0,
        "macs": sum(costs[reader].macs for reader in quantizer.readers if reader in costs),
    }


def _layers(qadg: Qadg, owners: np.ndarray, costs: Iterable[LayerCost], module: GraphModule) -> list[dict[str, Any]]:
    weights = {r: q.id for q in qadg.quantizers if q.kind == "weight" for r in q.readers}
    inputs = {r: q.id for q in qadg.quantizers if q.kind == "activation" for r in q.readers}
    names = {str(node.target): node.name for node in module.graph.nodes if node.op == "get_attr"}
    return [
        {
            "node": layer.node,
            "layer": layer.layer,
            "macs": layer.macs,
            "params": layer.params,
            "weight_quantizer": weights.get(layer.node),
            "activation_quantizer": inputs.get(layer.node),
            "in_group": _group_on(qadg, owners, names[layer.weight], 1) if layer.weight else None,
            "out_group": _group_on(qadg, owners, names[layer.weight], 0) if layer.weight else None,
        }
        for layer in costs
    ]
