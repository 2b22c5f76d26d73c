"""The paper's construction, step by step, on an analysis: the traced program, its quantizer branches, the QADG, groups.

An analysis holds the folded graph and, where the program came with its quantizers expanded, the traced one and its
branches as well. Where it came without, the quantizers that `prepare` puts in are written out here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from geta_engine.errors import InputError

Stage = Literal["trace", "branches", "qadg", "groups"]
STAGES: tuple[Stage, ...] = get_args(Stage)
_NO_GROUP = {"group": None, "in_group": None, "reason": None}
_KINDS = {"weight": "attached", "activation": "inserted"}
_STEPS = (("clamp", "to ± q_m"), ("div", "by d"), ("round", "half to even"), ("mul", "by d"))
"""The ops of a quantizer with t = 1 (docs/method.md, section 2), and what is written on each."""


class Whole(NamedTuple):
    """A program with its quantizers expanded, and the branches they are: `{"kind", "nodes", "layer", "quantizer"}`."""

    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    branches: list[dict[str, Any]]


def graph_at(analysis: Mapping[str, Any], stage: Stage) -> dict[str, Any]:
    """Nodes and edges of an analysis at a stage; raises InputError for a stage that is not there.

    trace: every traced op, quantizers expanded, and "branches" beside nodes and edges, each with the id of its
    "quantizer" or None. branches: the same, each op of a branch with `branch`, its number among them, and in a scope of
    its branch's own. qadg: branches folded - an attached one into the layer
    that reads it, an inserted one into the edges from its producer, which carry its quantizer. groups: the same, with
    the groups of nodes.
    """
    if stage not in STAGES:
        raise InputError(f"graph stage {stage!r} is not known: give {', '.join(STAGES)}")
    if stage in ("trace", "branches"):
        return _expanded(_whole(analysis), marked=stage == "branches")
    if stage == "qadg":
        nodes = [{**node, **_NO_GROUP} for node in analysis["graph"]["nodes"]]
        return {"nodes": nodes, "edges": analysis["graph"]["edges"]}
    return dict(analysis["graph"])


def branch_scopes(graph: Mapping[str, Any]) -> dict[str, int]:
    """Scope -> number of the branch that it holds, of a graph at "branches"."""
    return {node["scope"]: node["branch"] for node in graph["nodes"] if node.get("branch") is not None}


def quantizers_of(graph: Mapping[str, Any]) -> dict[str, str]:
    """Node -> the quantizer that it is a part of, or whose weight it is, of a graph at "trace" or "branches"."""
    attached = (branch for branch in graph.get("branches", ()) if branch["kind"] == "attached" and branch["quantizer"])
    weights = {branch["source"]: branch["quantizer"] for branch in attached}
    return weights | {node["id"]: node["part_of"] for node in graph["nodes"] if node.get("part_of")}


def _whole(analysis: Mapping[str, Any]) -> Whole:
    if "trace" in analysis:
        known = _with_quantizers(analysis["branches"], analysis["quantizers"])
        return Whole(analysis["trace"]["nodes"], analysis["trace"]["edges"], known)
    return _written_out(analysis["graph"], analysis["quantizers"])


def _with_quantizers(
    branches: Sequence[Mapping[str, Any]], quantizers: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Each branch with the id of the quantizer of what it starts from, through branches before it; None without one."""
    before = {branch["result"]: branch["source"] for branch in branches}
    owners = {(_KINDS[quantizer["kind"]], quantizer["source"]): quantizer["id"] for quantizer in quantizers}
    known = []
    for branch in branches:
        source = branch["source"]
        while source in before:
            source = before[source]
        known.append({**branch, "quantizer": owners.get((branch["kind"], source))})
    return known


