"""The paper's construction, step by step, on an analysis: the traced program, its quantizer branches, the QADG, groups.

An analysis holds the folded graph and, where the program came with its quantizers expanded, the traced one and its
branches as well; every stage is derived from these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

from geta_engine.errors import InputError

Stage = Literal["trace", "branches", "qadg", "groups"]
STAGES: tuple[Stage, ...] = get_args(Stage)
_NO_GROUP = {"group": None, "in_group": None, "reason": None}


def graph_at(analysis: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    """Nodes and edges of an analysis at a stage; raises InputError for a stage that is not there.

    trace: every traced op, quantizers expanded where the program has them so. branches: the same, each op of a branch
    with `branch`, its number in `analysis["branches"]`. qadg: branches folded - an attached one into the layer that
    reads it, an inserted one into the edges from its producer, which carry its quantizer. groups: the same, with the
    groups of nodes.
    """
    if stage not in STAGES:
        raise InputError(f"graph stage {stage!r} is not known: give {', '.join(STAGES)}")
    if stage in ("trace", "branches"):
        whole = analysis.get("trace", analysis["graph"])
        return _expanded(whole, analysis.get("branches", []), marked=stage == "branches")
    if stage == "qadg":
        nodes = [{**node, **_NO_GROUP} for node in analysis["graph"]["nodes"]]
        return {"nodes": nodes, "edges": analysis["graph"]["edges"]}
    return dict(analysis["graph"])


def _expanded(graph: Mapping[str, Any], branches: Sequence[Mapping[str, Any]], marked: bool) -> dict[str, Any]:
    owner = {name: i for i, branch in enumerate(branches) for name in branch["nodes"]} if marked else {}
    nodes = [{**node, **_NO_GROUP, "branch": owner.get(node["id"])} for node in graph["nodes"]]
    return {"nodes": nodes, "edges": [{**edge, "quantizer": None} for edge in graph["edges"]]}


def fold(graph: Mapping[str, Any], branches: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The graph without the ops of branches: edges from the end of a branch start at its source."""
    gone = {name for branch in branches for name in (*branch["nodes"], *branch["scalars"])}
    sources = {branch["result"]: branch["source"] for branch in branches}
    nodes = [node for node in graph["nodes"] if node["id"] not in gone]
    known = {node["id"] for node in nodes}
    edges = []
    for edge in graph["edges"]:
        if edge["target"] in known:
            source = edge["source"]
            while source in sources:
                source = sources[source]
            if source in known:
                edges.append({**edge, "source": source})
    return {"nodes": nodes, "edges": edges}
