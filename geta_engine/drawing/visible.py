"""What is on screen for a set of open scopes: rows, closed scopes and the edges between them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from geta_engine.documents.analysis import GraphDocument, NodeDocument
from geta_engine.documents.layout import VisibleEdge, VisibleGraph, VisibleNode
from geta_engine.drawing.hidden import DrawnLink
from geta_engine.drawing.hierarchy import NORMS, SCOPE_PREFIX, Hierarchy
from geta_engine.drawing.labels import short_count
from geta_engine.drawing.repeats import is_fold

MODULES_PER_ROW = 4
"""A scope is its modules, which are counted on it, where it holds at least this many for each row among them."""
Nodes = Mapping[str, NodeDocument]
"""Nodes of a graph by id."""


def visible(graph: GraphDocument, hierarchy: Hierarchy, open_scopes: frozenset[str]) -> VisibleGraph:
    """The rows and closed scopes on screen, and the edges between them."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    visible_as = {row: hierarchy.visible_as(row, open_scopes) for row in hierarchy.rows}
    rows_in: dict[str, list[str]] = defaultdict(list)
    for row, key in visible_as.items():
        rows_in[key].append(row)
    entries = {
        key: _scope_entry(key, rows, hierarchy, nodes) if key.startswith(SCOPE_PREFIX) else _row(key, hierarchy, nodes)
        for key, rows in rows_in.items()
    }
    return {"nodes": entries, "edges": _visible_edges(hierarchy, visible_as)}


def _row(key: str, hierarchy: Hierarchy, nodes: Nodes) -> VisibleNode:
    row = hierarchy.rows[key]
    return {
        "id": key,
        "kind": "row",
        "parent": row.path[-1] if row.path else "",
        "label": row.label,
        "badge": "",
        "detail": nodes[row.nodes[0]]["detail"],
        "members": list(row.nodes),
    }


def _scope_entry(key: str, rows: Sequence[str], hierarchy: Hierarchy, nodes: Nodes) -> VisibleNode:
    scope = key.removeprefix(SCOPE_PREFIX)
    outer = hierarchy.around[scope]
    members = [member for row in rows for member in hierarchy.rows[row].nodes]
    layers = sum(1 for member in members if nodes[member]["kind"] == "layer" and nodes[member]["op"] not in NORMS)
    n_params = sum(nodes[member]["n_params"] for member in members)
    content = f"{layers} layer{'s' * (layers != 1)}" if layers else f"{len(members)} ops"
    return {
        "id": key,
        "kind": "scope",
        "parent": outer[-1] if outer else "",
        "label": hierarchy.label(scope),
        "badge": repeat_badge(hierarchy, nodes, scope),
        "detail": f"{content} · {short_count(n_params)}" if n_params else content,
        "members": members,
    }


def _visible_edges(hierarchy: Hierarchy, visible_as: Mapping[str, str]) -> list[VisibleEdge]:
    links: dict[tuple[str, str], list[DrawnLink]] = defaultdict(list)
    for link in hierarchy.links:
        source, target = visible_as[hierarchy.row_of[link.source]], visible_as[hierarchy.row_of[link.target]]
        if source != target:
            links[source, target].append(link)
    return [
        {
            "source": source,
            "target": target,
            "multiplicity": len(merged),
            "quantizers": list(dict.fromkeys(quantizer for link in merged for quantizer in link.quantizers)),
        }
        for (source, target), merged in links.items()
    ]


def repeat_badge(hierarchy: Hierarchy, nodes: Nodes, scope: str) -> str:
    """`×12` when the scope is modules of the same make, `3 blocks` when they are not, else "".

    It is "" below two modules, and where the rows among them are more than one for `MODULES_PER_ROW` modules, or one of
    them is larger than the largest module.

    Twelve blocks and a norm are `×12`; an attention of two norms among four projections has no badge.
    """
    makes = {child: make_of(hierarchy, nodes, child) for child in _unfolded(hierarchy, scope)}
    blocks = {child: make for child, make in makes.items() if make}
    rows = [child for child in makes if not child.startswith(SCOPE_PREFIX)]
    if len(blocks) < 2 or MODULES_PER_ROW * len(rows) > len(blocks):
        return ""
    if rows and _largest(hierarchy, nodes, rows) > _largest(hierarchy, nodes, blocks):
        return ""
    return f"×{len(blocks)}" if len(set(blocks.values())) == 1 else f"{len(blocks)} blocks"


def make_of(hierarchy: Hierarchy, nodes: Nodes, child: str) -> tuple[str, ...]:
    """What a module is made of: the ops inside, in order. Nothing for a row or a quantizer branch."""
    if not child.startswith(SCOPE_PREFIX) or child.removeprefix(SCOPE_PREFIX) in hierarchy.branches:
        return ()
    return tuple(nodes[key]["op"] for key in _nodes_of(hierarchy, child))


def _largest(hierarchy: Hierarchy, nodes: Nodes, children: Iterable[str]) -> int:
    """The most parameters that one of them holds."""
    return max(sum(nodes[key]["n_params"] for key in _nodes_of(hierarchy, child)) for child in children)


def _unfolded(hierarchy: Hierarchy, scope: str) -> Iterator[str]:
    """What is directly inside, with the modules of a fold one by one."""
    for child in hierarchy.children[scope]:
        if is_fold(child):
            yield from hierarchy.children[child.removeprefix(SCOPE_PREFIX)]
        else:
            yield child


def _nodes_of(hierarchy: Hierarchy, child: str) -> Iterator[str]:
    """The nodes of a row, or of all rows in a scope, in order."""
    if not child.startswith(SCOPE_PREFIX):
        yield from hierarchy.rows[child].nodes
        return
    for inner in hierarchy.children[child.removeprefix(SCOPE_PREFIX)]:
        yield from _nodes_of(hierarchy, inner)
