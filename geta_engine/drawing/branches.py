"""A program with its quantizers as ops: as it was traced, or written out where it came without.

Quantizers that `prepare` would put in are written out as the four ops of a quantizer with t = 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from geta_engine.documents.analysis import (
    AnalysisDocument,
    BranchKind,
    DrawnBranchDocument,
    EdgeDocument,
    GraphDocument,
    NodeDocument,
    NodeKind,
    QuantizerDocument,
    QuantizerKind,
    TracedBranchDocument,
)

BRANCH_OF: Mapping[QuantizerKind, BranchKind] = {"weight": "attached", "activation": "inserted"}
_STEPS = (("clamp", "to ± q_m"), ("div", "by d"), ("round", "half to even"), ("mul", "by d"))
"""The ops of a quantizer with t = 1 (docs/method.md), and what is written on each."""


class ExpandedProgram(NamedTuple):
    """A program with its quantizers as ops, and which ops are one."""

    nodes: Sequence[NodeDocument]
    edges: Sequence[EdgeDocument]
    branches: Sequence[DrawnBranchDocument]


def expanded_program(analysis: AnalysisDocument) -> ExpandedProgram:
    """The traced program where it came with its quantizers, else the folded graph with each of them written out."""
    if "trace" not in analysis:
        return _written_out(analysis["graph"], analysis["quantizers"])
    branches = _with_quantizers(analysis["branches"], analysis["quantizers"])
    return ExpandedProgram(analysis["trace"]["nodes"], analysis["trace"]["edges"], branches)


def _with_quantizers(
    branches: Sequence[TracedBranchDocument], quantizers: Iterable[QuantizerDocument]
) -> list[DrawnBranchDocument]:
    """Each branch with the quantizer of the tensor that it starts from, through any branches before it."""
    source_of = {branch["result"]: branch["source"] for branch in branches}
    quantizer_of = {(BRANCH_OF[quantizer["kind"]], quantizer["source"]): quantizer["id"] for quantizer in quantizers}
    drawn: list[DrawnBranchDocument] = []
    for branch in branches:
        tensor = branch["source"]
        while tensor in source_of:
            tensor = source_of[tensor]
        drawn.append(
            {
                "kind": branch["kind"],
                "layer": branch["layer"],
                "quantizer": quantizer_of.get((branch["kind"], tensor)),
                "source": branch["source"],
                "result": branch["result"],
                "nodes": branch["nodes"],
            }
        )
    return drawn


def _written_out(graph: GraphDocument, quantizers: Iterable[QuantizerDocument]) -> ExpandedProgram:
    """A graph with each of its quantizers as the ops that it is."""
    by_id = {node["id"]: node for node in graph["nodes"]}
    edges_of: dict[str, list[EdgeDocument]] = defaultdict(list)
    for edge in graph["edges"]:
        if edge["quantizer"]:
            edges_of[edge["quantizer"]].append(edge)
    nodes = list(graph["nodes"])
    edges = [edge for edge in graph["edges"] if not edge["quantizer"]]
    branches: list[DrawnBranchDocument] = []
    for quantizer in quantizers:
        name, quantized_edges = quantizer["id"], edges_of[quantizer["id"]]
        if quantizer["kind"] == "weight":
            targets, source = [key for key in quantizer["readers"] if key in by_id], f"{name}|weight"
            label, size = ".".join(name.split(".")[-2:]), f"{quantizer['parameters']:,} numbers"
            nodes.append(_step(source, label, size, by_id[targets[0]], "parameter"))
        elif quantized_edges:
            targets = list(dict.fromkeys(edge["target"] for edge in quantized_edges))
            source = quantized_edges[0]["source"]
        else:
            continue
        chain = [f"{name}|{op}" for op, _ in _STEPS]
        steps = [_step(key, op, detail, by_id[targets[0]]) for key, (op, detail) in zip(chain, _STEPS)]
        nodes += [{**step, "shape": by_id[source]["shape"]} if source in by_id else step for step in steps]
        pairs = [*zip([source, *chain], chain), *((chain[-1], target) for target in targets)]
        edges += [EdgeDocument(source=before, target=after, quantizer=None) for before, after in pairs]
        branches.append(
            {
                "kind": BRANCH_OF[quantizer["kind"]],
                "layer": quantizer["layer"],
                "quantizer": name,
                "source": source,
                "result": chain[-1],
                "nodes": chain,
            }
        )
    return ExpandedProgram(_in_order(nodes, edges), edges, branches)


def _step(key: str, op: str, detail: str, reader: NodeDocument, kind: NodeKind = "op") -> NodeDocument:
    return {
        "id": key,
        "name": op,
        "label": op,
        "op": op,
        "kind": kind,
        "scope": reader["scope"],
        "detail": detail,
        "shape": [],
        "parameters": [],
        "n_params": 0,
        "macs": 0,
        "group": None,
        "in_group": None,
        "reason": None,
        "quantizer": None,
    }


def _in_order(nodes: Iterable[NodeDocument], edges: Iterable[EdgeDocument]) -> list[NodeDocument]:
    """Nodes so that sources come first, each as late as its first reader allows."""
    sources: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        sources[edge["target"]].append(edge["source"])
    by_id = {node["id"]: node for node in nodes}
    ordered: dict[str, None] = {}
    for key in by_id:
        waiting = [key]
        while waiting:
            missing = [s for s in sources[waiting[-1]] if s not in ordered and s in by_id and s not in waiting]
            if missing:
                waiting += missing[:1]
            else:
                ordered[waiting.pop()] = None
    return [by_id[key] for key in ordered]
