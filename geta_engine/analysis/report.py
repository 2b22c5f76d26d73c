"""The analysis as one document: what `geta analyze --json` writes and what the studio draws."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable, Mapping

import torch
from torch.fx import GraphModule, Node

from geta_engine.analysis.graph import shape_document, traced_graph
from geta_engine.analysis.groups import GroupOwners, ParameterShapes, group_document
from geta_engine.cost.layers import LayerCost, layer_costs
from geta_engine.documents.analysis import (
    AnalysisDocument,
    LayerDocument,
    ModelDocument,
    QuantizerDocument,
    TracedBranchDocument,
)
from geta_engine.documents.qadg import Branch, Qadg, Quantizer
from geta_engine.drawing.stages import fold
from geta_engine.qadg.analyze import Granularity, analyze_module
from geta_engine.trace import TracedModel
from geta_engine.trace.fx_nodes import shape_of


def analysis_report(
    traced: TracedModel,
    weights: bool = True,
    activations: bool = True,
    protect: Iterable[str] = (),
    seconds_trace: float = 0.0,
    spec: str | None = None,
    granularity: Granularity = "head",
) -> AnalysisDocument:
    """Analyze a traced model and describe it: counts, groups, quantizers, costs, and the graph.

    `weights`, `activations`, `protect` and `granularity` are those of `analyze`. `seconds_trace` is what the trace
    took, and `spec` what the model was loaded by, its name where that is not given.

    Raises:
        InputError: there is no such granularity, or a glob in `protect` matches nothing.
    """
    started = time.perf_counter()
    module = traced.template
    qadg = analyze_module(module, weights, activations, protect, granularity)
    seconds = time.perf_counter() - started
    costs = {layer.node: layer for layer in layer_costs(module)}
    shapes = {str(node.target): list(shape_of(node)) for node in _parameters(module)}
    branches = [_branch(branch) for branch in qadg.branches]
    graph = traced_graph(module, qadg, costs)
    document: AnalysisDocument = {
        "nodes": qadg.nodes,
        "edges": qadg.edges,
        "groups": [group_document(group, costs.values(), shapes) for group in qadg.groups],
        "quantizers": [_quantizer(quantizer, shapes, costs) for quantizer in qadg.quantizers],
        "branches": branches,
        "prunable_units": qadg.prunable_units,
        "total_units": qadg.total_units,
        "max_zero_units": qadg.max_zero_units,
        "pinned_ops": [{"op": op, "count": count} for op, count in sorted(qadg.pinned_ops.items())],
        "model": _model(traced, module, costs.values(), spec or traced.name),
        "graph": fold(graph, branches),
        "layers": _layers(qadg, costs.values(), module),
        "seconds": {"trace": round(seconds_trace, 4), "analyze": round(seconds, 4)},
    }
    if branches:
        document["trace"] = graph
    return document


def _parameters(module: GraphModule) -> list[Node]:
    """The nodes of parameters and buffers."""
    return [node for node in module.graph.nodes if node.op == "get_attr" and _has_tensor(node)]


def _model(traced: TracedModel, module: GraphModule, costs: Iterable[LayerCost], spec: str) -> ModelDocument:
    inputs = [node for node in module.graph.nodes if node.op == "placeholder"]
    outputs = next(node for node in module.graph.nodes if node.op == "output").all_input_nodes
    return {
        "name": traced.name,
        "spec": spec,
        "hash": traced.hash,
        "params": sum(p.numel() for p in module.parameters()),
        "macs": sum(layer.macs for layer in costs),
        "inputs": [shape_document(node) for node in inputs if _has_tensor(node)],
        "outputs": [shape_document(node) for node in outputs if _has_tensor(node)],
    }


def _has_tensor(node: Node) -> bool:
    return isinstance(node.meta.get("val"), torch.Tensor)


def _branch(branch: Branch) -> TracedBranchDocument:
    return {
        "kind": branch.kind,
        "source": branch.source,
        "result": branch.result,
        "nodes": branch.nodes,
        "parameters": branch.parameters,
        "layer": branch.layer,
        "readers": branch.readers,
        "per_channel": branch.per_channel,
        "scalars": branch.scalars,
        "keeps_zero": branch.keeps_zero,
    }


def _quantizer(quantizer: Quantizer, shapes: ParameterShapes, costs: Mapping[str, LayerCost]) -> QuantizerDocument:
    is_weight = quantizer.kind == "weight"
    return {
        "id": quantizer.id,
        "layer": quantizer.layer,
        "kind": quantizer.kind,
        "node": quantizer.readers[0] if is_weight else quantizer.source,
        "source": quantizer.source,
        "readers": list(quantizer.readers),
        "parameters": math.prod(shapes[quantizer.id]) if is_weight else 0,
        "unsigned": quantizer.unsigned,
        "macs": sum(costs[reader].macs for reader in quantizer.readers if reader in costs),
    }


def _layers(qadg: Qadg, costs: Collection[LayerCost], module: GraphModule) -> list[LayerDocument]:
    owners = GroupOwners(qadg)
    quantizer_of = {(reader, q.kind): q.id for q in qadg.quantizers for reader in q.readers}
    read = {(reader, q.id): q.id for q in qadg.quantizers for reader in q.readers}
    names = {str(node.target): node.name for node in module.graph.nodes if node.op == "get_attr"}
    return [
        {
            "node": layer.node,
            "layer": layer.layer,
            "macs": layer.macs,
            "params": layer.params,
            "weight_quantizer": quantizer_of.get((layer.node, "weight")),
            "activation_quantizer": quantizer_of.get((layer.node, "activation")),
            "products": [
                {"macs": p.macs, "left": read.get((layer.node, p.left)), "right": read.get((layer.node, p.right))}
                for p in layer.products
            ],
            "in_group": owners.main_group(names[layer.weight], 1) if layer.weight else None,
            "out_group": owners.main_group(names[layer.weight], 0) if layer.weight else owners.main_group(layer.node),
        }
        for layer in costs
    ]