def _written_out(graph: Mapping[str, Any], quantizers: Sequence[Mapping[str, Any]]) -> Whole:
    """A graph with each of its quantizers as the ops that it is."""
    facts = {node["id"]: node for node in graph["nodes"]}
    marked: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for edge in graph["edges"]:
        if edge["quantizer"]:
            marked[edge["quantizer"]].append(edge)
    nodes = [dict(node) for node in graph["nodes"]]
    edges = [dict(edge) for edge in graph["edges"] if not edge["quantizer"]]
    branches = []
    for quantizer in quantizers:
        name, reading = quantizer["id"], marked[quantizer["id"]]
        if quantizer["kind"] == "weight":
            targets, source = [key for key in quantizer["readers"] if key in facts], f"{name}|weight"
            label, size = ".".join(name.split(".")[-2:]), f"{quantizer['parameters']:,} numbers"
            nodes.append(_step(source, label, size, facts[targets[0]], "parameter"))
        elif reading:
            targets, source = list(dict.fromkeys(edge["target"] for edge in reading)), reading[0]["source"]
        else:
            continue
        chain = [f"{name}|{op}" for op, _ in _STEPS]
        steps = [_step(key, op, detail, facts[targets[0]]) for key, (op, detail) in zip(chain, _STEPS)]
        nodes += [{**step, "shape": facts[source]["shape"]} if source in facts else step for step in steps]
        pairs = [*zip([source, *chain], chain), *((chain[-1], target) for target in targets)]
        edges += [{"source": a, "target": b, "quantizer": None} for a, b in pairs]
        branch = {"kind": _KINDS[quantizer["kind"]], "layer": quantizer["layer"], "quantizer": name}
        branches.append({**branch, "source": source, "result": chain[-1], "nodes": chain})
    return Whole(_in_order(nodes, edges), edges, branches)


def _step(key: str, op: str, detail: str, reader: Mapping[str, Any], kind: str = "op") -> dict[str, Any]:
    blank = {"shape": [], "parameters": [], "n_params": 0, "macs": 0, "quantizer": None}
    own = {"id": key, "name": op, "label": op, "op": op, "kind": kind, "scope": reader["scope"], "detail": detail}
    return {**own, **blank, **_NO_GROUP}


def _in_order(nodes: list[dict[str, Any]], edges: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Nodes so that sources come first, each as late as its first reader allows."""
    sources: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        sources[edge["target"]].append(edge["source"])
    facts = {node["id"]: node for node in nodes}
    placed: dict[str, None] = {}
    for key in facts:
        waiting = [key]
        while waiting:
            missing = [s for s in sources[waiting[-1]] if s not in placed and s in facts and s not in waiting]
            if missing:
                waiting += missing[:1]
            else:
                placed[waiting.pop()] = None
    return [facts[key] for key in placed]


def _expanded(whole: Whole, marked: bool) -> dict[str, Any]:
    owner = {name: i for i, branch in enumerate(whole.branches) for name in branch["nodes"]}
    scopes = _branch_scopes(whole.branches)
    nodes = []
    for node in whole.nodes:
        branch = owner.get(node["id"])
        quantizer = None if branch is None else whole.branches[branch]["quantizer"]
        part = {"branch": branch if marked else None, "part_of": quantizer}
        scope = node["scope"] if branch is None or not marked else scopes[branch]
        nodes.append({**node, **_NO_GROUP, **part, "scope": scope, "quantizer": None})
    edges = [{**edge, "quantizer": None} for edge in whole.edges]
    return {"nodes": nodes, "edges": edges, "branches": whole.branches}


def _branch_scopes(branches: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where each branch is drawn: beside the layer that reads it, under a title of its own.

    Worked: two branches of the weight of `net.fc` are `net.attached · fc` and `net.attached · fc #2`.
    """
    scopes, seen = [], Counter[str]()
    for branch in branches:
        outer, _, label = branch["layer"].rpartition(".")
        label = f"{outer.rpartition('.')[2]} {label}" if label.isdigit() else label
        scope = f"{outer}.{branch['kind']} · {label}".lstrip(".")
        seen[scope] += 1
        scopes.append(scope if seen[scope] == 1 else f"{scope} #{seen[scope]}")
    return scopes


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
