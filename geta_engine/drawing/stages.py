"""The paper's construction, step by step, on an analysis: the traced program, its quantizer branches, the QADG, groups.

An analysis holds the folded graph and, where the program came with its quantizers expanded, the traced one and its
branches as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import get_args

from geta_engine.documents.analysis import (
    AnalysisDocument,
    BranchDocument,
    EdgeDocument,
    GraphDocument,
    GraphStage,
    NodeDocument,
    TracedBranchDocument,
)
from geta_engine.drawing.branches import ExpandedProgram, expanded_program
from geta_engine.errors import InputError

GRAPH_STAGES: tuple[GraphStage, ...] = get_args(GraphStage)


def graph_at(analysis: AnalysisDocument, stage: GraphStage) -> GraphDocument:
    """Nodes and edges of an analysis at a stage.

    trace: every traced op, quantizers expanded, and "branches" beside nodes and edges.
    branches: the same, with "branch" on each op of a branch, its number among them, and a scope for each branch.
    qadg: branches folded, an attached one into the layer that reads it, an inserted one into the edges from its
    producer, which carry its quantizer.
    groups: the same, with the groups of nodes.

    Raises:
        InputError: there is no such stage.
    """
    if stage not in GRAPH_STAGES:
        raise InputError(f"graph stage {stage!r} is not known: give {', '.join(GRAPH_STAGES)}")
    if stage in ("trace", "branches"):
        return _expanded(expanded_program(analysis), in_scopes=stage == "branches")
    if stage == "qadg":
        nodes = [_without_group(node) for node in analysis["graph"]["nodes"]]
        return {"nodes": nodes, "edges": analysis["graph"]["edges"]}
    return analysis["graph"]


def branch_scopes(graph: GraphDocument) -> dict[str, int]:
    """Scope -> number of the branch that it holds, of a graph at "branches"."""
    numbers = ((node["scope"], node.get("branch")) for node in graph["nodes"])
    return {scope: number for scope, number in numbers if number is not None}


def quantizers_of(graph: GraphDocument) -> dict[str, str]:
    """Node -> the quantizer that it is a part of, or whose weight it is, of a graph at "trace" or "branches"."""
    attached = (branch for branch in graph.get("branches", ()) if branch["kind"] == "attached")
    weights = {branch["source"]: branch["quantizer"] for branch in attached if branch["quantizer"]}
    parts = ((node["id"], node.get("part_of")) for node in graph["nodes"])
    return weights | {node: quantizer for node, quantizer in parts if quantizer}


def fold(graph: GraphDocument, branches: Sequence[TracedBranchDocument]) -> GraphDocument:
    """The graph without the ops of branches: edges from the end of a branch start at its source."""
    removed = {name for branch in branches for name in (*branch["nodes"], *branch["scalars"])}
    source_of = {branch["result"]: branch["source"] for branch in branches}
    nodes = [node for node in graph["nodes"] if node["id"] not in removed]
    remaining = {node["id"] for node in nodes}
    edges: list[EdgeDocument] = []
    for edge in graph["edges"]:
        source = edge["source"]
        while source in source_of:
            source = source_of[source]
        if edge["target"] in remaining and source in remaining:
            edges.append({**edge, "source": source})
    return {"nodes": nodes, "edges": edges}


def _expanded(program: ExpandedProgram, in_scopes: bool) -> GraphDocument:
    """A program as a graph without groups and marks; with `in_scopes` each branch is in a scope of its own."""
    branch_of = {name: number for number, branch in enumerate(program.branches) for name in branch["nodes"]}
    scopes = _branch_scopes(program.branches)
    nodes: list[NodeDocument] = []
    for node in program.nodes:
        number = branch_of.get(node["id"])
        drawn: NodeDocument = {**_without_group(node), "quantizer": None, "branch": None, "part_of": None}
        if number is not None:
            drawn["part_of"] = program.branches[number]["quantizer"]
            if in_scopes:
                drawn["branch"], drawn["scope"] = number, scopes[number]
        nodes.append(drawn)
    edges: list[EdgeDocument] = [{**edge, "quantizer": None} for edge in program.edges]
    return {"nodes": nodes, "edges": edges, "branches": program.branches}


def _without_group(node: NodeDocument) -> NodeDocument:
    return {**node, "group": None, "in_group": None, "reason": None}


def _branch_scopes(branches: Iterable[BranchDocument]) -> list[str]:
    """Where each branch is drawn: next to the layer that reads it, under a title of its own.

    Two branches of the weight of `net.fc` are `net.attached · fc` and `net.attached · fc #2`.
    """
    scopes, uses = [], Counter[str]()
    for branch in branches:
        outer, _, label = branch["layer"].rpartition(".")
        label = f"{outer.rpartition('.')[2]} {label}" if label.isdigit() else label
        scope = f"{outer}.{branch['kind']} · {label}".lstrip(".")
        uses[scope] += 1
        scopes.append(scope if uses[scope] == 1 else f"{scope} #{uses[scope]}")
    return scopes
